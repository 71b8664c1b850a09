/**
 * What replication costs: durable appends of single events against one node, and against three nodes in processes of their own on this
 * machine, each with its own log; beside them three nodes of etcd and PostgreSQL 15 with a quorum of synchronous standbys, where they are
 * installed. All by turns, the clients at the node that leads (`--elsewhere`: at another of ours).
 *
 *   node dist/benchmarks/replication.js [--seconds 4] [--rounds 2] [--loads 1x1,64x1,64x16] [--layout auto] [--elsewhere] [--alone] [--json FILE]
 *
 * A load of 64x16 is 64 connections with 16 operations in flight on each, every one of them an append, a put or a transaction of its own; a session of
 * PostgreSQL has one at a time, so there it is 1,024 sessions.
 *
 * fsync is on everywhere; what was acknowledged is looked for afterwards. All nodes share one disk and the machine's cores with the client:
 * three machines would not. Takes some three minutes; `--alone` leaves the others out.
 */
import { appendFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { EtcdCluster, hasEtcd } from "./replication/etcd.js";
import { KimberliteCluster } from "./replication/kimberlite.js";
import { PostgresQuorum } from "./replication/postgres.js";
import { type Load, type Measured, median, type Rival } from "./replication/rival.js";
import { hasPostgres } from "./sql/servers.js";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "4" },
    rounds: { type: "string", default: "2" },
    loads: { type: "string", default: "1x1,64x1,64x16" },
    layout: { type: "string", default: "auto" },
    elsewhere: { type: "boolean", default: false },
    alone: { type: "boolean", default: false },
    json: { type: "string" },
  },
});

const loads = values.loads.split(",").map((load): Load => {
  const [connections = Number.NaN, inFlight = Number.NaN] = load.split("x").map(Number);
  if (!(connections > 0 && inFlight > 0))
    throw new Error(`"${load}" is no load: connections x operations in flight on each, as 64x16`);
  return { connections, inFlight };
});

interface Row extends Measured {
  readonly name: string;
  readonly round: number;
  readonly load: string;
}

const rows: Row[] = [];

const ours = (count: number) => (): Promise<Rival> =>
  KimberliteCluster.start({
    count,
    layout: values.layout,
    isElsewhere: values.elsewhere,
  });
const rivals: (() => Promise<Rival>)[] = [ours(1), ours(3)];
if (!values.alone && hasEtcd()) rivals.push(() => EtcdCluster.start());
if (!values.alone && hasPostgres()) rivals.push(() => PostgresQuorum.start());

const nameOf = ({ connections, inFlight }: Load): string => `${connections}x${inFlight}`;

const micros = (each: readonly number[] | null): string =>
  each === null
    ? "?"
    : `${each.reduce((sum, one) => sum + one, 0).toFixed(1)} µs CPU (${each.map((one) => one.toFixed(1)).join(" + ")})`;

for (let round = 1; round <= Number(values.rounds); round++) {
  for (const start of rivals) {
    const rival = await start();
    try {
      for (const load of loads) {
        const measured = await rival.measure(load, Number(values.seconds));
        const row = { name: rival.name, round, load: nameOf(load), ...measured };
        rows.push(row);
        process.stdout.write(
          `round ${round}  ${row.name.padEnd(16)}  ${row.load.padStart(5)}  ${row.perSecond.toFixed(0).padStart(7)}/s  p50 ${row.p50Ms.toFixed(2)} ms  ${micros(row.cpuMicros)}\n`,
        );
        if (values.json !== undefined) appendFileSync(values.json, `${JSON.stringify(row)}\n`);
      }
    } finally {
      await rival.stop();
    }
  }
}

/** The middle of the rounds; not a number for what was not measured. */
const middle = (name: string, load: string, what: "perSecond" | "p50Ms"): number =>
  median(rows.filter((row) => row.name === name && row.load === load).map((row) => row[what]));

const three = "kimberlite ×3";
const names = [...new Set(rows.map(({ name }) => name))].filter((name) => name !== three);
for (const load of loads.map(nameOf)) {
  process.stdout.write(
    `${load}: ${three} ${middle(three, load, "perSecond").toFixed(0)}/s, p50 ${middle(three, load, "p50Ms").toFixed(2)} ms\n`,
  );
  for (const name of names) {
    const rate = middle(three, load, "perSecond") / middle(name, load, "perSecond");
    process.stdout.write(
      `  ${rate.toFixed(2)} times ${name}, which came to ${middle(name, load, "perSecond").toFixed(0)}/s, p50 ${middle(name, load, "p50Ms").toFixed(2)} ms\n`,
    );
  }
}
