copy (select 1) to 'x' with (format parquet)
