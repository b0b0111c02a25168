(select 1 limit 1) union all select 2 union all (select 3 union select 4) intersect select 5 order by all desc limit 3 offset 4
