-- COPY into columns of domains whose type beneath has a length or a scale.
CREATE DOMAIN short AS varchar(5);
CREATE DOMAIN money_like AS numeric(8, 2) CHECK (VALUE < 100);
CREATE DOMAIN four AS char(4);
CREATE DOMAIN fours AS char(4)[];
CREATE DOMAIN moment AS timestamp(0);
CREATE TABLE held (s short, m money_like, c four, a fours, e short[], t moment);
COPY held (s) FROM stdin;
much too long
\.
COPY held (s, m, c, a, e, t) FROM stdin;
fits	1.2345	ab	{a,bc}	{one,two}	2020-01-02 03:04:05.6
five5	99.994	\N	\N	\N	\N
\.
INSERT INTO held (m) VALUES (99.996);
COPY held (c) FROM stdin;
abcde
\.
COPY held (c) FROM stdin;
ab      
\.
COPY held (a) FROM stdin;
{abcdef}
\.
COPY held (e) FROM stdin;
{ok,much too long}
\.
COPY held (s) FROM stdin WITH (FORMAT csv);
"much too long"
\.
SELECT s, m, c || '|' AS c, a, e, t FROM held ORDER BY s, c;
SELECT length(c), octet_length(c) FROM held ORDER BY 1, 2;
CREATE TABLE keyed (s short PRIMARY KEY, m money_like);
COPY keyed FROM stdin;
a	1.005
b	2.994
\.
COPY keyed FROM stdin;
c	1
too long	1
\.
SELECT * FROM keyed ORDER BY s;
DROP TABLE held, keyed;
DROP DOMAIN short, money_like, four, fours, moment;
