select * from t wehre x = 1
