select percentile_cont(0.5) within group (order by x desc), first_value(a) ignore nulls over (order by b), string_agg(x, ',' order by y)
