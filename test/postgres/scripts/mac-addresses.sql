-- macaddr and macaddr8: forms of reading, order, keys, bits, casts.
SELECT '08:00:2b:01:02:03'::macaddr, '08-00-2B-01-02-03'::macaddr, '08002b:010203'::macaddr, '08002b-010203'::macaddr, '0800.2b01.0203'::macaddr, '0800-2b01-0203'::macaddr, '08002b010203'::macaddr, '8:0:2b:1:2:3'::macaddr, ' 8: 0:0x2b:1:2:3 '::macaddr;
SELECT '08:00:2b:01:02:03:04:05'::macaddr8, '08-00-2b-01-02-03'::macaddr8, '08002b0102030405'::macaddr8, '0800.2b01.0203.0405'::macaddr8, '08002b:0102030405'::macaddr8, ' 08:00:2b:01:02:03 '::macaddr8;
\set VERBOSITY verbose
SELECT '0800:2b01:0203'::macaddr;
SELECT 'not even close'::macaddr;
SELECT '08:00:2b:01:02'::macaddr;
SELECT '08:00:2b:01:02:03x'::macaddr;
SELECT '100:00:2b:01:02:03'::macaddr;
SELECT '-1:00:2b:01:02:03'::macaddr;
SELECT ''::macaddr;
SELECT '08:00-2b:01:02:03'::macaddr8;
SELECT '08:00:2b:01:02:0z'::macaddr8;
SELECT '08:00:2b:01:02:03 04'::macaddr8;
SELECT '08:00:2b:01:02:03:04:05:06'::macaddr8;
SELECT ''::macaddr8;
SELECT '08:00:2b:01:02:03:04:05'::macaddr8::macaddr;
SELECT min(macaddr '08:00:2b:01:02:03');
SELECT macaddr '08:00:2b:01:02:03' + 1;
\set VERBOSITY default
CREATE TABLE cards (id int PRIMARY KEY, m macaddr DEFAULT '08002b010203', w macaddr8, all_of macaddr[]);
INSERT INTO cards VALUES (1, '08:00:2b:01:02:03', '08:00:2b:01:02:03', '{08:00:2b:01:02:03,NULL}'), (2, '00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff:ff:ff', '{}'), (3, 'ff:ff:ff:ff:ff:ff', '00:00:00:00:00:00:00:01', NULL), (4, NULL, NULL, NULL);
INSERT INTO cards (id, w) VALUES (5, '08:00:2b:ff:fe:01:02:04');
SELECT * FROM cards ORDER BY m, id;
SELECT * FROM cards ORDER BY w DESC, id;
SELECT a.id, b.id, a.m < b.m AS lt, a.m = b.m AS eq, a.m >= b.m AS ge, a.w <> b.w AS ne FROM cards a, cards b WHERE a.id < b.id ORDER BY 1, 2;
SELECT id, trunc(m), ~ m, m & '00:00:00:ff:ff:ff', m | '01:02:03:04:05:06', m::macaddr8, m::text FROM cards ORDER BY id;
SELECT id, trunc(w), ~ w, w & '00:00:00:ff:ff:ff:00:ff', w | '01:02:03:04:05:06:07:08', macaddr8_set7bit(w), w::text FROM cards ORDER BY id;
SELECT '08:00:2b:ff:fe:01:02:04'::macaddr8::macaddr, macaddr8 '08:00:2b:01:02:03' = macaddr '08:00:2b:01:02:03', macaddr_cmp('08:00:2b:01:02:03', '08:00:2b:01:02:04');
SELECT m, count(*) FROM cards GROUP BY m ORDER BY m;
SELECT count(DISTINCT m), count(DISTINCT w) FROM cards;
CREATE UNIQUE INDEX cards_w ON cards (w);
CREATE INDEX ON cards (m DESC);
SELECT id FROM cards WHERE w = '08002b0102030405' OR w = '08002bfffe010204';
SELECT id FROM cards WHERE m > '00:00:00:00:00:00' AND m < 'ff:ff:ff:ff:ff:ff' ORDER BY m, id;
SELECT id FROM cards WHERE m IN ('08-00-2b-01-02-03', '000000000000') ORDER BY id;
INSERT INTO cards (id, w) VALUES (6, '08:00:2b:ff:fe:01:02:04');
\d cards
SELECT to_json(m), jsonb_build_array(w, all_of), m || '!', array_agg(m) FROM cards WHERE id = 1 GROUP BY id;
COPY (SELECT * FROM cards ORDER BY id) TO STDOUT;
COPY cards (id, m) FROM STDIN;
20	0800.2b01.0299
\.
SELECT id, m FROM cards WHERE id = 20;
PREPARE one (macaddr) AS SELECT id FROM cards WHERE m = $1 ORDER BY id;
EXECUTE one ('08002b010203');
CREATE VIEW makers AS SELECT trunc(m) AS maker, count(*) FROM cards WHERE m <> macaddr '000000000000' GROUP BY 1;
SELECT pg_get_viewdef('makers');
SELECT * FROM makers ORDER BY 1;
DROP VIEW makers;
ALTER TABLE cards ALTER m TYPE macaddr8;
SELECT id, m FROM cards ORDER BY id;
DROP TABLE cards;
CREATE TABLE makes (w macaddr8 PRIMARY KEY, m macaddr UNIQUE);
CREATE TABLE of_make (w macaddr8 REFERENCES makes, m macaddr REFERENCES makes (m));
INSERT INTO makes VALUES ('08002bfffe010204', '08002b010204');
INSERT INTO of_make VALUES ('08002b010204', '08002b010204');
INSERT INTO of_make VALUES ('08002b010205', NULL);
DROP TABLE of_make, makes;
