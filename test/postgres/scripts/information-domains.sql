-- The types of information_schema, named as any others.
\set VERBOSITY verbose
SELECT 1::information_schema.cardinal_number, 'x'::information_schema.sql_identifier, 'abc'::information_schema.character_data, 'YES'::information_schema.yes_or_no;
SELECT (-1)::information_schema.cardinal_number;
SELECT 'maybe'::information_schema.yes_or_no;
SELECT pg_typeof(1::information_schema.cardinal_number), pg_typeof('x'::information_schema.sql_identifier);
CREATE TABLE it (a information_schema.cardinal_number, b information_schema.yes_or_no, c information_schema.sql_identifier, d information_schema.character_data, e information_schema.time_stamp);
INSERT INTO it (a) VALUES (-1);
INSERT INTO it (a, b, c, d) VALUES (1, 'NO', 'x', 'y');
INSERT INTO it (b) VALUES ('perhaps');
SELECT a, b, c, d, e IS NOT NULL FROM it;
\d it
SELECT typname, typtype, typbasetype::regtype, typtypmod, typnotnull FROM pg_type WHERE typnamespace = 'information_schema'::regnamespace AND typtype = 'd' ORDER BY 1;
DROP TABLE it;
SELECT '{1,2}'::information_schema.cardinal_number[];
SELECT 'information_schema.cardinal_number'::regtype;
SELECT cardinal_number '5';
PREPARE p (information_schema.cardinal_number) AS SELECT $1;
EXECUTE p (-1);
SELECT NULL::information_schema.yes_or_no IS NULL;
SELECT domain_name, data_type FROM information_schema.domains WHERE domain_schema = 'information_schema' ORDER BY 1;
CREATE VIEW dv AS SELECT 1::information_schema.cardinal_number AS c; \d+ dv
CREATE DOMAIN cardinal_number AS text; SELECT 'x'::cardinal_number, 1::information_schema.cardinal_number; DROP DOMAIN cardinal_number;
DROP VIEW dv;
