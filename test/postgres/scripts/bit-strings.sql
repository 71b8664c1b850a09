-- bit(n) and bit varying(n): constants, lengths, logic, parts, keys, casts.
SELECT B'101', X'1F', b'', x'aF', '101'::bit(3), '101'::varbit, 'x1f'::bit(8), bit '1', bit(4) '1010', bit varying(5) '101', pg_typeof(B'1'), pg_typeof(B'1' || B'0');
SELECT '101'::bit, '101'::bit(5), B'10111'::bit(2), B'10111'::varbit(2), B'101'::bit(2)::varbit, '{101,NULL}'::bit(4)[], '{1,X0f}'::varbit[];
\set VERBOSITY verbose
SELECT B'12';
SELECT X'1G';
SELECT '1 1'::varbit;
SELECT 'b12'::bit(4);
SELECT ''::bit(0);
SELECT '1'::bit(83886081);
SELECT '1'::bit varying(0);
SELECT '1'::bit(1, 2);
SELECT B'101' & B'10';
SELECT B'101' | B'10';
SELECT B'101' # B'10';
SELECT get_bit(B'101', 3);
SELECT set_bit(B'101', -1, 1);
SELECT set_bit(B'101', 1, 2);
SELECT substring(B'101' FROM 1 FOR -1);
SELECT overlay(B'101' PLACING B'1' FROM 0);
SELECT B'1' + B'1';
SELECT B'1' = 1;
SELECT B'1'::smallint;
SELECT B'1'::text::int, B'10'::char(1), 5::varbit;
SELECT X'fffffffff'::int;
SELECT X'fffffffffffffffff'::bigint;
SELECT '1' FROM (VALUES (1)) v GROUP BY B'1';
SELECT 1 ORDER BY B'1';
SELECT min(B'1');
SELECT bit_and(b) FROM (VALUES (B'1'), (B'10')) v (b);
\set VERBOSITY default
CREATE TABLE flags (id int PRIMARY KEY, b bit(4) DEFAULT B'1010', v bit varying(12) DEFAULT X'F0', one bit, all_of bit(3)[]);
INSERT INTO flags VALUES (1, '0000', '', '1', '{101,010}'), (2, '0001', '0', B'0', NULL), (3, DEFAULT, DEFAULT, NULL, '{}'), (4, X'F', '00000000', '1', NULL), (5, '1000', '000000001', '0', NULL), (6, NULL, '1', '1', NULL);
\set VERBOSITY verbose
INSERT INTO flags VALUES (7, '101');
INSERT INTO flags VALUES (7, B'10101');
INSERT INTO flags (id, v) VALUES (7, '1111111111111');
INSERT INTO flags (id, v) SELECT 7, repeat('1', 13)::varbit;
INSERT INTO flags (id, one) VALUES (7, '11');
INSERT INTO flags (id, all_of) VALUES (7, '{1}');
UPDATE flags SET b = v WHERE id = 2;
\set VERBOSITY default
SELECT * FROM flags ORDER BY v, id;
SELECT id, b FROM flags ORDER BY b DESC NULLS LAST;
SELECT a.id, b.id, a.v < b.v AS lt, a.v = b.v AS eq, a.v >= b.v AS ge FROM flags a, flags b WHERE a.id < b.id ORDER BY 1, 2;
SELECT DISTINCT one FROM flags ORDER BY 1;
SELECT v, count(*) FROM flags GROUP BY v ORDER BY v;
CREATE UNIQUE INDEX flags_v ON flags (v);
CREATE INDEX flags_b ON flags (b DESC, v);
SELECT id FROM flags WHERE v = '00000000';
SELECT id FROM flags WHERE v > B'0' AND v < B'1' ORDER BY v;
SELECT id FROM flags WHERE b IN ('1010', B'1111') ORDER BY id;
SELECT id FROM flags WHERE b = ANY ('{1010,0000}'::bit(4)[]) ORDER BY id;
INSERT INTO flags (id, v) VALUES (8, '0');
INSERT INTO flags (id, v) VALUES (8, '0') ON CONFLICT (v) DO UPDATE SET b = ~ flags.b RETURNING id, b, v;
\d flags
SELECT id, ~ b, b & B'0101', b | '0011', b # X'A', b << 1, b >> 2, b << -2, b >> 40, b || v FROM flags ORDER BY id;
SELECT id, length(v), bit_length(v), octet_length(v), bit_count(v), substring(v FROM 2 FOR 3), substring(v, 3), position(B'1' IN v), overlay(v PLACING B'11' FROM 2), overlay(v PLACING B'11' FROM 2 FOR 0) FROM flags ORDER BY id;
SELECT get_bit(B'0100', 1), set_bit(B'0100', 0, 1), position(B'' IN B'1'), position(B'1' IN B''), substring(B'10101' FROM -1 FOR 4), substring(B'10101' FROM 2147483647 FOR 2147483647);
SELECT 5::bit(4), (-5)::bit(4), (-5)::bit(40), 5::bit, 44::bit(3), 1234567890123::bigint::bit(64), (-1)::bigint::bit(70), B'1011'::int, X'FFFFFFFF'::int, X'FFFFFFFFFFFFFFFF'::bigint, B''::int;
SELECT bit_and(b), bit_or(b), bit_xor(b), bit_or(one) FROM flags;
SELECT to_json(b), jsonb_build_object('v', v), b || 'x'::text, concat(v, '!'), quote_literal(b) FROM flags WHERE id = 3;
SELECT coalesce(v, b), CASE WHEN id < 3 THEN b ELSE v END, greatest(b, v), NULLIF(v, '0') FROM flags ORDER BY id;
CREATE VIEW raised AS SELECT id, b & B'1100'::bit(4) AS high, X'0f' AS mask, (5)::bit(4) AS five, v || '1' AS more FROM flags WHERE v > '0'::varbit AND b <> B'0000';
SELECT pg_get_viewdef('raised');
SELECT * FROM raised ORDER BY id;
COPY (SELECT * FROM flags ORDER BY id) TO STDOUT;
COPY (SELECT * FROM flags ORDER BY id) TO STDOUT (FORMAT csv);
COPY flags (id, b, v) FROM STDIN;
20	XF	X0A
21	1011	b01
\.
COPY flags (id, b, v) FROM STDIN;
22	111	1
\.
COPY flags (id, b, v) FROM STDIN;
22	1111	1010101010101
\.
SELECT id, b, v FROM flags WHERE id >= 20 ORDER BY id;
PREPARE one (bit(4), varbit) AS SELECT $1, $2 || $1;
EXECUTE one ('1010', '1');
EXECUTE one (B'101', '1');
EXECUTE one (X'A', X'1');
CREATE DOMAIN nibble AS bit(4) CHECK (VALUE <> '0000');
SELECT '1010'::nibble, '1'::nibble;
SELECT '0000'::nibble;
ALTER TABLE flags ALTER v TYPE bit(12);
ALTER TABLE flags ALTER b TYPE int USING b::int;
DROP VIEW raised;
ALTER TABLE flags ALTER b DROP DEFAULT, ALTER b TYPE int USING b::int;
ALTER TABLE flags ALTER v TYPE varbit(20);
SELECT id, b, v FROM flags ORDER BY id;
SELECT format_type(1560, 4), format_type(1560, -1), format_type(1560, NULL), format_type(1562, 5), format_type(1562, -1), format_type(1561, 3), 'bit(3)'::regtype, 'bit varying'::regtype, 'varbit[]'::regtype;
SELECT column_name, data_type, character_maximum_length, udt_name FROM information_schema.columns WHERE table_name = 'flags' ORDER BY ordinal_position;
SELECT castsource::regtype, casttarget::regtype, castfunc, castcontext, castmethod FROM pg_cast WHERE castsource IN ('bit'::regtype, 'varbit'::regtype) OR casttarget IN ('bit'::regtype, 'varbit'::regtype) ORDER BY 1, 2;
DROP TABLE flags;
DROP DOMAIN nibble;
