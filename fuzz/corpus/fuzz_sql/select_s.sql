select 5s
