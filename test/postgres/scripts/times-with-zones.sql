-- time with time zone: reading by zones and dates, order, keys, arithmetic, AT TIME ZONE, casts.
SET TimeZone = 'America/New_York';
SELECT '10:00+02'::timetz, '10:00:00.123456-08:30'::timetz, '24:00+00'::timetz, '12:30 PM EST'::timetz, '040506 PST'::timetz, 'allballs'::timetz, '10:00:00+05:30:15'::timetz;
SELECT '2020-01-01 10:00'::timetz, '2020-07-01 10:00'::timetz, '2020-07-01 10:00 Europe/Berlin'::timetz, '2020-01-01 10:00 Europe/Berlin'::timetz, '10:00 UTC'::timetz;
SELECT '10:00:00.6789+01'::timetz(2), timetz(0) '10:00:59.5+01', '23:59:59.9999+00'::timetz(2), '{10:00+01,NULL}'::timetz(0)[];
\set VERBOSITY verbose
SELECT '10:00 Europe/Berlin'::timetz;
SELECT '25:00+00'::timetz;
SELECT '10:00+16'::timetz;
SELECT '10:00 Nowhere/Land'::timetz;
SELECT 'soon'::timetz;
SELECT ''::timetz;
SELECT '2020-13-01 10:00+00'::timetz;
SELECT timetz '10:00+01' + timetz '10:00+01';
SELECT timetz '10:00+01' - timetz '10:00+01';
SELECT extract(day FROM timetz '10:00+01');
SELECT extract(fortnight FROM timetz '10:00+01');
SELECT timetz '10:00+01' AT TIME ZONE 'Nowhere/Land';
SELECT timetz '10:00+01' AT TIME ZONE interval '1 day';
SELECT timestamp '2020-01-01 10:00' AT TIME ZONE interval '1 mon 2 days';
SELECT timestamptz '2020-01-01 10:00+00' AT TIME ZONE interval '1 mon';
SELECT '10:00+01'::timetz(-1);
SELECT '10:00+01'::timetz(7);
SELECT date '290000-01-01' + timetz '10:00+01';
SELECT timetz '10:00+01'::timestamptz;
SELECT timetz '10:00+01'::interval;
SELECT date_trunc('hour', timetz '10:00+01');
\set VERBOSITY default
CREATE TABLE clocks (id int PRIMARY KEY, at timetz, short timetz(0) DEFAULT '12:00:00.7+00', many timetz[]);
INSERT INTO clocks (id, at) VALUES (1, '10:00+02'), (2, '08:00+00'), (3, '07:59:59.999999+00'), (4, '09:00+01'), (5, '24:00+00'), (6, '00:00-15:59'), (7, '23:59+15'), (8, NULL);
UPDATE clocks SET many = ARRAY[at, NULL, at + interval '1 hour'] WHERE id < 4;
SELECT * FROM clocks ORDER BY at, id;
SELECT id, at FROM clocks ORDER BY at DESC NULLS LAST, id;
SELECT a.id, b.id, a.at = b.at AS eq, a.at < b.at AS lt FROM clocks a, clocks b WHERE a.id < b.id AND a.id < 4 ORDER BY 1, 2;
SELECT min(at), max(at), count(DISTINCT at) FROM clocks;
SELECT short, count(*) FROM clocks GROUP BY short;
CREATE UNIQUE INDEX clocks_at ON clocks (at);
SELECT id FROM clocks WHERE at = '10:00+02';
SELECT id FROM clocks WHERE at > '08:00+00' AND at < '24:00+00' ORDER BY at;
SELECT id FROM clocks WHERE at BETWEEN '10:00+02' AND '08:00+00' ORDER BY at;
INSERT INTO clocks VALUES (9, '10:00:00+02:00');
INSERT INTO clocks VALUES (9, '12:00+04') ON CONFLICT (at) DO NOTHING;
\d clocks
SELECT id, at + interval '15:30', at - interval '1 day 10:00:00.5', interval '2 hours' + at FROM clocks WHERE at IS NOT NULL ORDER BY id;
SELECT id, at AT TIME ZONE 'UTC', at AT TIME ZONE interval '-03:30', at AT TIME ZONE 'Asia/Kolkata', at AT TIME ZONE 'EST' FROM clocks ORDER BY id;
SELECT id, at::time, date '2020-02-29' + at, at + date '2020-02-29', at::text FROM clocks ORDER BY id;
SELECT extract(epoch FROM at), extract(hour FROM at), extract(timezone FROM at), extract(timezone_hour FROM at), extract(timezone_minute FROM at),
  extract(milliseconds FROM at), date_part('second', at) FROM clocks ORDER BY id;
SELECT timestamptz '2020-07-01 12:00+00'::timetz, timestamptz '2020-01-01 12:00+00'::timetz, 'infinity'::timestamptz::timetz, '10:00+01'::time, time '10:00' < timetz '10:00+14';
SELECT (timetz '10:00+00', timetz '12:00+00') OVERLAPS (timetz '12:00+01', timetz '13:00+00'), (timetz '10:00+00', timetz '12:00+00') OVERLAPS (timetz '13:00+01', timetz '14:00+01');
SELECT id, array_agg(id) OVER (ORDER BY at RANGE BETWEEN interval '1 hour' PRECEDING AND interval '3 hours' FOLLOWING) FROM clocks WHERE at IS NOT NULL ORDER BY at;
SELECT current_time::timetz = current_time, pg_typeof(current_time), pg_typeof(current_time(2)), current_time = now()::timetz, (current_time AT TIME ZONE 'UTC')::time = (now() AT TIME ZONE 'UTC')::time;
SELECT to_json(at), jsonb_build_array(many), at || '!' FROM clocks WHERE id = 1;
CREATE VIEW early AS SELECT id, at AT TIME ZONE 'UTC' AS utc, timetz '10:00+02' AS fixed FROM clocks WHERE at < '08:00+00'::timetz;
SELECT pg_get_viewdef('early');
SELECT * FROM early ORDER BY id;
COPY (SELECT * FROM clocks ORDER BY id) TO STDOUT;
COPY clocks (id, at, many) FROM STDIN;
20	11:00 PST	{01:00+01,NULL}
\.
SELECT * FROM clocks WHERE id = 20;
PREPARE at (timetz) AS SELECT id FROM clocks WHERE at <= $1 ORDER BY at;
EXECUTE at ('08:00+00');
ALTER TABLE clocks ALTER at TYPE time;
ALTER TABLE clocks ALTER at TYPE time;
DROP VIEW early;
ALTER TABLE clocks ALTER at TYPE time USING (at AT TIME ZONE 'UTC')::time;
SELECT id, at FROM clocks ORDER BY id;
SELECT timetz_larger('10:00+02', '08:00+00'), timetz_cmp('10:00+02', '08:00+00'), greatest(timetz '10:00+02', '08:00+00');
SELECT format_type(1266, 3), format_type(1270, NULL), 'time(3) with time zone'::regtype;
DROP TABLE clocks;
RESET TimeZone;
