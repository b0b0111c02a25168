-- Local item suggestion: who sells in OR, ID or CA in category 10. An incremental join of two filtered streams, without windows.
CREATE STREAM q3 AS
SELECT p.name, p.city, p.state, a.id
FROM auction a JOIN person p ON a.seller = p.id
WHERE a.category = 10 AND (p.state = 'OR' OR p.state = 'ID' OR p.state = 'CA');
