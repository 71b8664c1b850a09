/** Tables, materialized views of every kind over them, and random changes: what tests of a shard and of whole nodes hold views against. */

export interface View {
  readonly name: string;
  readonly query: string;
}

export const views: readonly View[] = [
  { name: "filtered", query: "SELECT id, upper(name) AS name, amount * 2 AS twice FROM orders WHERE amount > 20" },
  { name: "bag", query: "SELECT customer % 3 AS part, status FROM orders" },
  {
    name: "joined",
    query:
      "SELECT o.id, c.name, c.region, o.amount FROM orders o JOIN customers c ON c.id = o.customer WHERE c.region IS NOT NULL",
  },
  {
    name: "pairs",
    query: "SELECT a.id AS a, b.id AS b FROM orders a, orders b WHERE a.customer = b.customer AND a.id < b.id",
  },
  {
    name: "totals",
    query:
      "SELECT customer, count(*) AS orders, count(name) AS named, sum(amount) AS amount, avg(amount) AS average, min(amount) AS least, max(name) AS last, sum(price) AS price, avg(price) AS mean FROM orders GROUP BY customer",
  },
  {
    name: "whole",
    query: "SELECT count(*) AS n, sum(amount) AS amount, min(price) AS least, max(price) AS most FROM orders",
  },
  {
    name: "regions",
    query:
      "SELECT c.region, o.status, count(*) FILTER (WHERE o.amount > 50) AS large, sum(o.amount * 10) / count(*) AS share, max(o.id) AS newest FROM orders o JOIN customers c ON c.id = o.customer GROUP BY c.region, o.status",
  },
  {
    name: "stacked",
    query: "SELECT region, sum(large) AS large, count(*) AS rows, max(newest) AS newest FROM regions GROUP BY region",
  },
];

export const definitions: readonly string[] = [
  "CREATE TABLE customers (id int PRIMARY KEY, name text, region text)",
  "CREATE TABLE orders (id int PRIMARY KEY, customer int, status text, amount int NOT NULL, name text, price numeric)",
  "CREATE INDEX ON orders (customer)",
  ...views.map(({ name, query }) => `CREATE MATERIALIZED VIEW ${name} AS ${query}`),
  "CREATE INDEX ON totals (amount)",
  "CREATE UNIQUE INDEX ON totals (customer)",
];

/** A change at random, which may fail as a statement of a client may. */
export const statementOf = (random: () => number): string => {
  const below = (limit: number): number => Math.floor(random() * limit);
  const id = (): number => below(60);
  const text = (): string => (below(5) === 0 ? "NULL" : `'n${below(12)}'`);
  const price = (): string => ["NULL", "1.5", "1.50", "20", "-3.125", "0", "7.25"][below(7)] ?? "NULL";
  const row = (): string =>
    `(${id()}, ${below(4) === 0 ? "NULL" : below(10)}, '${["new", "paid", "sent"][below(3)]}', ${below(100)}, ${text()}, ${price()})`;
  switch (below(13)) {
    case 0:
    case 1:
      return `INSERT INTO orders VALUES ${row()} ON CONFLICT (id) DO UPDATE SET amount = excluded.amount, status = excluded.status`;
    case 2:
      return `INSERT INTO orders VALUES ${row()}, ${row()}, ${row()} ON CONFLICT DO NOTHING`;
    case 3:
      return `INSERT INTO orders VALUES ${row()}`;
    case 4:
      return `UPDATE orders SET amount = ${below(100)}, price = ${price()} WHERE id = ${id()}`;
    case 5:
      return `UPDATE orders SET customer = ${below(10)}, name = ${text()} WHERE id % 7 = ${below(7)}`;
    case 6:
      return `DELETE FROM orders WHERE id = ${id()}`;
    case 7:
      return `DELETE FROM orders WHERE amount % 9 = ${below(9)}`;
    case 8:
      return `INSERT INTO customers VALUES (${below(10)}, ${text()}, '${["north", "south"][below(2)]}') ON CONFLICT (id) DO UPDATE SET region = excluded.region`;
    case 9:
      return `UPDATE customers SET region = ${below(3) === 0 ? "NULL" : "'east'"} WHERE id = ${below(10)}`;
    case 10:
      return `DELETE FROM customers WHERE id = ${below(10)}`;
    case 11: {
      // So many that they are loaded.
      const first = 100 + 20 * below(40);
      const many = Array.from(
        { length: 12 },
        (_, index) => `(${first + index}, ${below(10)}, 'new', ${below(100)}, ${text()}, ${price()})`,
      );
      return `INSERT INTO orders VALUES ${many.join(", ")}`;
    }
    default:
      return `UPDATE orders SET id = ${id()} WHERE id = ${id()}`;
  }
};
