set on_error = skip; show all; show on_error; reset on_error; show create materialized view x; show checkpoint status; describe extended x; checkpoint; restore from checkpoint 3
