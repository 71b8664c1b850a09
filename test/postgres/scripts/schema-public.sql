-- The schema that is there from the beginning can go and come back, as those who begin anew have it.
\set VERBOSITY verbose
\set SHOW_CONTEXT never
CREATE DATABASE schema_public;
\connect schema_public
CREATE TABLE public.pub_a (id serial PRIMARY KEY, v text);
CREATE SEQUENCE public.pub_s;
CREATE VIEW public.pub_v AS SELECT id FROM public.pub_a;
INSERT INTO pub_a (v) VALUES ('one'), ('two');
DROP SCHEMA public;
DROP SCHEMA public CASCADE;
SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('kimberlite') ORDER BY 1;
SELECT schema_name FROM information_schema.schemata WHERE schema_name = 'public';
DROP SCHEMA public;
DROP SCHEMA IF EXISTS public;
CREATE TABLE pub_a (id int);
CREATE TABLE public.pub_a (id int);
SELECT * FROM pub_a;
SELECT * FROM public.pub_a;
SELECT current_schema(), current_schemas(false), to_regnamespace('public');
GRANT USAGE ON SCHEMA public TO admin;
COMMENT ON SCHEMA public IS 'x';
ALTER SCHEMA public OWNER TO admin;
CREATE SCHEMA public;
CREATE SCHEMA public;
SELECT nspname, nspacl, nspowner::regrole, obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = 'public';
SELECT current_schema(), current_schemas(false);
CREATE TABLE pub_a (id int PRIMARY KEY, v text);
INSERT INTO pub_a VALUES (1, 'anew');
SELECT * FROM public.pub_a;
SELECT has_schema_privilege('public', 'USAGE'), has_schema_privilege('public', 'CREATE');
GRANT USAGE ON SCHEMA public TO PUBLIC;
SELECT nspacl FROM pg_namespace WHERE nspname = 'public';
COMMENT ON SCHEMA public IS 'anew';
SELECT nspname, nspacl, obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = 'public';
BEGIN;
DROP SCHEMA public CASCADE;
SELECT * FROM pub_a;
ROLLBACK;
SELECT * FROM pub_a;
BEGIN;
DROP SCHEMA public CASCADE;
CREATE SCHEMA public;
CREATE TABLE pub_a (id int);
COMMIT;
SELECT * FROM pub_a;
DROP SCHEMA public CASCADE;
CREATE SCHEMA public;
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname = 'public';
\connect main
DROP DATABASE schema_public;
