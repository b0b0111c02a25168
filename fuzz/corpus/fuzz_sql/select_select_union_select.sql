select ((select 1) union (select 2)), x in ((select 1)), x in (1,2), (a,b) in ((1,2)), exists (select 1), array[1,2][1:2], m['k'].f, {'a': 1, b: 2}, map {1: 2}, struct(1 as a, b), row(1)
