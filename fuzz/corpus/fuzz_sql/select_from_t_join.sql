select 1 from t join u
