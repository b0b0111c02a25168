explain analyze (format json) select 1
