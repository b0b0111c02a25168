insert into t (b, a) values (1, default), (2, 3)
