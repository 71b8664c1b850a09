-- What dumps need: rows without columns, control characters, hints of how rows are laid out, transactions that say they may wait.
\set VERBOSITY verbose
CREATE TABLE bare ();
COPY bare FROM stdin;


\.
SELECT count(*) FROM bare;
COPY bare TO stdout;
COPY bare FROM stdin;
x
\.
COPY bare FROM stdin WITH (FORMAT csv);

\.
SELECT count(*) FROM bare;
CREATE TABLE derived (twice int GENERATED ALWAYS AS (2) STORED);
COPY derived FROM stdin;

\.
SELECT * FROM derived;
SELECT E'tab\tline\nreturn\rbell\x07back\bfeed\fslash\\end' AS text \gset
CREATE TABLE controls (a text, b text);
INSERT INTO controls VALUES (:'text', E'\t'), (chr(11), '\.'), ('', NULL);
COPY controls TO stdout;
COPY controls TO stdout WITH (DELIMITER '|');
COPY controls TO stdout WITH (DELIMITER E'\f');
COPY controls TO stdout WITH (FORMAT csv);
-- Hints.
CREATE TABLE hinted (id int PRIMARY KEY, b text, UNIQUE (b) WITH (fillfactor = 70)) WITH (fillfactor = 80, autovacuum_enabled = false);
ALTER TABLE hinted ALTER b SET STATISTICS 500, ALTER b SET STORAGE external, ALTER b SET (n_distinct = -0.5);
ALTER TABLE hinted SET (fillfactor = 70, parallel_workers = 2);
ALTER TABLE hinted RESET (fillfactor, parallel_workers, autovacuum_enabled);
ALTER TABLE hinted ALTER b RESET (n_distinct);
CREATE INDEX ON hinted (b) WITH (deduplicate_items = off);
ALTER TABLE hinted ALTER c SET STATISTICS 5;
ALTER TABLE hinted ALTER b SET STORAGE far;
ALTER TABLE hinted ALTER b SET COMPRESSION far;
ALTER TABLE hinted SET (nothing = 1);
INSERT INTO hinted VALUES (1, 'x') RETURNING *;
-- Every snapshot is a safe one.
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE;
SHOW transaction_deferrable;
SELECT count(*) FROM hinted;
SET TRANSACTION NOT DEFERRABLE;
ROLLBACK;
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE;
SHOW default_transaction_deferrable;
SHOW transaction_deferrable;
INSERT INTO hinted VALUES (2, 'y');
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE;
BEGIN;
SET transaction_deferrable = on;
SHOW transaction_deferrable;
COMMIT;
-- A database keeps its owner; who else is there, and what else there is to own.
ALTER DATABASE main OWNER TO admin;
ALTER DATABASE nowhere OWNER TO admin;
-- Of several errors of a MERGE the first is told; what has no collation.
CREATE TABLE target (id int PRIMARY KEY, stamp timestamp, doc jsonb);
MERGE INTO target t USING hinted s ON t.id = s.id WHEN NOT MATCHED THEN INSERT (id, stamp) VALUES (s.id, 1.5) WHEN MATCHED AND t.doc = 3 THEN DO NOTHING;
MERGE INTO target t USING hinted s ON t.id = s.id WHEN MATCHED AND t.doc = 3 THEN DO NOTHING WHEN NOT MATCHED THEN INSERT (id, stamp) VALUES (s.id, 1.5);
SELECT id COLLATE "C" FROM target;
SELECT (id COLLATE "C") < 'a' FROM target;
SELECT now() COLLATE "nowhere";
SELECT ARRAY['b', 'a'] COLLATE "C", 'x' COLLATE "C", NULL COLLATE "C";
SELECT array_position('{}'::numeric[], '-2.50', NULL), array_position(NULL::int[], 1, NULL);
SELECT array_position('{1}'::int[], 1, NULL);
SELECT count(*) FROM pg_stats WHERE schemaname = 'nowhere';
SELECT * FROM pg_parameter_acl;
SELECT slot_name FROM pg_replication_slots;
SELECT pid, state FROM pg_stat_replication;
DROP TABLE bare, derived, controls, hinted, target;
