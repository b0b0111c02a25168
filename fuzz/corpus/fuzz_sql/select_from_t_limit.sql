select * from t limit 5, 10
