-- The rules that views are, and what they read column by column, as those ask who move data models or look for what hangs on a table.
CREATE SCHEMA yard;
SET search_path = yard;
CREATE TABLE carts (id int PRIMARY KEY, owner text, wheels int, sold date);
CREATE TABLE loads (id int PRIMARY KEY, cart int REFERENCES carts, weight int);
CREATE VIEW heavy AS SELECT l.id, c.owner AS "whose (now)", l.weight * 2 AS twice FROM loads l JOIN carts c ON c.id = l.cart WHERE c.wheels > 2;
CREATE VIEW beyond AS SELECT * FROM heavy;
CREATE VIEW first AS SELECT f.id, f.whose FROM heavy f (id, whose);
CREATE VIEW within AS SELECT s.id FROM (SELECT id, sold FROM carts) s;
CREATE VIEW merged AS SELECT id, owner FROM carts JOIN (SELECT id FROM loads) l USING (id);
CREATE VIEW outermost AS SELECT id FROM carts FULL JOIN loads USING (id);
CREATE VIEW counted AS SELECT count(*) FROM carts;
CREATE VIEW both AS SELECT id FROM carts UNION ALL SELECT cart FROM loads;
CREATE VIEW led AS WITH w AS (SELECT id, wheels FROM carts) SELECT w.id FROM w WHERE EXISTS (SELECT 1 FROM loads WHERE cart = w.id);
CREATE VIEW climbing AS WITH RECURSIVE w (n) AS (SELECT id FROM carts UNION ALL SELECT n + 1 FROM w WHERE n < 3) SELECT n FROM w;
CREATE VIEW inner_most AS SELECT (SELECT c.owner FROM carts c WHERE c.id = l.cart) AS owner FROM loads l;
CREATE VIEW hidden AS SELECT tableoid, xmin, id FROM carts;
CREATE VIEW "1st" AS SELECT id AS "2nd", id AS "<a", id AS "+1", id AS "a{b}\c" FROM carts;
CREATE MATERIALIZED VIEW kept AS SELECT cart, sum(weight) AS weight FROM loads GROUP BY cart;

SELECT rulename, ev_class::regclass, ev_type, ev_enabled, is_instead, ev_qual FROM pg_rewrite
 WHERE ev_class IN (SELECT oid FROM pg_class WHERE relnamespace = 'yard'::regnamespace) ORDER BY ev_class::regclass::text;
SELECT r.ev_class::regclass AS view, d.refclassid::regclass, d.refobjid::regclass, d.refobjsubid, d.deptype
  FROM pg_depend d JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
 WHERE r.ev_class IN (SELECT oid FROM pg_class WHERE relnamespace = 'yard'::regnamespace)
 ORDER BY r.ev_class::regclass::text, d.refobjid::regclass::text, 4, 5;
SELECT relname, relkind, relhasrules FROM pg_class WHERE relnamespace = 'yard'::regnamespace ORDER BY relname;
-- Who reads a column.
SELECT DISTINCT v.relname FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class
  JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
 WHERE d.refobjid = 'carts'::regclass AND a.attname = 'owner' AND v.oid <> d.refobjid ORDER BY 1;
-- Which columns of a view are columns of what it reads: its own entries stand last in the tree.
SELECT r.ev_class::regclass AS view, a.attnum, e[1] AS name, e[2]::oid::regclass AS origin, e[3] AS column
  FROM pg_rewrite r JOIN pg_attribute a ON a.attrelid = r.ev_class AND a.attnum > 0,
       regexp_match(r.ev_action::text, '.* :resno ' || a.attnum || ' :resname ((?:[^\\ ]|\\.)+) :ressortgroupref \d+ :resorigtbl (\d+) :resorigcol (-?\d+) :resjunk false\}') e
 WHERE r.ev_class IN ('heavy'::regclass, 'beyond'::regclass, 'first'::regclass, '"1st"'::regclass, 'counted'::regclass, 'hidden'::regclass, 'within'::regclass)
   AND NOT (r.ev_class = 'within'::regclass AND a.attnum > 1)
 ORDER BY r.ev_class::regclass::text, a.attnum;
SELECT pg_get_ruledef(oid), pg_get_ruledef(oid, true) FROM pg_rewrite WHERE ev_class IN ('heavy'::regclass, 'kept'::regclass, 'within'::regclass)
 ORDER BY ev_class::regclass::text;
SELECT pg_get_ruledef('carts'::regclass);
SELECT * FROM pg_rules WHERE schemaname = 'yard';
\d+ heavy

SET client_min_messages = warning;
DROP SCHEMA yard CASCADE;
