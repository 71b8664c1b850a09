-- COPY FROM with WHERE: which of the rows that come are stored.
\set VERBOSITY verbose
create table n (i int primary key, t text default 'none', d numeric check (d > 0), g int generated always as (i * 2) stored);
copy n (i, t, d) from stdin where i > 2 and t <> 'x';
1	a	1
2	b	-1
3	c	3
4	x	4
5	\N	5
6	f	6.5
\.
select * from n order by i;
-- What is not stored is not checked, but read.
copy n (i, d) from stdin (format csv) where d > 0 and t = 'none';
3,-3
7,7
8,-8
\.
copy n (i, d) from stdin (format csv) where i > 9;
1,1
x,2
\.
copy n (i, d) from stdin (format csv, header) where i > 9;
i,d
1,1
10,-1
\.
copy n (i, d) from stdin (format csv) where 1 / (i - 11) > 0;
12,1
11,1
\.
copy n (i, d) from stdin (format csv) where i > 9 and i <> 12;
12,1
13,1
13,2
\.
copy n (i, d) from stdin (format csv) where i > 9;
20,1
21,\N
3,1
\.
copy n (i, d) from stdin (format csv) where i between 30 and 31 or i is null;
29,1
30,1
31,2
32,3
\.
select * from n order by i;
copy n (i) from stdin where null;
40
\.
copy n (i) from stdin where false;
\.
select count(*) from n;
-- What cannot be said.
copy n (i) from stdin where z > 1;
\.
copy n (i) from stdin where i;
\.
copy n (i) from stdin where count(*) > 1;
\.
copy n (i) from stdin where row_number() over () > 1;
\.
copy n (i) from stdin where generate_series(1, 2) > 1;
\.
copy n (i) from stdin where i in (select 1);
\.
copy n (i) from stdin where exists (select from n);
\.
copy n (i) from stdin where other.i = 1;
\.
copy n (i) from stdin where n.i + z > 1;
\.
copy n (i) from stdin where i = $1;
\.
copy n (i) to stdout where i > 1;
copy missing from stdin where i > 1;
\.
copy n (i) from stdin where g > 1;
\.
-- Defaults are drawn for rows that are not stored, too.
create table s (k serial, v text);
copy s (v) from stdin where k % 2 = 0;
a
b
c
d
\.
select * from s order by k;
begin;
copy s from stdin where v like 'z%' or length(v) > 3;
100	zero
101	one
102	three
\.
select * from s order by k;
rollback;
-- Foreign keys and unique values of rows that are left out do no harm.
create table child (n int references n, u text unique);
copy child from stdin where u <> 'out';
3	a
999	out
5	b
\.
copy child from stdin where u <> 'out';
6	c
999	in
\.
copy child from stdin where n <> 5;
5	b
6	d
\.
select * from child order by n;
drop table child, s, n;
