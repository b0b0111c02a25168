select * from t where (a = 1 and b = 2))
