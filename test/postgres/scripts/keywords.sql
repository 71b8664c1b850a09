-- What PostgreSQL says of its words.
\set VERBOSITY verbose
SELECT * FROM pg_get_keywords();
SELECT catcode, catdesc, count(*) FROM pg_get_keywords() WHERE barelabel GROUP BY 1, 2 ORDER BY 1;
SELECT string_agg(word, ',' ORDER BY word) FROM pg_get_keywords() WHERE catcode = 'R' AND NOT barelabel;
\d pg_stat_ssl
\d pg_stat_gssapi
\d pg_stat_bgwriter
