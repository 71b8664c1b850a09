-- Settings that no shard has to hear of, as functions and views show them; binary COPY whose end is the end of its stream.
\set VERBOSITY verbose
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY;
SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')::bool;
SELECT setting FROM pg_settings WHERE name = 'transaction_isolation';
SELECT current_setting('transaction_' || n) FROM (VALUES ('isolation'), ('read_only'), ('deferrable')) AS v (n);
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ, DEFERRABLE;
SELECT current_setting('transaction_isolation'), current_setting('Transaction_Deferrable', true);
ROLLBACK;
SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only');
SET default_transaction_isolation = 'repeatable read';
SET client_min_messages = warning;
SET synchronous_commit = off;
SELECT current_setting('transaction_isolation'), current_setting('client_min_messages'), current_setting('synchronous_commit');
RESET ALL;
SELECT current_setting('transaction_isolation'), current_setting('client_min_messages'), current_setting('synchronous_commit');
CREATE TABLE t (a int, b text);
\copy t from program 'printf "PGCOPY\\n\\377\\r\\n\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\2\\0\\0\\0\\4\\0\\0\\0\\7\\0\\0\\0\\1x"' (format binary)
\copy t from program 'printf "PGCOPY\\n\\377\\r\\n\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\2\\0\\0\\0\\4\\0\\0\\0\\10\\377\\377\\377\\377\\377\\377"' (format binary)
\copy t from program 'printf "PGCOPY\\n\\377\\r\\n\\0\\0\\0\\0\\0\\0\\0\\0\\0"' (format binary)
\copy t from program 'printf "PGCOPY\\n\\377\\r\\n\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\2\\0\\0\\0\\4\\0\\0\\0\\7\\0\\0"' (format binary)
\copy t from program 'printf "PGCOPX\\n\\377\\r\\n\\0"' (format binary)
SELECT * FROM t ORDER BY a;
DROP TABLE t;
PREPARE f AS SELECT a FROM missing;
