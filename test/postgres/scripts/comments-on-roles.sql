\set VERBOSITY verbose
-- Roles and databases are shared by all databases, and so are the comments on them.
CREATE ROLE clerks;
CREATE ROLE makers CREATEROLE;
COMMENT ON ROLE clerks IS 'those who write';
COMMENT ON DATABASE main IS 'it''s the main one';
SELECT shobj_description('clerks'::regrole, 'pg_authid'), shobj_description('clerks'::regrole, 'pg_class');
SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database();
\du+ clerks
SELECT description FROM pg_shdescription
  WHERE objoid IN ('clerks'::regrole, (SELECT oid FROM pg_database WHERE datname = 'main')) ORDER BY 1;
-- They are no settings, and stay when those are reset.
ALTER ROLE clerks SET work_mem = '5MB';
ALTER ROLE clerks IN DATABASE main SET work_mem = '6MB';
ALTER DATABASE main SET work_mem = '7MB';
\drds
SELECT rolconfig FROM pg_roles WHERE rolname = 'clerks';
ALTER ROLE clerks RESET ALL;
ALTER ROLE clerks IN DATABASE main RESET ALL;
ALTER DATABASE main RESET ALL;
SELECT rolconfig FROM pg_roles WHERE rolname = 'clerks';
ALTER ROLE clerks RENAME TO writers;
\du+ writers
-- Who may, and of what.
COMMENT ON ROLE nobody IS 'x';
COMMENT ON DATABASE nowhere IS 'x';
SET ROLE writers;
COMMENT ON ROLE writers IS 'x';
COMMENT ON DATABASE main IS 'x';
SET ROLE makers;
COMMENT ON ROLE admin IS 'x';
COMMENT ON ROLE writers IS 'y';
RESET ROLE;
SET default_transaction_read_only = on;
COMMENT ON ROLE writers IS 'z';
CREATE ROLE others;
ALTER ROLE writers SET work_mem = '5MB';
RESET default_transaction_read_only;
\du+ writers
COMMENT ON ROLE writers IS '';
\du+ writers
COMMENT ON DATABASE main IS NULL;
SELECT count(*) FROM pg_shdescription WHERE objoid = (SELECT oid FROM pg_database WHERE datname = 'main');
COMMENT ON ROLE writers IS 'gone with it';
DROP ROLE writers, makers;
CREATE ROLE writers;
\du+ writers
DROP ROLE writers;
