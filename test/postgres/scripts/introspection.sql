-- What tools ask of the catalogs before they show a table: names, columns, keys and indexes, in the ways that dashboards and mappers ask for them.
\set VERBOSITY verbose
CREATE SCHEMA looking;
SET search_path TO looking;
CREATE TABLE parent (id serial PRIMARY KEY, name text NOT NULL, UNIQUE (name) DEFERRABLE);
CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, worth numeric(8, 2) DEFAULT 1.5, CHECK (id > parent));
CREATE INDEX ON child (parent DESC, id);
CREATE VIEW both AS SELECT c.id, p.name FROM child c JOIN parent p ON p.id = c.parent;
COMMENT ON TABLE child IS 'of somebody';
COMMENT ON COLUMN child.worth IS 'in euros';
-- Tables, whether there are statistics of them or not.
SELECT c.relname, c.relkind, d.description, s.relid = c.oid AS counted FROM pg_class c LEFT JOIN pg_description d ON d.objoid = c.oid AND d.objsubid = 0 AND d.classoid = 'pg_class'::regclass LEFT JOIN pg_stat_user_tables s ON s.schemaname = 'looking' AND s.relname = c.relname WHERE c.relnamespace = 'looking'::regnamespace AND c.relkind IN ('r', 'v') ORDER BY 1;
SELECT schemaname, relname, indexrelname FROM pg_stat_user_indexes WHERE schemaname = 'looking' ORDER BY 3;
SELECT count(*) FROM pg_stat_all_tables WHERE relname IN ('parent', 'child', 'pg_class');
SELECT datname = current_database() AS own FROM pg_stat_database WHERE datname = current_database();
-- Columns of whatever has a type of its rows.
SELECT c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum WHERE c.relnamespace = 'looking'::regnamespace AND c.reltype > 0 ORDER BY 1, 2;
-- Foreign keys, a line for each pair of columns.
SELECT k.conname, own.attname AS own, target.relname AS target, other.attname AS other, k.condeferrable, k.condeferred, k.convalidated FROM (SELECT conname, conrelid, confrelid, condeferrable, condeferred, convalidated, unnest(conkey) AS o, unnest(confkey) AS t FROM pg_constraint WHERE contype = 'f' AND connamespace = 'looking'::regnamespace) k JOIN pg_attribute own ON own.attrelid = k.conrelid AND own.attnum = k.o JOIN pg_attribute other ON other.attrelid = k.confrelid AND other.attnum = k.t JOIN pg_class target ON target.oid = k.confrelid;
-- Columns of indexes in their order.
SELECT i.relname, x.n, a.attname, x.o & 1 AS descending, x.indisunique, x.indimmediate, k.contype FROM (SELECT indrelid, indexrelid, indisunique, indimmediate, unnest(indkey) AS key, generate_subscripts(indkey, 1) AS n, unnest(indoption) AS o FROM pg_index) x JOIN pg_class i ON i.oid = x.indexrelid AND i.relnamespace = 'looking'::regnamespace LEFT JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.key LEFT JOIN pg_constraint k ON k.conindid = x.indexrelid AND k.contype <> 'f' ORDER BY 1, 2;
SELECT table_name, column_name, ordinal_position, data_type, numeric_precision, numeric_scale, is_nullable FROM information_schema.columns WHERE table_schema = 'looking' ORDER BY 1, 3;
SELECT constraint_name, constraint_type, is_deferrable, initially_deferred FROM information_schema.table_constraints WHERE table_schema = 'looking' AND constraint_type <> 'CHECK' ORDER BY 1;
SELECT t.schemaname, t.tablename, has_table_privilege(quote_ident(t.schemaname) || '.' || quote_ident(t.tablename), 'SELECT') FROM pg_tables t WHERE t.schemaname = 'looking' ORDER BY 2;
\d looking.child
SET client_min_messages TO warning;
DROP SCHEMA looking CASCADE;
