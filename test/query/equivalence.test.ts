/**
 * A query has one meaning, however it is run. Generated queries over generated rows are held against themselves: planned against run as
 * they were bound; a condition against its three outcomes (TLP); a condition that filters against the same one counted row by row
 * (NoREC), so that loops over columns and closures over rows agree.
 */
import test from "ava";
import fc from "fast-check";
import { SqlError } from "../../runtime/query/error.js";
import { MemoryDatabase } from "./memory-database.js";

const tables = ["a", "b", "c"] as const;

const value = fc.oneof(
  { weight: 1, arbitrary: fc.constant("null") },
  { weight: 6, arbitrary: fc.integer({ min: -3, max: 12 }).map(String) },
);
const text = fc.constantFrom("null", "'x'", "'y'", "'xy'", "''");
const real = fc.constantFrom("null", "0", "1.5", "-2.25", "'NaN'", "'Infinity'", "1e10");

const rowsOf = fc.array(fc.tuple(value, value, text, real), { minLength: 0, maxLength: 30 });
const data = fc.tuple(rowsOf, rowsOf, rowsOf);
type Data = readonly (readonly (readonly string[])[])[];

function filled(rows: Data, isPlanned: boolean): MemoryDatabase {
  const database = new MemoryDatabase();
  database.isPlanned = isPlanned;
  for (const [index, name] of tables.entries()) {
    database.run(`create table ${name} (id int primary key, n int, m bigint, t text, f float8)`);
    database.run(`create index ${name}_n on ${name} (n, m desc)`);
    database.run(`create index ${name}_t on ${name} (t desc)`);
    const values = (rows[index] ?? []).map((row, id) => `(${id}, ${row.join(", ")})`);
    if (values.length > 0) database.run(`insert into ${name} values ${values.join(", ")}`);
  }
  return database;
}

interface Gen {
  readonly number: fc.Arbitrary<string>;
  readonly condition: fc.Arbitrary<string>;
}

/** Expressions over the columns of some tables. */
function expressionsOf(names: readonly string[]): Gen {
  const column = (columns: readonly string[]): fc.Arbitrary<string> =>
    fc.tuple(fc.constantFrom(...names), fc.constantFrom(...columns)).map(([name, of]) => `${name}.${of}`);
  const literal = fc.integer({ min: -2, max: 9 }).map(String);
  const plain = fc.oneof(column(["id", "n", "m"]), literal);
  const number = fc.oneof(
    { weight: 4, arbitrary: plain },
    {
      weight: 1,
      arbitrary: fc.tuple(plain, fc.constantFrom("+", "-", "*"), plain).map(([x, by, y]) => `(${x} ${by} ${y})`),
    },
    { weight: 1, arbitrary: fc.tuple(plain, plain).map(([x, y]) => `coalesce(${x}, ${y})`) },
  );
  const comparison = fc.constantFrom("=", "<>", "<", "<=", ">", ">=");
  const atom = fc.oneof(
    { weight: 5, arbitrary: fc.tuple(number, comparison, number).map(([x, by, y]) => `${x} ${by} ${y}`) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(column(["t"]), comparison, fc.oneof(text, column(["t"])))
        .map(([x, by, y]) => `${x} ${by} ${y}`),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(column(["f"]), comparison, fc.constantFrom("1.5", "0", "'NaN'::float8", "'Infinity'::float8"))
        .map(([x, by, y]) => `${x} ${by} ${y}`),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(column(["n", "t", "f"]), fc.constantFrom("is null", "is not null"))
        .map(([x, is]) => `${x} ${is}`),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(
          column(["id", "n"]),
          fc.array(fc.oneof(literal, fc.constant("null")), { minLength: 1, maxLength: 6 }),
          fc.boolean(),
        )
        .map(([x, list, not]) => `${x} ${not ? "not " : ""}in (${list.join(", ")})`),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(column(["id", "n"]), literal, literal).map(([x, y, z]) => `${x} between ${y} and ${z}`),
    },
    { weight: 1, arbitrary: fc.tuple(column(["n"]), plain).map(([x, y]) => `${x} is distinct from ${y}`) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(column(["id", "n"]), fc.array(literal, { maxLength: 4 }))
        .map(([x, list]) => `${x} = any('{${list.join(",")}}'::int[])`),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom(...tables), column(["id", "n", "m"]), fc.constantFrom("n", "id"), fc.boolean())
        .map(([of, x, y, not]) => `${not ? "not " : ""}exists (select 1 from ${of} z where z.${y} = ${x} and z.n > 1)`),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom(...tables), column(["id", "n"]), fc.boolean())
        .map(([of, x, not]) => `${x} ${not ? "not " : ""}in (select z.n from ${of} z where z.id < 6)`),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom(...tables), column(["n", "m"]))
        .map(([of, x]) => `${x} >= (select max(z.n) from ${of} z where z.id <= ${x})`),
    },
  );
  const { condition } = fc.letrec<{ condition: string }>((tie) => ({
    condition: fc.oneof(
      { maxDepth: 3, depthIdentifier: "condition" },
      { weight: 3, arbitrary: atom },
      {
        weight: 1,
        arbitrary: fc
          .tuple(tie("condition"), fc.constantFrom("and", "or"), tie("condition"))
          .map(([x, by, y]) => `(${x} ${by} ${y})`),
      },
      { weight: 1, arbitrary: tie("condition").map((x) => `not (${x})`) },
      {
        weight: 1,
        arbitrary: fc
          .tuple(tie("condition"), tie("condition"))
          .map(([x, y]) => `case when ${x} then ${y} else (${y}) is null end`),
      },
    ),
  }));
  return { number, condition };
}

/** FROM with one to three tables, and the names in it. */
const from = fc
  .tuple(
    fc.array(fc.constantFrom(...tables), { minLength: 1, maxLength: 3 }),
    fc.array(fc.constantFrom("join", "left join", "right join", "full join", "cross join", ","), {
      minLength: 2,
      maxLength: 2,
    }),
  )
  .chain(([chosen, joins]) => {
    const names = chosen.map((_, index) => `q${index}`);
    const conditions = chosen.slice(1).map((_, index) => {
      const here = names.slice(0, index + 2);
      return fc.oneof(
        {
          weight: 3,
          arbitrary: fc
            .tuple(
              fc.constantFrom("id", "n", "m"),
              fc.constantFrom("id", "n", "m"),
              fc.constantFrom(...names.slice(0, index + 1)),
            )
            .map(([x, y, other]) => `${other}.${x} = ${names[index + 1] ?? ""}.${y}`),
        },
        { weight: 1, arbitrary: expressionsOf(here).condition },
      );
    });
    return fc.tuple(...conditions).map((on) => {
      let text = `${chosen[0] ?? ""} q0`;
      for (const [index, condition] of on.entries()) {
        const join = joins[index] ?? "join";
        // A comma binds weaker than JOIN, so that what is joined after it would not see what stands before.
        const how = join === "," ? "cross join" : join;
        text += ` ${how} ${chosen[index + 1] ?? ""} ${names[index + 1] ?? ""}${how === "cross join" ? "" : ` on ${condition}`}`;
      }
      return { text, names };
    });
  });

const filtered = from.chain(({ text: source, names }) =>
  expressionsOf(names).condition.map((condition) => ({ source, names, condition })),
);

const shapes = filtered.chain(({ source, names, condition }) => {
  const { number } = expressionsOf(names);
  const all = names.map((name) => `${name}.id`).join(", ");
  return fc.tuple(number, number, fc.nat(7), fc.nat(5)).map(([x, y, shape, limit]) => {
    switch (shape) {
      case 0:
        return `select ${all}, ${x} from ${source} where ${condition}`;
      case 1:
        return `select ${x} as k, count(*), min(${y}), sum(${y}) from ${source} where ${condition} group by 1`;
      case 2:
        return `select distinct ${x}, ${y} from ${source} where ${condition}`;
      case 3:
        return `select ${all} from ${source} where ${condition} order by ${names.map((name) => `${name}.n desc, ${name}.m, ${name}.id`).join(", ")} limit ${limit} offset 1`;
      case 4:
        return `select * from (select ${all.replaceAll(/(\w+)\.id/g, "$1.id as $1")}, ${x} as k from ${source}) s where k > 1 and q0 < 9`;
      case 5:
        return `with w as (select ${x} as k from ${source} where ${condition}) select v.k from w v union all select u.k from w u where u.k > 2`;
      case 6:
        return `select k, c from (select ${x} as k, count(*) as c from ${source} group by 1) s where k between 0 and 4 and c > 0`;
      default:
        return `select q0.id, s.c from ${source} left join lateral (select count(*) as c from b z where z.n = q0.n) s on true where ${condition} and s.c < 5`;
    }
  });
});

function answer(database: MemoryDatabase, query: string): string {
  try {
    const rows = database.query(query).map((row) => row.join("|"));
    return (query.includes("order by") ? rows : rows.toSorted()).join("\n");
  } catch (error) {
    if (error instanceof SqlError) return `error ${error.sqlState} ${error.message}`;
    throw error;
  }
}

const runs = Number(process.env["EQUIVALENCE_RUNS"] ?? 300);

test("a planned query yields what the query as it was bound yields", (t) => {
  let rows = 0;
  fc.assert(
    fc.property(data, fc.array(shapes, { minLength: 1, maxLength: 4 }), (content, queries) => {
      const planned = filled(content, true);
      const naive = filled(content, false);
      for (const query of queries) {
        const wanted = answer(naive, query);
        rows += wanted.length;
        // Which of several errors is met first may differ; that there is one may not.
        const given = answer(planned, query);
        if (given !== wanted && !wanted.startsWith("error "))
          throw new Error(`${query}\nplanned:\n${given}\nas bound:\n${wanted}`);
      }
    }),
    { numRuns: runs },
  );
  t.true(rows > 0);
});

test("every row is in one of the three outcomes of a condition, and counting agrees with filtering", (t) => {
  let checked = 0;
  fc.assert(
    fc.property(data, filtered, (content, { source, condition }) => {
      const database = filled(content, true);
      const count = (where: string): number =>
        Number(database.query(`select count(*) from ${source} ${where}`)[0]?.[0]);
      const all = count("");
      const parts = [
        count(`where ${condition}`),
        count(`where not (${condition})`),
        count(`where (${condition}) is null`),
      ];
      const counted = database.query(
        `select coalesce(sum(case when ${condition} then 1 else 0 end), 0) from ${source}`,
      )[0]?.[0];
      checked += all;
      const sum = parts.reduce((total, part) => total + part, 0);
      if (sum !== all) throw new Error(`${all} rows, and ${parts.join(" + ")}: ${source} where ${condition}`);
      if (Number(counted) !== parts[0])
        throw new Error(`filtered ${parts[0] ?? ""}, counted ${counted ?? ""}: ${source} where ${condition}`);
    }),
    { numRuns: runs },
  );
  t.true(checked > 0);
});
