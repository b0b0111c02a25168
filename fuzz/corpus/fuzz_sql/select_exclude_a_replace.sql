select * exclude (a) replace (b+1 as b) from s.t a join b using (k) left join c on a.x = c.x asof left join d match_condition (a.ts >= d.ts) on a.k = d.k, lateral (select 1) z
