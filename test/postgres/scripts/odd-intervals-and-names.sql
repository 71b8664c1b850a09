\set VERBOSITY verbose
-- What is no interval in PostgreSQL, and what is one.
SELECT interval '1 2' day to hour, interval '1 2' hour to minute, interval '3 1 2' day to minute;
SELECT '1/day'::interval;
SELECT interval '1 quarter';
SELECT interval '1-';
SELECT interval '1--2';
SELECT interval '2-12';
SELECT interval '.', interval '5.', interval '-5-3', interval '+ 5 days - 2 hours';
SELECT interval '-25:61';
SELECT interval '25:61';
SELECT interval '-23:60.5', interval '23:59.5';
SELECT interval '02:00 1.5 days', interval '1.5 days 02:00';
SELECT interval '1 day timezone', interval 'day 1 day', interval 'ago 1 day';
SELECT interval '1 timezone';
SELECT interval '5d3h', interval '1y2mon';
SELECT interval '5day3';
SELECT interval '2147483648 -2 days';
SELECT interval '1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26';
-- Names of other databases, and of what is in several places.
SELECT 'setof int4'::regtype;
SELECT to_regtype('setof int4');
SELECT 'otherdb.public.t'::regclass;
SELECT 'main.pg_catalog.pg_class'::regclass, 'main.pg_catalog.int4'::regtype;
SELECT 'a.b.c.d'::regclass;
SELECT 'a.b.c.d'::regtype;
SELECT 'otherdb.public.t'::regtype;
SELECT 'otherdb.public.f'::regproc;
SELECT 'otherdb.public.f(int4)'::regprocedure;
SELECT to_regclass('otherdb.public.t');
SELECT to_regproc('otherdb.public.f');
SELECT 'abs'::regproc;
SELECT to_regproc('abs');
SELECT '12'::xid8::xid, '4294967297'::xid8::xid, xid(x) FROM (VALUES ('8589934595'::xid8)) v (x);
-- Tables of the system are nobody's to change.
ALTER TABLE pg_class REPLICA IDENTITY FULL;
ALTER TABLE pg_catalog.pg_class ADD COLUMN x int;
ALTER TABLE IF EXISTS pg_class ADD COLUMN x int;
TRUNCATE pg_class;
CREATE INDEX ON pg_class (relname);
ALTER TABLE pg_class RENAME TO x;
ALTER TABLE pg_class RENAME COLUMN relname TO x;
DROP TABLE pg_class;
ALTER TABLE pg_class OWNER TO admin;
