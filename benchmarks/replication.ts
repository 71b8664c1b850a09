/**
 * What replication costs: durable appends of single events against one node, and against three nodes in processes of their own on this
 * machine, each with its own log; beside them three nodes of etcd and PostgreSQL 15 with a quorum of synchronous standbys, where they are
 * installed. All by turns, the clients at the node that leads (`--elsewhere`: at another of ours).
 *
 *   node dist/benchmarks/replication.js [--seconds 4] [--rounds 2] [--connections 1,64] [--in-flight 1] [--layout auto] [--elsewhere] [--alone] [--json FILE]
 *
 * fsync is on everywhere; what was acknowledged is looked for afterwards. All nodes share one disk and the machine's cores with the client:
 * three machines would not. Takes some three minutes; `--alone` leaves the others out.
 */
import { appendFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { EtcdCluster, hasEtcd } from "./replication/etcd.js";
import { KimberliteCluster } from "./replication/kimberlite.js";
import { PostgresQuorum } from "./replication/postgres.js";
import { type Measured, median, type Rival } from "./replication/rival.js";
import { hasPostgres } from "./sql/servers.js";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "4" },
    rounds: { type: "string", default: "2" },
    connections: { type: "string", default: "1,64" },
    "in-flight": { type: "string", default: "1" },
    layout: { type: "string", default: "auto" },
    elsewhere: { type: "boolean", default: false },
    alone: { type: "boolean", default: false },
    json: { type: "string" },
  },
});

const connections = values.connections.split(",").map(Number);

interface Row extends Measured {
  readonly name: string;
  readonly round: number;
  readonly connections: number;
}

const rows: Row[] = [];

const ours = (count: number) => (): Promise<Rival> =>
  KimberliteCluster.start({
    count,
    layout: values.layout,
    isElsewhere: values.elsewhere,
    inFlight: Number(values["in-flight"]),
  });
const rivals: (() => Promise<Rival>)[] = [ours(1), ours(3)];
if (!values.alone && hasEtcd()) rivals.push(() => EtcdCluster.start());
if (!values.alone && hasPostgres()) rivals.push(() => PostgresQuorum.start());

const micros = (each: readonly number[] | null): string =>
  each === null
    ? "?"
    : `${each.reduce((sum, one) => sum + one, 0).toFixed(1)} µs CPU (${each.map((one) => one.toFixed(1)).join(" + ")})`;

for (let round = 1; round <= Number(values.rounds); round++) {
  for (const start of rivals) {
    const rival = await start();
    try {
      for (const count of connections) {
        const row = {
          name: rival.name,
          round,
          connections: count,
          ...(await rival.measure(count, Number(values.seconds))),
        };
        rows.push(row);
        process.stdout.write(
          `round ${round}  ${row.name.padEnd(16)}  ${String(count).padStart(3)} connections  ${row.perSecond.toFixed(0).padStart(7)}/s  p50 ${row.p50Ms.toFixed(2)} ms  ${micros(row.cpuMicros)}\n`,
        );
        if (values.json !== undefined) appendFileSync(values.json, `${JSON.stringify(row)}\n`);
      }
    } finally {
      await rival.stop();
    }
  }
}

/** The middle of the rounds; not a number for what was not measured. */
const middle = (name: string, count: number, what: "perSecond" | "p50Ms"): number =>
  median(rows.filter((row) => row.name === name && row.connections === count).map((row) => row[what]));

const three = "kimberlite ×3";
const names = [...new Set(rows.map(({ name }) => name))].filter((name) => name !== three);
for (const count of connections) {
  process.stdout.write(
    `${count} connection(s): ${three} ${middle(three, count, "perSecond").toFixed(0)}/s, p50 ${middle(three, count, "p50Ms").toFixed(2)} ms\n`,
  );
  for (const name of names) {
    const rate = middle(three, count, "perSecond") / middle(name, count, "perSecond");
    process.stdout.write(
      `  ${rate.toFixed(2)} times ${name}, which came to ${middle(name, count, "perSecond").toFixed(0)}/s, p50 ${middle(name, count, "p50Ms").toFixed(2)} ms\n`,
    );
  }
}
