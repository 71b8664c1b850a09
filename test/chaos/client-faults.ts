/** Clients that are killed and begin again, and one tenant that takes all it can get. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { connect } from "../../protocol/sdk/index.js";
import { startLoad, sum } from "../faults/load.js";
import { checkStreams } from "../faults/stream-check.js";
import { pause } from "../node/node-child.js";
import { count, flowing, note, others, prove, type Scene, within } from "./scene.js";
import { quantile } from "./timeline.js";

const program = fileURLToPath(new URL("./keyed-client.js", import.meta.url));
const lives = 5;
/** A process takes its time to start where cores are few. */
const clientMs = 30_000;
const repeats = 64;
const noisySeconds = 6;
/** What the 99th of a hundred appends of others may take beside a tenant that takes all it can get: so long, or so many times as before. */
const neighbourMsMax = 5_000;
const neighbourTimesMax = 10;

class KeyedClient {
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;
  /** Numbers below are acknowledged. */
  acknowledged = 0;

  constructor(addresses: string, tenant: string, stream: string, first: number) {
    this.#process = spawn(process.execPath, [program, addresses, tenant, stream, String(first)], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    this.#ended = new Promise((resolve) => void this.#process.once("exit", () => resolve()));
    if (this.#process.stdout !== null)
      createInterface({ input: this.#process.stdout }).on("line", (line) => {
        this.acknowledged = Math.max(this.acknowledged, Number(line));
      });
  }

  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#ended;
  }
}

/** Clients are killed with appends under way and repeat them: every number stands in the stream once, in whatever order they were sent. */
export async function killClients(scene: Scene): Promise<void> {
  const { cluster, timeline, violations } = scene;
  const at = performance.now();
  const tenant = "main";
  const stream = `keyed-${Math.floor(scene.random() * 1e9)}`;
  const addresses = cluster.running.map((node) => `127.0.0.1:${cluster.portOf(node)}`).join();
  let acknowledged = 0;
  for (let life = 0; life < lives; life++) {
    const client = new KeyedClient(addresses, tenant, stream, Math.max(0, acknowledged - repeats));
    await within(clientMs, () => client.acknowledged > acknowledged);
    await pause(scene.random() * 300);
    await client.kill();
    acknowledged = Math.max(acknowledged, client.acknowledged);
    prove(scene, "clients killed");
  }
  timeline.say(`a client was killed ${lives} times; ${acknowledged} numbers are acknowledged`);
  const db = await connect(addresses, { timeoutMs: 20_000 });
  try {
    const seen = new Map<number, number>();
    const events = db.tenant(tenant).stream(stream);
    for (let from = 0n; ; ) {
      const page = await events.read({ from, limit: 10_000, consistency: "linearizable" });
      for (const event of page.events) {
        const { number } = event.json() as { number: number };
        seen.set(number, (seen.get(number) ?? 0) + 1);
      }
      const last = page.events.at(-1);
      if (last === undefined || last.offset + 1n >= page.nextOffset) break;
      from = last.offset + 1n;
    }
    for (let number = 0; number < acknowledged; number++)
      if (!seen.has(number)) violations.push(`client: acknowledged number ${number} is not in ${stream}`);
    for (const [number, times] of seen)
      if (times > 1) violations.push(`client: number ${number} is in ${stream} ${times} times`);
    count(scene, "numbers of killed clients found once", seen.size);
    if (acknowledged === 0) violations.push("client: nothing was acknowledged");
  } finally {
    await db.close();
  }
  note(scene, "client", at, others(scene));
}

/** A tenant that appends as fast as it is answered: others wait longer, and not without bound. */
export async function noisyTenant(scene: Scene): Promise<void> {
  const { cluster, timeline, violations } = scene;
  const at = performance.now();
  const { running } = cluster;
  const portOf = (): number => cluster.portOf(running[0] ?? 0);
  const name = `noisy-${Math.floor(scene.random() * 1e9)}`;
  const db = await connect(`127.0.0.1:${portOf()}`, { timeoutMs: 20_000 });
  try {
    await db.tenants.create(name);
    const quiet = scene.latencies(at - noisySeconds * 1_000, at);
    const noise = await startLoad(portOf, { tenant: name, writers: 8, depth: 64, first: 1_000, expectsOffset: true });
    await pause(noisySeconds * 1_000);
    const beside = scene.latencies(at, performance.now());
    for (const writer of noise) await writer.settle();
    const noisy = sum(noise, (writer) => writer.acknowledged);
    prove(scene, "events of a noisy tenant", noisy);
    const [before, during] = [quantile(quiet, 0.99), quantile(beside, 0.99)];
    timeline.say(
      `a tenant wrote ${Math.round(noisy / noisySeconds)} events/s; others' appends took ${before.toFixed(0)} ms (p99) before and ${during.toFixed(0)} ms beside it`,
    );
    if (beside.length === 0 || during > Math.max(neighbourMsMax, neighbourTimesMax * before))
      violations.push(`tenants: others' appends took ${Math.round(during)} ms (p99 of ${beside.length})`);
    violations.push(...(await checkStreams(db, name, noise)).violations);
    await flowing(scene, performance.now());
  } finally {
    await db.close();
  }
  note(scene, "tenants", at, []);
}
