/** What grouping and joining by columns of integers is made of, against models; and queries over several batches, against plain JavaScript. */
import test from "ava";
import fc from "fast-check";
import { GroupSums } from "../../runtime/query/execute/group-sums.js";
import { IntegerTable } from "../../runtime/query/execute/integer-table.js";
import type { Datum } from "../../runtime/query/types/datum.js";
import { type RigSession, ShardRig } from "../sql/shard-rig.js";

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const key = fc.oneof(fc.integer({ min: -20, max: 200 }), fc.integer({ min: 65_500, max: 65_600 }), int32);

test("a table of integers holds what was set, dense or hashed", (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(key, fc.nat()), { maxLength: 400 }),
      fc.array(key, { maxLength: 50 }),
      (sets, asked) => {
        const table = new IntegerTable();
        const model = new Map<number, number>();
        for (const [each, value] of sets) {
          table.set(each, value);
          model.set(each, value);
        }
        t.is(table.size, model.size);
        const all = [...asked, ...model.keys()];
        for (const each of all) t.is(table.get(each), model.get(each) ?? -1);
        const values = new Int32Array(all.length);
        const found = table.getAll(Float64Array.from(all), all.length, values);
        for (const [at, each] of all.entries()) {
          if (at < found) t.is(values[at], model.get(each) ?? -1);
          // It ends at a key that is not there, or that is no place of an array.
          else if (at === found) t.true(!model.has(each) || each < 0 || each >= 65_536);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("sums that are gathered are told exactly, also when they are told in between", (t) => {
  const found = new Int32Array(1_024);
  const sums = new GroupSums();
  const numbers = new Float64Array(1_024).fill(2 ** 31 - 1);
  const nulls = new Uint8Array(1_024);
  nulls[7] = 1;
  const told = [
    { sum: 0n, rows: 0 },
    { sum: 0n, rows: 0 },
  ];
  const accumulatorOf = (place: number) => ({
    add: () => {},
    finish: (): Datum => null,
    addSum: (sum: number, rows: number) => {
      t.true(Number.isSafeInteger(sum));
      const entry = told[place];
      if (entry === undefined) throw new Error(`no group at ${place}`);
      entry.sum += BigInt(sum);
      entry.rows += rows;
    },
  });
  // Row 3 has no group, row 5 is of the second.
  found[3] = -1;
  found[5] = 1;
  let flushes = 0;
  const vector = { kind: "numbers" as const, numbers, nulls, hasNulls: true };
  for (let batch = 0; batch < 3_000; batch++) {
    if (sums.isFull) {
      sums.flush(accumulatorOf);
      flushes += 1;
    }
    sums.add({ rows: 1_024, selection: null, columns: [vector] }, vector, 2, found, false);
  }
  sums.flush(accumulatorOf);
  sums.flush(accumulatorOf);
  t.is(flushes, 2);
  t.deepEqual(told, [
    { sum: BigInt(3_000 * 1_021) * BigInt(2 ** 31 - 1), rows: 3_000 * 1_021 },
    { sum: 3_000n * BigInt(2 ** 31 - 1), rows: 3_000 },
  ]);

  // The same of batches whose rows all have a group, of values and of rows alone, among such that have not.
  found[3] = 0;
  const whole = { kind: "numbers" as const, numbers, nulls: new Uint8Array(1_024), hasNulls: false };
  for (const entry of told) Object.assign(entry, { sum: 0n, rows: 0 });
  const batch = { rows: 1_024, selection: null, columns: [whole] };
  sums.add(batch, whole, 2, found, true);
  sums.add(batch, whole, 2, found, false);
  sums.add(batch, null, 2, found, true);
  sums.add(batch, null, 2, found, false);
  sums.flush(accumulatorOf);
  t.deepEqual(told, [
    { sum: 2n * 1_023n * BigInt(2 ** 31 - 1), rows: 4 * 1_023 },
    { sum: 2n * BigInt(2 ** 31 - 1), rows: 4 },
  ]);
});

interface Row {
  readonly k: number | null;
  readonly v: number | null;
}

function fill(session: RigSession, table: string, rows: readonly Row[]): void {
  for (let from = 0; from < rows.length; from += 500) {
    const list = rows.slice(from, from + 500).map(({ k, v }) => `(${k ?? "NULL"}, ${v ?? "NULL"})`);
    session.rows(`INSERT INTO ${table} VALUES ${list.join(", ")}`);
  }
}

test("grouped and joined by integers over several batches: what plain loops come to", (t) => {
  let state = 12_345;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  const keys = [-7, -1, 0, 1, 2, 3, 1_023, 1_024, 65_535, 65_536, 2_000_000_000, -2_000_000_000];
  const drawn = (): number | null => {
    const which = random(20);
    return which === 0 ? null : which < 5 ? (keys[random(keys.length)] ?? 0) : random(3_000);
  };
  const facts = Array.from(
    { length: 5_000 },
    (): Row => ({ k: drawn(), v: random(10) === 0 ? null : random(1e9) - 5e8 }),
  );
  const unique = [...new Set([...keys, ...Array.from({ length: 2_500 }, (_, at) => at)])].map(
    (k): Row => ({ k, v: k % 3 === 0 ? null : k % 1_000 }),
  );
  const rig = new ShardRig();
  const session = rig.session();
  for (const table of ["facts", "things", "twice"]) session.rows(`CREATE TABLE ${table} (k int, v int)`);
  fill(session, "facts", facts);
  fill(session, "things", [...unique, { k: null, v: 1 }]);
  fill(session, "twice", [...unique, ...unique.filter(({ k }) => (k ?? 0) % 2 === 0)]);

  const groups = new Map<string, Row[]>();
  for (const row of facts) groups.set(String(row.k ?? "~"), [...(groups.get(String(row.k ?? "~")) ?? []), row]);
  const expected = [...groups].map(([k, rows]) => {
    const values = rows.flatMap(({ v }) => (v === null ? [] : [v]));
    const sum = values.length === 0 ? null : String(values.reduce((all, v) => all + v, 0));
    const least = values.length === 0 ? null : String(Math.min(...values));
    return [k === "~" ? null : k, String(rows.length), String(values.length), sum, least].join(" ");
  });
  const answer = session.rows("SELECT k, count(*), count(v), sum(v), min(v) FROM facts GROUP BY k");
  t.deepEqual(answer.map((row) => row.join(" ")).sort(), expected.sort());
  const filtered = session.rows("SELECT k, count(*), sum(v) FROM facts WHERE v > 0 GROUP BY k HAVING count(*) > 3");
  const kept = [...groups].flatMap(([k, rows]) => {
    const values = rows.flatMap(({ v }) => (v === null || v <= 0 ? [] : [v]));
    return values.length > 3
      ? [[k === "~" ? "" : k, values.length, values.reduce((all, v) => all + v, 0)].join(" ")]
      : [];
  });
  t.deepEqual(filtered.map((row) => row.join(" ")).sort(), kept.sort());

  for (const [table, rows] of [
    ["things", unique],
    ["twice", [...unique, ...unique.filter(({ k }) => (k ?? 0) % 2 === 0)]],
  ] as const) {
    let [pairs, lefts, rights, nulls] = [0, 0, 0, 0];
    const byKey = new Map<number, (number | null)[]>();
    for (const { k, v } of rows) if (k !== null) byKey.set(k, [...(byKey.get(k) ?? []), v]);
    for (const { k, v } of facts) {
      for (const other of k === null ? [] : (byKey.get(k) ?? [])) {
        pairs += 1;
        lefts += v ?? 0;
        rights += other ?? 0;
        nulls += other === null ? 1 : 0;
      }
    }
    t.true(pairs > 3_000);
    t.deepEqual(
      session.rows(
        `SELECT count(*), sum(f.v), sum(o.v), count(*) FILTER (WHERE o.v IS NULL) FROM facts f JOIN ${table} o ON o.k = f.k`,
      ),
      [[pairs, lefts, rights, nulls].map(String)],
    );
    const outer = facts.filter(({ k }) => k === null || !byKey.has(k)).length;
    t.deepEqual(session.rows(`SELECT count(*), count(o.k) FROM facts f LEFT JOIN ${table} o ON o.k = f.k`), [
      [String(pairs + outer), String(pairs)],
    ]);
  }

  // More rows out than in, from several batches: what is in use of the input stays as it is.
  const present = facts.flatMap(({ k }) => (k === null ? [] : [k]));
  const total = present.reduce((all, k) => all + k, 0);
  t.deepEqual(session.rows("SELECT count(*), sum(k), sum(g) FROM (SELECT k, generate_series(1, 3) g FROM facts) x"), [
    ["15000", String(3 * total), "30000"],
  ]);
  const few = [5, 50, 500];
  t.deepEqual(
    session.rows("SELECT count(*), sum(f.k), sum(w) FROM facts f JOIN (VALUES (5), (50), (500)) o (w) ON o.w < f.k"),
    [
      [
        present.reduce((all, k) => all + few.filter((w) => w < k).length, 0),
        present.reduce((all, k) => all + k * few.filter((w) => w < k).length, 0),
        present.reduce((all, k) => all + few.filter((w) => w < k).reduce((sum, w) => sum + w, 0), 0),
      ].map(String),
    ],
  );
});
