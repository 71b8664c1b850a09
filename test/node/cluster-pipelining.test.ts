/**
 * Clients of followers pipeline writes while the leader is killed. Each answer names the position of its write, and the table's history names the
 * position of each row: together they say whose answer each was, that no write was done twice, and in which order they were done.
 */
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import { ClusterRig } from "../admin/cluster-rig.js";
import { bind, execute, parse, query, RawClient, startupPacket, sync, textOf } from "../postgres/rig.js";

let cluster: ClusterRig;

test.before(async () => {
  cluster = await ClusterRig.withPostgres(3);
});
test.after.always(() => cluster.remove());

async function session(index: number): Promise<RawClient> {
  const socket = connect({ host: "127.0.0.1", port: cluster.postgresPort(index) });
  await once(socket, "connect");
  const client = new RawClient(socket);
  client.send(startupPacket({ user: "admin", database: "main" }));
  await client.untilReady();
  return client;
}

/** Writes that are under way at once. */
const windowMax = 32;
const acknowledgedBefore = 200;
const acknowledgedAfter = 200;
const patienceMs = 60_000;

/** What became of each write of one client. */
class Writer {
  readonly positions = new Map<number, number>();
  readonly failed = new Map<number, string>();
  readonly #client: RawClient;
  readonly #first: number;
  #sent = 0;
  #answered = 0;
  /** Under way when the leader was killed. */
  underWay = -1;
  acknowledgedAtKill = 0;

  constructor(client: RawClient, first: number) {
    this.#client = client;
    this.#first = first;
  }

  /** Two clients take turns with the keys. */
  #key(number: number): number {
    return 2 * number + this.#first;
  }

  killed(): void {
    this.underWay = this.#sent - this.#answered;
    this.acknowledgedAtKill = this.positions.size;
  }

  get isDone(): boolean {
    return this.underWay >= 0 && this.positions.size >= this.acknowledgedAtKill + acknowledgedAfter;
  }

  async run(until: number): Promise<void> {
    await this.#client.ask(parse("i", "INSERT INTO t VALUES ($1)"), sync);
    while ((!this.isDone || this.#answered < this.#sent) && Date.now() < until) {
      const rounds: Uint8Array[] = [];
      while (!this.isDone && this.#sent - this.#answered < windowMax) {
        rounds.push(bind("", "i", [String(this.#key(this.#sent))]), execute(""), sync);
        this.#sent += 1;
      }
      if (rounds.length > 0) this.#client.send(...rounds);
      await this.#answer();
    }
  }

  async #answer(): Promise<void> {
    const said = (await this.#client.untilReady()).map(textOf);
    const key = this.#key(this.#answered);
    this.#answered += 1;
    const error = said.find((text) => text.startsWith("E "));
    if (error !== undefined) {
      this.failed.set(key, error.slice(2, 7));
      // Without a leader every write is refused at once.
      await sleep(10);
      return;
    }
    const position = said.find((text) => text.startsWith("S kimberlite.position="))?.split("=")[1];
    if (!said.includes("C INSERT 0 1") || position === undefined) throw new Error(`key ${key}: ${said.join(", ")}`);
    this.positions.set(key, Number(position));
  }
}

test("writes that followers' clients pipeline while the leader is killed: in order, once each, and the answers are their own", async (t) => {
  t.timeout(120_000);
  const leader = await cluster.leaderOf(1);
  const followers = [0, 1, 2].filter((index) => index !== leader);
  const [one = 0, two = 0] = followers;
  const clients = await Promise.all([session(one), session(two)]);
  await clients[0]?.ask(query("CREATE TABLE t (k int PRIMARY KEY)"));
  const writers = clients.map((client, first) => new Writer(client, first));
  const until = Date.now() + patienceMs;
  const runs = writers.map((writer) => writer.run(until));
  while (writers.some(({ positions }) => positions.size < acknowledgedBefore) && Date.now() < until) await sleep(1);
  const ended = cluster.end(leader, "SIGKILL");
  for (const writer of writers) writer.killed();
  await Promise.all([ended, ...runs]);

  const judge = await session(one);
  await judge.ask(query("SET kimberlite.consistency = 'linearizable'"));
  const history = await judge.ask(
    query("SELECT k, from_position, operation FROM kimberlite.row_history('t') ORDER BY from_position, k"),
  );
  const rows = history.filter((text) => text.startsWith("D ")).map((text) => text.slice(2).split("|"));
  const stored = new Map(rows.map(([key, position]) => [Number(key), Number(position)]));
  t.is(stored.size, rows.length, "each row has one version: nothing was done twice");
  t.true(rows.every(([, , operation]) => operation === "insert"));
  for (const [index, writer] of writers.entries()) {
    t.true(writer.isDone, `client ${index} went on behind the next leader: ${writer.positions.size} acknowledged`);
    t.true(writer.underWay > windowMax / 4, `client ${index}: ${writer.underWay} writes were under way at the kill`);
    for (const [key, position] of writer.positions)
      t.is(stored.get(key), position, `key ${key}: what was acknowledged is there`);
    const own = rows.map(([key]) => Number(key)).filter((key) => key % 2 === index);
    t.deepEqual(
      own,
      own.toSorted((left, right) => left - right),
      "each client's writes were done in the order that it sent them",
    );
    // Of those whose outcome is unknown some may be there; what was refused is not.
    for (const [key, code] of writer.failed) {
      t.true(["08007", "57P01", "57P03", "08006", "40001"].includes(code), `key ${key}: ${code}`);
      if (code !== "08007") t.false(stored.has(key), `key ${key}: what was refused (${code}) is not there`);
    }
  }
  const unknown = writers.flatMap(({ failed }) => [...failed.values()].filter((code) => code === "08007"));
  t.true(unknown.length > 0, "the kill fell among writes that were under way");
  t.log(
    `${writers.map(({ underWay }) => underWay).join(" and ")} writes were under way at the kill, ${unknown.length} of unknown outcome; ${rows.length} rows`,
  );
  for (const client of [...clients, judge]) client.close();
});
