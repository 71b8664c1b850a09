-- Users are dropped once nothing is theirs any more; what is theirs is given away or dropped.
\set VERBOSITY verbose
DROP USER nobody_yet;
DROP USER IF EXISTS nobody_yet;
CREATE USER ann PASSWORD 'secret';
CREATE USER ann PASSWORD 'secret';
CREATE USER bob PASSWORD 'secret';
DROP USER admin;
CREATE TABLE given (id int);
CREATE SEQUENCE counted;
GRANT SELECT, INSERT ON given TO ann WITH GRANT OPTION;
GRANT USAGE ON SEQUENCE counted TO ann;
GRANT SELECT ON given TO bob;
CREATE SCHEMA apart AUTHORIZATION ann;
CREATE TABLE apart.first (id int PRIMARY KEY);
CREATE TABLE apart.second (id int REFERENCES apart.first);
CREATE VIEW apart.seen AS SELECT id FROM apart.first;
ALTER TABLE apart.first OWNER TO ann;
ALTER TABLE apart.second OWNER TO ann;
ALTER VIEW apart.seen OWNER TO ann;
DROP USER ann;
REASSIGN OWNED BY ann TO nobody_yet;
REASSIGN OWNED BY nobody_yet TO ann;
DROP OWNED BY nobody_yet;
REASSIGN OWNED BY ann TO bob;
SELECT relname, pg_get_userbyid(relowner) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'apart' AND relkind IN ('r', 'v') ORDER BY 1;
DROP USER ann;
DROP OWNED BY ann;
DROP USER ann;
\dp given
DROP USER bob;
CREATE VIEW others AS SELECT id FROM apart.first;
\set VERBOSITY terse
DROP OWNED BY bob;
\set VERBOSITY verbose
SET client_min_messages TO warning;
DROP OWNED BY bob CASCADE;
SELECT count(*) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'apart';
DROP USER bob;
DROP TABLE given;
DROP SEQUENCE counted;
