create or replace sink x from t where a > 1 into kafka (topic = '${T}') format debezium
