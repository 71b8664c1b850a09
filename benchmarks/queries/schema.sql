-- What queries.ts asks about: customers, their orders, and the items of these.
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, segment text NOT NULL, country text NOT NULL, balance numeric(12,2) NOT NULL, created date NOT NULL, props jsonb);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customers, status text NOT NULL, ordered timestamptz NOT NULL, total numeric(12,2) NOT NULL, priority int NOT NULL, note text);
CREATE TABLE items (order_id int NOT NULL REFERENCES orders, line int NOT NULL, product int NOT NULL, quantity int NOT NULL, price numeric(12,2) NOT NULL, discount double precision NOT NULL, shipped date, PRIMARY KEY (order_id, line));
CREATE INDEX ON orders (customer_id);
CREATE INDEX ON orders (ordered);
CREATE INDEX ON items (product);
INSERT INTO customers SELECT n, 'Customer number ' || n, (ARRAY['AUTO','BUILDING','MACHINERY','HOUSE'])[1 + n % 4], (ARRAY['de','fr','us','cn','br','in','jp'])[1 + n % 7], (n * 7919 % 1000000)::numeric / 100, date '2015-01-01' + n % 3000, jsonb_build_object('vip', n % 10 = 0, 'score', n % 100, 'tags', jsonb_build_array('a' || n % 5, 'b' || n % 3)) FROM generate_series(1, 20000) n;
INSERT INTO orders SELECT n, 1 + (n::bigint * 7919 % 20000)::int, (ARRAY['open','paid','sent','done'])[1 + n % 4], timestamptz '2020-01-01 00:00+00' + (n * 97 % 1500000) * interval '1 minute', (n::bigint * 104729 % 10000000)::numeric / 100, n % 5, CASE WHEN n % 3 = 0 THEN 'note ' || n || ' please deliver to the ' || (n % 17) || 'th floor' END FROM generate_series(1, 200000) n;
INSERT INTO items SELECT 1 + n / 3, n % 3, (n::bigint * 31 % 5000)::int, 1 + n % 50, (n::bigint * 15485863 % 100000)::numeric / 100, (n % 11) / 100.0, date '2020-01-01' + n % 1000 FROM generate_series(0, 599999) n;
