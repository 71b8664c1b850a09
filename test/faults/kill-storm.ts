/**
 * The storm: a node under load is killed at random moments, again and again, and after every restart what it holds is compared with
 * what it had acknowledged: each event there, in order, exactly once, and the hash chain whole.
 *
 *   npm run faults -- --kills 200                  SIGKILL of the process, also while it starts
 *   npm run faults -- --workers --kills 40         termination of random worker threads of a process that goes on
 *
 *   --seconds N    stop after this time, however many kills there were (default 3600)
 *   --seed N       moments and choices (default: the clock; printed)
 *   --layout L     threads or shared (default: alternately over the runs of the process storm; the machine's in the worker storm)
 *   --shards N     user shards (default 2)   --writers N (default 6)   --depth N appends in flight for each (default 4)
 *
 * It ends with a negative control: the log is set back behind the node's back, as a disk that lies about syncs would, and the
 * checker must see the loss. Exit code 0 only when nothing was lost and the control was noticed.
 */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connect } from "../../protocol/sdk/index.js";
import { type ChildOptions, eventually, NodeChild, pause } from "../node/node-child.js";
import { startLoad, sum } from "./load.js";
import { checkStream, checkStreams, type StreamCheck } from "./stream-check.js";
import { verifyDirectory } from "./verify-directory.js";
import type { Writer } from "./writer.js";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "200" },
    seconds: { type: "string", default: "3600" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    workers: { type: "boolean", default: false },
    layout: { type: "string" },
    shards: { type: "string", default: "2" },
    writers: { type: "string", default: "6" },
    depth: { type: "string", default: "4" },
  },
});
const [kills, seconds, seed] = [Number(values.kills), Number(values.seconds), Number(values.seed)];

/** Mulberry32: small, and the same on every machine. */
let randomState = seed >>> 0;
function random(): number {
  randomState = (randomState + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(randomState ^ (randomState >>> 15), 1 | randomState);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}

const directory = mkdtempSync(join(tmpdir(), "kimberlite-storm-"));
const check: StreamCheck = { compared: 0, violations: [] };
const restartMs: number[] = [];
const tenants = ["main", "second"];
let loads: { readonly tenant: string; readonly writers: Writer[] }[] = [];
let port = 0;
let done = 0;
let startsKilled = 0;
let chainChecks = 0;
let prepares = 0;
/** Offsets up to which each stream was compared already. */
const compared = new Map<Writer, number>();
const all = (): Writer[] => loads.flatMap((load) => load.writers);
const quantile = (of: readonly number[], share: number): number =>
  [...of].sort((a, b) => a - b)[Math.min(of.length - 1, Math.floor(of.length * share))] ?? 0;
const print = (line: string): void => void process.stdout.write(`${line}\n`);

const layoutOf = (run: number): ChildOptions["layout"] =>
  values.layout === "threads" || values.layout === "shared" ? values.layout : run % 2 === 0 ? "shared" : "threads";

// Checkpoints are frequent, so that kills meet them in every phase.
const optionsOf = (run: number): ChildOptions => ({
  dataDirectory: directory,
  listen: { host: "127.0.0.1", port },
  shards: Number(values.shards),
  layout: layoutOf(run),
  cacheBytes: 64 * 1024 * 1024,
  checkpointBytes: 512 * 1024,
  checkpointMs: 700,
});

function checkChain(): void {
  const chain = verifyDirectory(directory);
  chainChecks += 1;
  prepares = chain.prepares;
  check.violations.push(...chain.damage);
}

/** Compares what each stream holds with what its writer knows; only what is new unless `isFull`. */
async function compare(isFull: boolean): Promise<void> {
  const db = await connect(`127.0.0.1:${port}`);
  try {
    for (const { tenant, writers } of loads) {
      for (const writer of writers) {
        const { acknowledged } = writer;
        const from = isFull ? 0 : Math.max(0, (compared.get(writer) ?? 0) - 50);
        await checkStream(db, tenant, writer, check, from, acknowledged);
        compared.set(writer, acknowledged);
      }
    }
  } finally {
    await db.close();
  }
  for (const writer of all()) check.violations.push(...writer.violations.splice(0));
}

async function begin(): Promise<NodeChild> {
  const node = await NodeChild.start(optionsOf(0));
  ({ port } = node);
  const db = await connect(node.target);
  await db.tenants.create("second");
  await db.close();
  const [writers, depth] = [Math.ceil(Number(values.writers) / tenants.length), Number(values.depth)];
  loads = [];
  for (const [index, tenant] of tenants.entries()) {
    loads.push({ tenant, writers: await startLoad(() => port, { tenant, writers, depth, first: index * writers }) });
  }
  return node;
}

/** Also kills some starts: replay and recovery must bear it as well. */
async function startAgain(): Promise<NodeChild> {
  for (;;) {
    const began = performance.now();
    const node = NodeChild.spawn(optionsOf(done));
    if (random() < 0.15 && done < kills) {
      await Promise.race([pause(50 + random() * 1_000), node.ready]);
      await node.kill();
      startsKilled += 1;
      done += 1;
      continue;
    }
    await node.ready;
    restartMs.push(performance.now() - began);
    return node;
  }
}

const isOver = (began: number): boolean =>
  done >= kills || check.violations.length > 0 || performance.now() - began > seconds * 1_000;

async function processStorm(began: number): Promise<NodeChild> {
  let node = await begin();
  while (!isOver(began)) {
    await pause(random() < 0.3 ? random() * 100 : random() * 1_500);
    await node.kill();
    done += 1;
    if (done % 20 === 0) checkChain();
    node = await startAgain();
    await compare(done % 50 === 0);
    if (done % 20 === 0) report(began);
  }
  return node;
}

async function workerStorm(began: number): Promise<NodeChild> {
  const node = await begin();
  while (!isOver(began)) {
    // Supervisors give a group 20 restarts a minute; beyond that they rightly give up.
    await pause(2_500 + random() * 1_500);
    const workers = await node.workers();
    const name = workers[Math.floor(random() * workers.length)] ?? "";
    const at = performance.now();
    await node.terminateWorker(name);
    done += 1;
    await eventually(
      `writers are served again after ${name} was ended`,
      () => all().every((writer) => writer.acknowledgedAt > at + 1),
      20_000,
    );
    restartMs.push(performance.now() - at);
    await compare(done % 20 === 0);
    if (node.failure !== null) check.violations.push(`the node gave up: ${node.failure.message}`);
    if (done % 10 === 0) report(began);
  }
  return node;
}

function report(began: number): void {
  const writers = all();
  const numbers = {
    seconds: Math.round((performance.now() - began) / 1_000),
    [values.workers ? "workersEnded" : "kills"]: done,
    startsKilled,
    acknowledgedEvents: sum(writers, (writer) => writer.acknowledged),
    unknownOutcomes: sum(writers, (writer) => writer.unknown),
    unknownCommitted: sum(writers, (writer) => writer.unknownCommitted),
    unknownNotCommitted: sum(writers, (writer) => writer.unknownLost),
    refused: sum(writers, (writer) => writer.refused),
    restartMsP50: Math.round(quantile(restartMs, 0.5)),
    restartMsMax: Math.round(Math.max(0, ...restartMs)),
    eventsCompared: check.compared,
    chainChecks,
    prepares,
    violations: check.violations.length,
  };
  print(JSON.stringify(numbers));
}

/** Sets the log of the user shards back to an earlier moment while the writers remember the later one: the checker must see it. */
async function negativeControl(): Promise<boolean> {
  const kept = `${directory}-kept`;
  cpSync(directory, kept, { recursive: true });
  try {
    const node = await NodeChild.start({ ...optionsOf(0), dataDirectory: kept });
    const keptPort = node.port;
    const backup = `${directory}-backup`;
    await node.stop();
    cpSync(kept, backup, { recursive: true });
    const lying = await NodeChild.start({
      ...optionsOf(0),
      dataDirectory: kept,
      listen: { host: "127.0.0.1", port: keptPort },
    });
    const writers = await startLoad(() => lying.port, { tenant: "main", writers: 1, depth: 4, first: 900 });
    await eventually("some load", () => sum(writers, (writer) => writer.acknowledged) > 100);
    await lying.kill();
    await Promise.all(writers.map((writer) => writer.abandon()));
    rmSync(kept, { recursive: true });
    cpSync(backup, kept, { recursive: true });
    rmSync(backup, { recursive: true });
    const after = await NodeChild.start({
      ...optionsOf(0),
      dataDirectory: kept,
      listen: { host: "127.0.0.1", port: 0 },
    });
    const db = await connect(after.target);
    try {
      await db.tenant("main").streams.create("writer-900", { ifNotExists: true });
      const control = await checkStreams(db, "main", writers);
      print(`negative control: the log was set back; reported: ${control.violations[0] ?? "nothing"}`);
      return control.violations.length > 0;
    } finally {
      await db.close();
      await after.kill();
    }
  } finally {
    rmSync(kept, { recursive: true, force: true });
  }
}

const began = performance.now();
print(`seed ${seed}, ${values.workers ? "worker" : "process"} storm in ${directory}`);
let node: NodeChild | null = null;
try {
  node = await (values.workers ? workerStorm(began) : processStorm(began));
  await Promise.all(all().map((writer) => writer.settle()));
  await compare(true);
  await node.stop();
  checkChain();
} catch (error) {
  check.violations.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
} finally {
  await node?.kill();
  await Promise.all(all().map((writer) => writer.abandon()));
}
report(began);
const isNoticed = check.violations.length > 0 || (await negativeControl());
if (!isNoticed) print("the negative control was not noticed: this checker proves nothing");
for (const violation of check.violations) print(`VIOLATION ${violation}`);
const isGood = check.violations.length === 0 && isNoticed && done > 0;
if (isGood) rmSync(directory, { recursive: true, force: true });
else print(`the data directory is kept: ${directory}`);
print(isGood ? `passed: ${done} faults, nothing acknowledged was lost` : "FAILED");
process.exit(isGood ? 0 : 1);
