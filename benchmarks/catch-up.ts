/**
 * A replica that was away catches up: three processes over TLS on this machine, one is killed, the others commit, it comes back while they
 * go on committing. Says how long it takes until it is back in step, and what that costs those who write.
 *
 *   node dist/benchmarks/catch-up.js [commits while it is away] [appends in flight] [wiped]
 *
 * With `wiped` its disk is lost as well: the time is that of `cluster recover` and what follows.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { PassThrough, Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { run as runCommand } from "../protocol/admin/program.js";
import { connect } from "../protocol/sdk/index.js";

const program = fileURLToPath(new URL("../protocol/admin/main.js", import.meta.url));
const [commits = 1_000_000, inFlight = 256] = process.argv.slice(2, 4).map(Number);
const isWiped = process.argv.includes("wiped");
const directory = mkdtempSync(path.join(tmpdir(), "kimberlite-catch-up-"));
const [peerPort, clientPort] = [21_000 + (process.pid % 300) * 100, 21_090 + (process.pid % 300) * 100];
const addresses = [0, 1, 2].map((node) => `127.0.0.1:${clientPort + node}`);
const nodes: (ChildProcess | null)[] = [null, null, null];
const away = 2;
const baselineMs = 10_000;
const pollMs = 250;
const giveUpMs = 240_000;

async function command(words: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [program, ...words], {
    cwd: directory,
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], KIMBERLITE_CONNECT: addresses.slice(0, 2).join() },
  });
  let [said, complained] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    complained += chunk.toString();
  });
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`${words.join(" ")} ended with ${String(code)}: ${complained}`);
  return said;
}

async function start(index: number): Promise<void> {
  const words = ["start", "--cluster", "cluster.toml", "--node", String(index + 1), "--data", `node-${index + 1}`];
  const child = spawn(process.execPath, [program, ...words, "--json"], {
    cwd: directory,
    stdio: ["ignore", "pipe", "pipe"],
  });
  nodes[index] = child;
  let complained = "";
  child.stderr.on("data", (chunk: Buffer) => {
    complained = `${complained}${chunk.toString()}`.slice(-2_000);
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout.on("data", (chunk: Buffer) => {
      if (chunk.toString().includes('"event":"ready"')) resolve();
    });
    child.once("exit", (code) => reject(new Error(`node ${index + 1} ended with ${String(code)}: ${complained}`)));
  });
}

async function end(index: number, signal: NodeJS.Signals): Promise<void> {
  const child = nodes[index] ?? null;
  nodes[index] = null;
  if (child === null || child.exitCode !== null) return;
  child.kill(signal);
  await once(child, "exit");
}

interface Replica {
  readonly node: number;
  readonly applied: number | null;
  readonly commit: number | null;
  readonly lag: number | null;
}

/** As one of the first two nodes sees shard 1. */
async function replicas(): Promise<readonly Replica[]> {
  const stdout = new PassThrough();
  const chunks: Buffer[] = [];
  stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  await runCommand(["cluster", "status", "--json"], {
    stdin: Readable.from([]),
    stdout,
    stderr: new PassThrough().resume(),
    environment: { KIMBERLITE_CONNECT: addresses.slice(0, 2).join() },
    directory,
    interrupted: new AbortController().signal,
    now: () => performance.now(),
  });
  const report = JSON.parse(Buffer.concat(chunks).toString()) as { shards: { shard: number; replicas: Replica[] }[] };
  return report.shards.find(({ shard }) => shard === 1)?.replicas ?? [];
}

async function run(): Promise<void> {
  await command([
    "cluster",
    "init",
    "--tls",
    "--nodes",
    "3",
    "--peer-port",
    String(peerPort),
    "--client-port",
    String(clientPort),
  ]);
  await command(["cluster", "keys", "keys", "--cluster", "cluster.toml"]);
  await Promise.all([start(0), start(1), start(2)]);
  await using db = await connect({ addresses: addresses.slice(0, 2) });
  const stream = await db.tenant("main").streams.create("events", { ifNotExists: true });
  let written = 0;
  let isOver = false;
  const event = { text: "x".repeat(100) };
  const writers = (limit: number): Promise<void>[] =>
    Array.from({ length: inFlight }, async () => {
      while (!isOver && written < limit) {
        written += 1;
        await stream.append(event);
      }
    });
  const rateOver = async (ms: number): Promise<number> => {
    const [from, began] = [written, performance.now()];
    await new Promise((resolve) => setTimeout(resolve, ms));
    return ((written - from) * 1_000) / (performance.now() - began);
  };
  await Promise.all(writers(20_000));
  const warm = Promise.all(writers(Number.MAX_SAFE_INTEGER));
  const whole = await rateOver(baselineMs);
  isOver = true;
  await warm;
  isOver = false;
  const kept = written;
  await end(away, "SIGKILL");
  const began = performance.now();
  await Promise.all(writers(kept + commits));
  console.log(`${commits} commits without node ${away + 1} in ${seconds(performance.now() - began)}`);
  const load = Promise.all(writers(Number.MAX_SAFE_INTEGER));
  const before = await rateOver(baselineMs);
  const missing = (await replicas()).find(({ node }) => node !== away + 1)?.commit ?? 0;
  const returned = performance.now();
  if (isWiped) {
    rmSync(path.join(directory, `node-${away + 1}`), { recursive: true });
    const own = ["--node", String(away + 1), "--data", `node-${away + 1}`];
    await command(["cluster", "recover", "--cluster", "cluster.toml", ...own]);
  }
  const from = written;
  const ready = start(away);
  let durableAt = 0;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, pollMs));
    const seen = await replicas();
    const self = seen.find(({ node }) => node === away + 1);
    const others = Math.max(...seen.map(({ commit }) => commit ?? 0));
    if (durableAt === 0 && self?.lag !== null && (self?.lag ?? 99) <= 32) durableAt = performance.now();
    const isBack = durableAt > 0 && others - (self?.applied ?? 0) <= 64;
    if (isBack || performance.now() - returned > giveUpMs) break;
  }
  const tookMs = performance.now() - returned;
  const during = ((written - from) * 1_000) / tookMs;
  const after = await rateOver(baselineMs);
  isOver = true;
  await load;
  await ready;
  console.log(
    `log of ${missing} operations; its log in step after ${seconds(durableAt - returned)}, its state after ${seconds(tookMs)}`,
  );
  const rates = { "all three": whole, "two of them": before, "while it catches up": during, afterwards: after };
  for (const [when, rate] of Object.entries(rates)) {
    console.log(
      `${rate.toFixed(0)} commits/s, ${when}: ${percent(rate, whole)} of all three, ${percent(rate, before)} of two`,
    );
  }
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
const percent = (part: number, whole: number): string => `${((part * 100) / whole).toFixed(0)} %`;

try {
  await run();
} finally {
  await Promise.all([0, 1, 2].map((index) => end(index, "SIGKILL")));
  rmSync(directory, { recursive: true, force: true });
}
