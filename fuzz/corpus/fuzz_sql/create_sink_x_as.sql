create sink x as select a from t format json with (a = 1)
