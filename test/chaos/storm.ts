/**
 * Real processes under real faults: a cluster of nodes, writers that know every byte they were promised, and a nemesis that kills or
 * stops nodes. After it, each stream is read through each node and held against the promises, and each directory is verified.
 *
 *   npm run chaos -- --seconds 60 --fault kill-leader      SIGKILL of the node that leads shard 1, and its restart
 *                             --fault kill-any             SIGKILL of any node
 *                             --fault pause-leader         SIGSTOP for longer than every timer, then SIGCONT
 *                             --fault power                SIGKILL of all nodes at once
 *
 *   --nodes N (3)  --writers N (6)  --depth N (4)  --shards N (1)  --every SECONDS between faults (4)  --seed N
 *
 * Each fault is counted. Prints a timeline, and one JSON line at the end; exit code 0 only when nothing was violated.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connect } from "../../protocol/sdk/index.js";
import { startLoad, sum } from "../faults/load.js";
import { checkStreams, type StreamCheck } from "../faults/stream-check.js";
import { verifyDirectory } from "../faults/verify-directory.js";
import type { Writer } from "../faults/writer.js";
import { pause } from "../node/node-child.js";
import { ClusterProcesses } from "./cluster.js";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    fault: { type: "string", default: "kill-leader" },
    nodes: { type: "string", default: "3" },
    writers: { type: "string", default: "6" },
    depth: { type: "string", default: "4" },
    shards: { type: "string", default: "1" },
    every: { type: "string", default: "4" },
    layout: { type: "string", default: "shared" },
  },
});
const [seconds, nodes, every] = [Number(values.seconds), Number(values.nodes), Number(values.every)];
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const quantile = (of: readonly number[], share: number): number =>
  [...of].sort((a, b) => a - b)[Math.min(of.length - 1, Math.floor(of.length * share))] ?? 0;

const directory = mkdtempSync(join(tmpdir(), "kimberlite-chaos-"));
const cluster = new ClusterProcesses({
  directory,
  nodes,
  shards: Number(values.shards),
  layout: values.layout === "threads" ? "threads" : "shared",
  checkpointBytes: 4 * 1024 * 1024,
  checkpointMs: 2_000,
});
const counts = { kills: 0, pauses: 0, powerCuts: 0, restarts: 0 };
const outages: number[] = [];
const began = performance.now();
const elapsed = (): string => ((performance.now() - began) / 1_000).toFixed(2).padStart(7);
let turn = 0;

/** Writers go to any node that runs, and change when theirs is gone. */
const port = (): number => {
  const { running } = cluster;
  turn += 1;
  const index = running[turn % Math.max(1, running.length)] ?? 0;
  return cluster.ports[index] ?? 0;
};

/** Time until every writer that could was acknowledged again after a fault: what users see of it. */
async function outage(writers: readonly Writer[], from: number): Promise<number> {
  const limit = performance.now() + 30_000;
  while (performance.now() < limit) {
    if (writers.some((writer) => writer.acknowledgedAt > from)) {
      return Math.min(...writers.filter((w) => w.acknowledgedAt > from).map((w) => w.acknowledgedAt)) - from;
    }
    await pause(2);
  }
  return 30_000;
}

async function fault(writers: readonly Writer[]): Promise<void> {
  const leader = await cluster.leaderOf(1);
  const { running } = cluster;
  const any = running[Math.floor(Math.random() * running.length)] ?? 0;
  const victim = values.fault === "kill-any" || leader < 0 ? any : leader;
  const at = performance.now();
  switch (values.fault) {
    case "pause-leader": {
      cluster.members[victim]?.pause();
      counts.pauses += 1;
      print(`${elapsed()} s  node ${victim + 1} stopped (SIGSTOP)`);
      const [took] = await Promise.all([outage(writers, at + 20), pause(3_000)]);
      outages.push(took);
      print(`${elapsed()} s  … writes again after ${Math.round(took)} ms`);
      cluster.members[victim]?.resume();
      print(`${elapsed()} s  node ${victim + 1} continued`);
      return;
    }
    case "power": {
      await cluster.killAll();
      counts.powerCuts += 1;
      print(`${elapsed()} s  all nodes killed`);
      await cluster.startAll();
      counts.restarts += nodes;
      break;
    }
    default: {
      await cluster.kill(victim);
      counts.kills += 1;
      const took = await outage(writers, at + 1);
      outages.push(took);
      print(
        `${elapsed()} s  node ${victim + 1}${victim === leader ? " (leader)" : ""} killed, writes again after ${Math.round(took)} ms`,
      );
      await pause(Math.random() * 1_500);
      await cluster.spawn(victim).ready;
      counts.restarts += 1;
      print(`${elapsed()} s  node ${victim + 1} back`);
      return;
    }
  }
  const took = await outage(writers, performance.now());
  outages.push(took);
  print(`${elapsed()} s  writes again after ${Math.round(took)} ms`);
}

async function compare(writers: readonly Writer[]): Promise<StreamCheck> {
  const check: StreamCheck = { compared: 0, violations: [] };
  for (let index = 0; index < nodes; index++) {
    const db = await connect(`127.0.0.1:${cluster.ports[index]}`);
    try {
      await checkStreams(db, "main", writers, check);
    } finally {
      await db.close();
    }
  }
  return check;
}

await cluster.startAll();
print(`${elapsed()} s  ${nodes} nodes serve`);
let isRight = false;
try {
  const writers = await startLoad(port, {
    tenant: "main",
    writers: Number(values.writers),
    depth: Number(values.depth),
  });
  await pause(2_000);
  while (performance.now() - began < seconds * 1_000) {
    await fault(writers);
    await pause(every * 1_000 * (0.5 + Math.random()));
  }
  await Promise.all(writers.map((writer) => writer.settle()));
  const check = await compare(writers);
  await cluster.stop();
  let prepares = 0;
  for (let index = 0; index < nodes; index++) {
    const chain = verifyDirectory(cluster.directoryOf(index));
    check.violations.push(...chain.damage);
    prepares += chain.prepares;
  }
  for (const violation of check.violations) print(`VIOLATION ${violation}`);
  print(
    JSON.stringify({
      fault: values.fault,
      seconds: Math.round((performance.now() - began) / 1_000),
      ...counts,
      acknowledgedEvents: sum(writers, (writer) => writer.acknowledged),
      unknownOutcomes: sum(writers, (writer) => writer.unknown),
      unknownCommitted: sum(writers, (writer) => writer.unknownCommitted),
      unknownNotCommitted: sum(writers, (writer) => writer.unknownLost),
      refused: sum(writers, (writer) => writer.refused),
      outageMsP50: Math.round(quantile(outages, 0.5)),
      outageMsP99: Math.round(quantile(outages, 0.99)),
      eventsCompared: check.compared,
      prepares,
      violations: check.violations.length,
    }),
  );
  isRight = check.violations.length === 0;
} finally {
  await cluster.killAll();
  if (isRight) rmSync(directory, { recursive: true, force: true });
  else print(`kept: ${directory}`);
}
process.exit(isRight ? 0 : 1);
