SELECT * FROM second ORDER BY total;
SELECT * FROM third;
SELECT * FROM fourth;
SELECT * FROM fifth ORDER BY k;
SELECT * FROM most ORDER BY k;
