SELECT relation, operator, rows_in, shared_with FROM system.operators WHERE relation IN ('second', 'third', 'fourth', 'fifth', 'most') ORDER BY relation, id;
