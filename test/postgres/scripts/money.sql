-- money: reading, showing, arithmetic, order, keys, casts, words.
SELECT '1234.5'::money, '$1,234.567'::money, '-$0.01'::money, '(12)'::money, '12-'::money, ' $ 5 '::money, ''::money, '.5'::money, '1,2,3'::money, '+7'::money, '-92233720368547758.08'::money;
\set VERBOSITY verbose
SELECT '1..2'::money;
SELECT 'x'::money;
SELECT '1,2.3,4,5'::money;
SELECT '92233720368547758.08'::money;
SELECT '92233720368547758.075'::money;
SELECT '92233720368547758.07'::money + '0.01';
SELECT '-92233720368547758.08'::money - '0.01'::money;
SELECT '92233720368547758.07'::money * 2;
SELECT '1'::money * 1e20::float8;
SELECT '1'::money * 'NaN'::float8;
SELECT '1'::money / 0;
SELECT '1'::money / 0.0::float4;
SELECT '1'::money / '0'::money;
SELECT '-92233720368547758.08'::money / (-1);
SELECT 92233720368547759::bigint::money;
SELECT 'NaN'::numeric::money;
SELECT 1e20::numeric::money;
SELECT '1'::money::int;
SELECT '1'::money + 1;
SELECT avg('1'::money);
SELECT sum(m) FROM (VALUES ('92233720368547758.07'::money), ('1')) v (m);
\set VERBOSITY default
CREATE TABLE prices (id int PRIMARY KEY, p money DEFAULT 9.99, all_of money[]);
INSERT INTO prices VALUES (1, '$1,234.56', '{1.5,NULL,-2}'), (2, '-0.01', '{}'), (3, DEFAULT, NULL), (4, 0, NULL), (5, 10000000000.005, NULL), (6, '92233720368547758.07', NULL), (7, NULL, NULL);
SELECT * FROM prices ORDER BY p, id;
SELECT id, p FROM prices WHERE p > '0' AND p < '2000'::money ORDER BY p DESC;
SELECT id, p + '1', p - '1', p * 2, 3 * p, p * 1.5::float8, 0.5::float4 * p, p / 3, p / 3::float8, p / '2'::money FROM prices WHERE id < 6 ORDER BY id;
SELECT sum(p), min(p), max(p), count(DISTINCT p) FROM prices WHERE id < 6;
SELECT id, sum(p) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM prices WHERE id < 6 ORDER BY id;
CREATE UNIQUE INDEX prices_p ON prices (p);
SELECT id FROM prices WHERE p = '9.99';
SELECT id FROM prices WHERE p BETWEEN '-1' AND '10' ORDER BY p;
INSERT INTO prices VALUES (8, '$9.99');
\d prices
SELECT p::numeric, p::text, p::numeric::int, cash_words(p), to_json(p), p || '!' FROM prices WHERE id < 7 ORDER BY id;
SELECT 5::money, 5::bigint::money, 1.235::numeric::money, (-1.235)::numeric::money, '12'::text::money;
SELECT cash_words('0'), cash_words('1'), cash_words('21.01'), cash_words('-1000000'), cash_words('110.13');
COPY (SELECT * FROM prices ORDER BY id) TO STDOUT;
COPY prices (id, p) FROM STDIN;
20	$20.20
\.
SELECT id, p FROM prices WHERE id = 20;
PREPARE below (money) AS SELECT id FROM prices WHERE p < $1 ORDER BY id;
EXECUTE below ('1');
EXECUTE below (1);
CREATE VIEW dear AS SELECT id, p * 2 AS twice, '1'::money AS one FROM prices WHERE p > '$1,000'::money;
SELECT pg_get_viewdef('dear');
SELECT * FROM dear ORDER BY id;
DROP VIEW dear;
ALTER TABLE prices ALTER p DROP DEFAULT, ALTER p TYPE numeric USING p::numeric;
SELECT id, p FROM prices ORDER BY id;
DROP TABLE prices;
