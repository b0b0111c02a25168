select * from t group a
