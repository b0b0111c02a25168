select * from where x
