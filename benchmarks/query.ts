/**
 * The executor alone, over columns in memory: what a scan, a join, a grouping and a point query cost without store and network.
 *
 *   node dist/benchmarks/query.js [rows]
 */
import { SqlParser } from "../protocol/server/sql-parser.js";
import { bindStatement } from "../runtime/query/bind/statement.js";
import type { QueryEnvironment } from "../runtime/query/engine.js";
import { runPlan } from "../runtime/query/execute/run.js";
import { planBound } from "../runtime/query/plan/planner.js";
import {
  batchRowsMax,
  type ColumnVector,
  type ScanBatch,
  type ScanRequest,
  type TableScan,
} from "../runtime/query/table/access.js";
import type { Datum } from "../runtime/query/types/datum.js";
import { MemoryDatabase } from "../test/query/memory-database.js";

const rows = Number(process.argv[2] ?? 1_000_000);
const parser = await SqlParser.load();
const database = new MemoryDatabase();
database.run("create table facts (id int primary key, k int, g int, v int, f float8, t text)");
database.run("create table things (id int primary key, name text, class int)");

const columnsOf: Readonly<Record<string, readonly (Float64Array | string[])[]>> = {
  facts: [
    Float64Array.from({ length: rows }, (_, row) => row),
    Float64Array.from({ length: rows }, (_, row) => (row * 7_919) % 10_000),
    Float64Array.from({ length: rows }, (_, row) => (row * 31) % 1_000),
    Float64Array.from({ length: rows }, (_, row) => (row * 17) % 100),
    Float64Array.from({ length: rows }, (_, row) => row / 3),
    Array.from({ length: rows }, (_, row) => `text ${row % 100}`),
  ],
  things: [
    Float64Array.from({ length: 10_000 }, (_, row) => row),
    Array.from({ length: 10_000 }, (_, row) => `thing ${row}`),
    Float64Array.from({ length: 10_000 }, (_, row) => row % 20),
  ],
};
const noNulls = new Uint8Array(batchRowsMax);

function scan(request: ScanRequest): TableScan {
  const columns = columnsOf[request.table.name] ?? [];
  const size = columns[0]?.length ?? 0;
  const point = request.ranges[0]?.from?.values[0];
  let next = typeof point === "number" ? point : 0;
  const end = typeof point === "number" ? point + 1 : size;
  return {
    next(): ScanBatch | null {
      if (next >= end) return null;
      const from = next;
      next = Math.min(end, next + batchRowsMax);
      return {
        rows: next - from,
        keys: [],
        columns: request.columns.map((number): ColumnVector => {
          const column = columns[number - 1];
          if (column instanceof Float64Array) {
            return { kind: "numbers", numbers: column.subarray(from, next), nulls: noNulls, hasNulls: false };
          }
          return { kind: "values", values: (column ?? []).slice(from, next) };
        }),
      };
    },
    close: () => undefined,
  };
}

const source = { scan, rowsEstimate: () => rows, position: 0 };

function prepare(text: string): (parameters: readonly Datum[]) => number {
  const [parsed] = parser.parse(text);
  if (parsed === undefined) throw new Error("no statement");
  const bound = bindStatement(parsed.statement, {
    catalog: database,
    context: database.context,
    systemTables: { find: () => null },
    parameterTypes: [],
    asOf: null,
  });
  const { body } = planBound(bound, source, database, database.context);
  if (body.kind !== "query") throw new Error("no query");
  return (parameters) => {
    const environment: QueryEnvironment = { ...database.environment(parameters), source };
    const stream = runPlan(body.plan, body.outputs, environment);
    let count = 0;
    for (let batch = stream.next(); batch !== null; batch = stream.next()) count += batch.rows;
    stream.close();
    return count;
  };
}

function measure(name: string, text: string, perRun: number): void {
  const run = prepare(text);
  run([]);
  run([]);
  let best = Number.POSITIVE_INFINITY;
  let result = 0;
  for (let round = 0; round < 5; round += 1) {
    const began = performance.now();
    result = run([]);
    best = Math.min(best, performance.now() - began);
  }
  const rate = perRun / best / 1_000;
  process.stdout.write(
    `${name.padEnd(44)} ${best.toFixed(1).padStart(9)} ms ${rate.toFixed(1).padStart(8)} M rows/s ${String(result).padStart(8)} rows\n`,
  );
}

measure("scan, filter, sum", "select sum(v) from facts where k < 5000", rows);
measure("scan, two filters, arithmetic, sum", "select sum(v * 2 + g) from facts where k < 5000 and v > 10", rows);
measure("count(*)", "select count(*) from facts", rows);
measure("float filter, avg", "select avg(f), min(f), max(f) from facts where f > 1000", rows);
measure("group by 1,000 groups", "select g, count(*), sum(v) from facts group by g", rows);
measure("group by text, 100 groups", "select t, count(*) from facts group by t", rows);
measure("hash join 1M x 10k, count", "select count(*) from facts join things on things.id = facts.k", rows);
measure(
  "hash join, filter, group",
  "select class, sum(v) from facts join things on things.id = facts.k where class < 10 group by class",
  rows,
);
measure("top 10 of all", "select id, v from facts order by v desc, id limit 10", rows);
measure("distinct", "select distinct g, v from facts", rows);
measure(
  "window over 1,000 partitions",
  "select sum(s) from (select sum(v) over (partition by g order by id) s from facts where id < 100000) q",
  100_000,
);

const point = prepare("select id, v, t from facts where id = $1");
for (let warm = 0; warm < 20_000; warm += 1) point([warm % rows]);
const began = performance.now();
const points = 100_000;
for (let at = 0; at < points; at += 1) point([(at * 7) % rows]);
const elapsed = performance.now() - began;
process.stdout.write(`point select, plan kept: ${((elapsed / points) * 1_000).toFixed(2)} µs each\n`);
