update t as x set a = 1, b = default where c
