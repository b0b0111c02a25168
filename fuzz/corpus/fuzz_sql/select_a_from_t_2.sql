select `a` from t
