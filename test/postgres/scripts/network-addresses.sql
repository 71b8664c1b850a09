-- inet and cidr: reading, showing, order, what lies in what, arithmetic, keys, casts, catalogs.
SELECT '10.1.2.3'::inet, '10.1.2.3/8'::inet, '10.1/16'::inet, '::1'::inet, '2001:db8::ff00:0/64'::inet, '::ffff:1.2.3.4'::inet;
SELECT '10'::cidr, '172.16'::cidr, '192.168.1'::cidr, '224'::cidr, '240'::cidr, '0x0a01/16'::cidr, '2001:db8::/32'::cidr, '0/0'::cidr;
\set VERBOSITY verbose
SELECT '10.1.2'::inet;
SELECT '10.1.2.3.4'::inet;
SELECT '10.1.2.300'::inet;
SELECT '10.1.2.3/33'::inet;
SELECT ' 10.1.2.3'::inet;
SELECT '1::2::3'::inet;
SELECT '::1/129'::inet;
SELECT ''::cidr;
SELECT '10.1.2.3/8'::cidr;
SELECT cidr('2001:db8::1/64');
SELECT inet('10.1.2.3'), cidr('10.1.2.3'), text('10.1.2.3'::inet), text('x');
SELECT 'x'::text::inet;
\set VERBOSITY default
CREATE TABLE seen (id int PRIMARY KEY, who inet, net cidr NOT NULL DEFAULT '10.0.0.0/8', all_of inet[], at text DEFAULT host('10.9.8.7'));
INSERT INTO seen VALUES (1, '192.168.1.226/24', '192.168.1', '{10.1.2.3,NULL,::1}'), (2, '192.168.1.226', '192.168.1.0/26'),
  (3, '192.168.1.0/24', '192.168.1'), (4, '192.168.1.0/25', DEFAULT), (5, '10.1.2.3/8', '10.1.2.3'), (6, '9.1.2.3/8', '10.1'), (7, '::1', '::/0'),
  (8, '2001:db8::1/64', '2001:db8::/32'), (9, NULL, '2001:db8::/33'), (10, '0.0.0.0/0', '0/0'), (11, '255.255.255.255', '255.255.255.255');
SELECT * FROM seen ORDER BY who, id;
SELECT id, net FROM seen ORDER BY net DESC, id;
SELECT id, who, net, who << net AS sub, who <<= net AS sub_eq, who >> net AS sup, who >>= net AS sup_eq, who && net AS over, who = net AS eq,
  who < net AS lt FROM seen ORDER BY id;
SELECT id, host(who), text(who), abbrev(who), abbrev(net), family(who), masklen(who), broadcast(who), network(who), netmask(who), hostmask(who)
  FROM seen ORDER BY id;
SELECT min(who), max(who), min(net), max(net), count(DISTINCT net) FROM seen;
SELECT net, count(*) FROM seen GROUP BY net ORDER BY net;
SELECT DISTINCT network(who) FROM seen ORDER BY 1;
SELECT a.id, b.id FROM seen a JOIN seen b ON a.who = b.net ORDER BY 1, 2;
SELECT a.id, b.id FROM seen a JOIN seen b ON a.who <<= b.net AND b.id > 3 ORDER BY 1, 2;
CREATE UNIQUE INDEX seen_who ON seen (who);
CREATE INDEX seen_net ON seen (net DESC, who);
SELECT id FROM seen WHERE who = '192.168.1.226';
SELECT id FROM seen WHERE who > '10.0.0.0/8' AND who <= '192.168.1.0/25' ORDER BY who;
SELECT id FROM seen WHERE net = '192.168.1.0/24' ORDER BY id;
SELECT id FROM seen WHERE net IN ('192.168.1', '::/0') ORDER BY id;
SELECT id FROM seen WHERE net IN ('192.168.1');
SELECT id FROM seen WHERE who = ANY ('{::1,10.1.2.3/8}'::inet[]) ORDER BY id;
INSERT INTO seen (id, who) VALUES (12, '::1');
INSERT INTO seen (id, who) VALUES (12, '::0001/128') ON CONFLICT (who) DO UPDATE SET at = 'again' RETURNING id, who, at;
UPDATE seen SET who = who + 1 WHERE id = 7 RETURNING who;
DELETE FROM seen WHERE who << '192.168.0.0/16' AND id > 2 RETURNING id, who;
CREATE TABLE nets (net cidr PRIMARY KEY, note text);
INSERT INTO nets VALUES ('10/8', 'ten'), ('10.1/16', 'ten one'), ('2001:db8::/32', 'six');
INSERT INTO nets VALUES ('10.0.0.0/8', 'again');
INSERT INTO nets SELECT '10.2.3.4/16'::inet, 'cut';
INSERT INTO nets SELECT set_masklen('10.2.3.4'::inet, 16)::cidr, 'made';
SELECT * FROM nets ORDER BY net;
SELECT note FROM nets WHERE net = '10.1.0.0/16';
SELECT note FROM nets WHERE net >>= inet '10.1.2.3' ORDER BY masklen(net) DESC LIMIT 1;
CREATE TABLE hosts (who inet PRIMARY KEY, net cidr REFERENCES nets);
INSERT INTO hosts VALUES ('10.1.2.3', '10.1/16');
INSERT INTO hosts VALUES ('10.1.2.4', '10.3/16');
\d hosts
SELECT ~ inet '192.168.1.6', inet '192.168.1.6' & '0.0.0.255', inet '192.168.1.6/24' | '0.0.0.255/8', inet '192.168.1.6' + 25, 3 + inet '::1', inet '192.168.1.43' - 36,
  inet '192.168.1.43' - inet '192.168.1.19', inet '0.0.0.0' - inet '255.255.255.255', inet '::' - inet '::2';
\set VERBOSITY verbose
SELECT inet '255.255.255.255' + 1;
SELECT inet '::' - 1;
SELECT inet 'ffff::' - inet '::';
SELECT inet '10.0.0.1' & inet '::1';
SELECT inet '10.0.0.1' | inet '::1';
SELECT inet '10.0.0.1' - inet '::1';
SELECT inet_merge('10.0.0.1', '::1');
SELECT set_masklen(inet '10.0.0.1', 33);
SELECT set_masklen(cidr '10.0.0.0/8', -2);
SELECT inet '10.0.0.1' * 2;
SELECT inet '10.0.0.1' = 'x';
SELECT sum(inet '10.0.0.1');
SELECT inet '10.0.0.1'::int;
\set VERBOSITY default
SELECT set_masklen(inet '10.1.2.3', 16), set_masklen(cidr '10.1.2.0/24', 16), set_masklen(inet '10.1.2.3/8', -1), inet_merge('192.168.1.5/24', '192.168.2.5/24'),
  inet_same_family('10.0.0.1', '::1'), inet '10.1.2.3/8'::cidr, cidr '10/8'::inet, inet '10.1.2.3'::text, inet '10.1.2.3'::varchar(5), '::1'::text::cidr;
SELECT inet '10.1.2.3' || ' is it', 'it is ' || cidr '10/8', concat(inet '10.1.2.3', '!'), quote_literal(inet '10.1.2.3'), format('%s %L', inet '::1', inet '::1');
SELECT to_json(inet '10.1.2.3/8'), jsonb_build_object('a', cidr '10/8', 'b', '{::1}'::inet[]), row_to_json(h) FROM hosts h;
SELECT '{10.1.2.3,::1/64}'::inet[], array[inet '10.1.2.3', cidr '10/8'], array_agg(net ORDER BY net) FROM nets;
SELECT '{10.1,10.2}'::cidr[]::inet[], '{10.1.2.3/8}'::inet[]::cidr[], '{10.1.2.3}'::inet[] < '{10.1.2.4}'::inet[];
SELECT network_cmp('10.0.0.1', '::1'), network_larger('10.0.0.1', '::1'), coalesce(NULL, inet '10.0.0.1', cidr '10/8'), greatest(cidr '10/8', inet '10.0.0.1');
SELECT who, rank() OVER (ORDER BY who), lag(who) OVER (ORDER BY who) FROM seen WHERE who IS NOT NULL ORDER BY who;
SELECT pg_typeof(network(inet '10.0.0.1')), pg_typeof(max(net)), pg_typeof(array_agg(net)) FROM nets;
CREATE VIEW inside AS SELECT id, who FROM seen WHERE who <<= '10.0.0.0/8'::cidr OR net = '10.1'::cidr;
SELECT pg_get_viewdef('inside');
SELECT * FROM inside ORDER BY id;
CREATE DOMAIN private AS inet CHECK (VALUE <<= '10.0.0.0/8');
SELECT '10.1.2.3'::private;
SELECT '11.1.2.3'::private;
COPY (SELECT id, who, net, all_of FROM seen ORDER BY id) TO STDOUT;
COPY (SELECT id, who, net, all_of FROM seen ORDER BY id) TO STDOUT (FORMAT csv);
COPY seen (id, who, net) FROM STDIN;
20	10.20.30.40/12	10.16/12
21	\N	::/0
\.
COPY seen (id, who, net) FROM STDIN;
22	10.20.30.40/12	10.20/12
\.
SELECT id, who, net FROM seen WHERE id >= 20 ORDER BY id;
PREPARE one (inet, cidr[]) AS SELECT $1, $1 << ANY ($2), $2;
EXECUTE one ('10.1.2.3', '{10/8,11/8}');
ALTER TABLE nets ALTER net TYPE inet;
ALTER TABLE nets ALTER note TYPE inet USING net + 1;
SELECT * FROM nets ORDER BY note;
SELECT oid, typname, typlen, typcategory, typispreferred, typarray, typinput, typoutput, typreceive, typsend FROM pg_type WHERE typname IN ('inet', 'cidr', '_inet', '_cidr') ORDER BY oid;
SELECT oid, oprname, oprleft::regtype, oprright::regtype, oprresult::regtype, oprcode, oprcom, oprnegate FROM pg_operator
  WHERE 'inet'::regtype IN (oprleft, oprright) AND oprname NOT IN ('*<', '*>') ORDER BY oid;
SELECT castsource::regtype, casttarget::regtype, castfunc::regprocedure, castcontext, castmethod FROM pg_cast WHERE castsource IN ('inet'::regtype, 'cidr'::regtype) ORDER BY 1, 2;
SELECT opcname, opcintype::regtype, opcdefault FROM pg_opclass WHERE opcintype = 'inet'::regtype AND opcmethod = 403 ORDER BY 1;
SELECT client_addr = inet_client_addr(), family(client_addr) FROM pg_stat_activity WHERE pid = pg_backend_pid();
CREATE TABLE audited (what text, who inet DEFAULT inet_client_addr());
INSERT INTO audited VALUES ('looked');
SELECT * FROM audited;
DROP VIEW inside;
DROP TABLE seen, hosts, nets, audited;
DROP DOMAIN private;
