/**
 * What sessions on three nodes read as `kimberlite.consistency` has it, while things befall the nodes (node-faults.ts). Each session writes a
 * register of its own, twice in one row, and reads everybody's, from its own node:
 *
 *   its own writes   a register is never read as less than what the session was told that it has written
 *   no way back      nor as less than the session has read before, whoever wrote it
 *   no half          both halves of a row, and of the sum over all rows, are the same
 *   no invention     a register never has more than was ever added to it
 *   one snapshot     a repeatable read sees the same again, whatever happens meanwhile
 *
 * and temporary tables that only it has. Whose write was not answered does not know whether it was done: then both are right.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { ClusterRig } from "../../admin/cluster-rig.js";
import { type PostgresAnswer, PostgresClient } from "../postgres/client.js";
import { Random } from "./expressions.js";
import type { NodeFaults } from "./node-faults.js";
import { saidBy, stateOf } from "./session-pairs.js";

export interface ReadsReport {
  writes: number;
  reads: number;
  /** Of them, those that were answered by a node that did not lead, and by one that was cut off from others. */
  followerReads: number;
  cutOffReads: number;
  /** Reads of a register that found what another session had written since. */
  news: number;
  unknown: number;
  refused: number;
  sessions: number;
  sessionsEnded: number;
  differing: number;
}

export interface ReadsOptions {
  readonly cluster: ClusterRig;
  readonly faults: NodeFaults;
  readonly seed: number;
  readonly milliseconds: number;
  /** `session`; with `stale` nothing is promised, and differences show that they would be found. */
  readonly consistency: string;
  readonly found: (text: string) => void;
}

const sessionsCount = 6;
const nodesCount = 3;
const statementMs = 8_000;
const historyMax = 40;
/** What may be said of a statement while nodes are gone, or somebody leads anew. */
const passing = new Set(["40001", "57P03", "08007", "08006", "57014", "lost"]);

async function connectTo(cluster: ClusterRig, node: number, consistency: string): Promise<PostgresClient> {
  const client = await PostgresClient.connect({
    host: "127.0.0.1",
    port: cluster.postgresPort(node),
    user: "admin",
    database: "main",
    settings: { "kimberlite.consistency": consistency },
  });
  await client.query(`SET statement_timeout = ${statementMs}`);
  return client;
}

class Difference extends Error {}

class ReadingSession {
  readonly #options: ReadsOptions;
  readonly #report: ReadsReport;
  readonly #random: Random;
  readonly #register: number;
  readonly #history: string[] = [];
  #client: PostgresClient | null = null;
  #node: number;
  #harmBefore = 0;
  /** By register: what this session must see at least. */
  readonly #seen = new Map<number, number>();
  /** By register: how often something was ever added to it. */
  readonly #added: number[];
  /** Rows that its temporary table has at least, and those that it may have beside. */
  #rows = 0;
  #rowsUnknown = 0;
  leader = -1;

  constructor(options: ReadsOptions, report: ReadsReport, register: number, added: number[]) {
    this.#options = options;
    this.#report = report;
    this.#register = register;
    this.#added = added;
    this.#node = register % nodesCount;
    this.#random = new Random(options.seed * 1_000 + register);
  }

  async run(isOver: () => boolean): Promise<void> {
    try {
      while (!isOver()) {
        if (this.#client === null || this.#client.isClosed) await this.#connect(isOver);
        else await this.#step();
      }
    } catch (error) {
      if (!(error instanceof Difference)) throw error;
      this.#report.differing += 1;
      this.#options.found(`${this.#history.join("\n")}\n   session ${this.#register}: ${error.message}\n`);
    } finally {
      this.#client?.close();
    }
  }

  async #connect(isOver: () => boolean): Promise<void> {
    const { cluster, faults, consistency } = this.#options;
    if (this.#client !== null) {
      this.#report.sessionsEnded += 1;
      if (faults.harmOf(this.#node) === this.#harmBefore) throw new Difference("a session is ended for no reason");
      this.#node = this.#random.pick(faults.running);
    }
    this.#client = null;
    while (!isOver() && this.#client === null) {
      if (this.#node === faults.down) this.#node = this.#random.pick(faults.running);
      this.#harmBefore = faults.harmOf(this.#node);
      this.#client = await connectTo(cluster, this.#node, consistency).catch(() => null);
      if (this.#client === null) await sleep(100);
    }
    this.#report.sessions += 1;
    // Another session was promised nothing of what the one before it has seen.
    this.#seen.clear();
    [this.#rows, this.#rowsUnknown] = [0, 0];
    this.#history.push(`-- a session on node ${this.#node}`);
  }

  async #ask(text: string, ask: (client: PostgresClient) => Promise<PostgresAnswer>): Promise<PostgresAnswer> {
    const client = this.#client;
    if (client === null) throw new Error("who asks is connected");
    const answer = await ask(client).catch(
      (error): PostgresAnswer => ({ kind: "failed", sqlState: "lost", message: String(error), fields: new Map() }),
    );
    this.#history.push(`${new Date().toISOString().slice(11, 23)} ${this.#register}> ${text};  -- ${saidBy(answer)}`);
    if (this.#history.length > historyMax) this.#history.shift();
    if (answer.kind === "failed") {
      this.#report.refused += 1;
      if (!passing.has(stateOf(answer))) throw new Difference(`${text}: ${saidBy(answer)}`);
      // The end that was announced comes in a moment.
      for (let left = 100; left > 0 && stateOf(answer) === "lost" && !client.isClosed; left -= 1) await sleep(10);
      if (client.transaction !== "none" && !client.isClosed && text !== "ROLLBACK") await this.#query("ROLLBACK");
    }
    return answer;
  }

  #query(text: string): Promise<PostgresAnswer> {
    return this.#ask(text, (client) => client.query(text));
  }

  #step(): Promise<void> {
    const random = this.#random;
    const register = random.next(sessionsCount);
    // What is written over a way that is cut waits for long: somebody is to read meanwhile.
    const isCutOff = this.#node === this.#options.faults.cutOff;
    switch (isCutOff ? 3 + random.next(7) : random.next(12)) {
      case 0:
      case 1:
        return this.#write();
      case 2:
        return this.#writeInParts();
      case 3:
      case 4:
        return this.#read(`SELECT id, a, b FROM registers WHERE id = ${register}`);
      case 5:
        return this.#readPrepared(register);
      case 6:
      case 7:
        return this.#read("SELECT id, a, b FROM registers ORDER BY id");
      case 8:
        return this.#readSums();
      case 9:
        return this.#readTwice(register);
      case 10:
        return this.#writeTemporary();
      default:
        return this.#readOtherwise();
    }
  }

  // ------------------------------------------------------------------ writes

  async #write(): Promise<void> {
    const id = this.#register;
    this.#added[id] = (this.#added[id] ?? 0) + 1;
    const answer = await this.#query(`UPDATE registers SET a = a + 1, b = b + 1 WHERE id = ${id} RETURNING id, a, b`);
    this.#wrote(answer, answer);
  }

  /** @param end of the transaction that has written it */
  #wrote(end: PostgresAnswer, answer: PostgresAnswer): void {
    if (end.kind === "failed" || answer.kind === "failed") {
      if (["08007", "lost"].includes(stateOf(end))) this.#report.unknown += 1;
      return;
    }
    this.#report.writes += 1;
    this.#take(answer, 1);
  }

  async #writeInParts(): Promise<void> {
    const id = this.#register;
    await this.#query("BEGIN");
    if ((await this.#query(`UPDATE registers SET a = a + 1 WHERE id = ${id}`)).kind === "failed") return;
    const answer = await this.#query(`UPDATE registers SET b = b + 1 WHERE id = ${id} RETURNING id, a, b`);
    if (answer.kind === "failed") return;
    this.#added[id] = (this.#added[id] ?? 0) + 1;
    this.#wrote(await this.#query("COMMIT"), answer);
  }

  async #writeTemporary(): Promise<void> {
    const made = await this.#query("CREATE TEMP TABLE IF NOT EXISTS own (n int PRIMARY KEY)");
    if (made.kind === "failed") return;
    const put = await this.#query(`INSERT INTO own SELECT count(*) FROM own`);
    if (put.kind === "rows") this.#rows += 1;
    else this.#rowsUnknown += 1;
    const answer = await this.#query("SELECT count(*) FROM own");
    if (answer.kind === "failed") return;
    this.#counted();
    const count = Number(answer.rows[0]?.[0]);
    if (count < this.#rows || count > this.#rows + this.#rowsUnknown)
      throw new Difference(`${this.#rows} rows of a temporary table are told as ${count}`);
    [this.#rows, this.#rowsUnknown] = [count, 0];
  }

  // ------------------------------------------------------------------ reads

  #counted(): void {
    this.#report.reads += 1;
    if (this.#node !== this.leader) this.#report.followerReads += 1;
    if (this.#node === this.#options.faults.cutOff) this.#report.cutOffReads += 1;
  }

  #take(answer: PostgresAnswer, rows: number): void {
    if (answer.kind === "failed") return;
    this.#counted();
    if (answer.rows.length !== rows) throw new Difference(`${rows} rows are read as ${answer.rows.length}`);
    for (const [id, a, b] of answer.rows.map((row) => row.map(Number))) {
      if (id === undefined || a === undefined || b === undefined) throw new Error("a register has two halves");
      if (a !== b) throw new Difference(`register ${id} is read by half: ${a} and ${b}`);
      const before = this.#seen.get(id) ?? 0;
      if (a < before) throw new Difference(`register ${id} is read as ${a}, and was ${before}`);
      const most = this.#added[id] ?? 0;
      if (a > most) throw new Difference(`register ${id} is read as ${a}, and is ${most} at most`);
      if (a > before && id !== this.#register) this.#report.news += 1;
      this.#seen.set(id, a);
    }
  }

  async #read(text: string): Promise<void> {
    this.#take(await this.#query(text), text.includes("WHERE") ? 1 : sessionsCount);
  }

  async #readPrepared(register: number): Promise<void> {
    const text = "SELECT id, a, b FROM registers WHERE id = $1";
    this.#take(await this.#ask(`${text} (${register})`, (client) => client.extended(text, [`${register}`], "text")), 1);
  }

  async #readSums(): Promise<void> {
    const answer = await this.#query("SELECT sum(a), sum(b) FROM registers");
    if (answer.kind === "failed") return;
    this.#counted();
    const [a = -1, b = -1] = answer.rows[0]?.map(Number) ?? [];
    const least = [...this.#seen.values()].reduce((sum, value) => sum + value, 0);
    if (a !== b || a < least) throw new Difference(`sums are ${a} and ${b}, and were ${least} at least`);
  }

  async #readTwice(register: number): Promise<void> {
    await this.#query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const all = await this.#query("SELECT id, a, b FROM registers ORDER BY id");
    await sleep(this.#random.next(60));
    if (all.kind === "failed") return;
    this.#take(all, sessionsCount);
    const one = await this.#query(`SELECT id, a, b FROM registers WHERE id = ${register}`);
    if (one.kind === "failed") return;
    this.#take(one, 1);
    if (one.rows[0]?.join() !== all.rows[register]?.join())
      throw new Difference("a repeatable read sees something else the second time");
    await this.#query("COMMIT");
  }

  /** What all others were told may be newer; what was seen of it binds the session. */
  async #readOtherwise(): Promise<void> {
    await this.#query("SET kimberlite.consistency = 'linearizable'");
    await this.#read("SELECT id, a, b FROM registers ORDER BY id");
    await this.#query(`SET kimberlite.consistency = '${this.#options.consistency}'`);
  }
}

export async function checkSessionReads(options: ReadsOptions): Promise<ReadsReport> {
  const { cluster, faults, seed, milliseconds } = options;
  const report: ReadsReport = {
    writes: 0,
    reads: 0,
    followerReads: 0,
    cutOffReads: 0,
    news: 0,
    unknown: 0,
    refused: 0,
    sessions: 0,
    sessionsEnded: 0,
    differing: 0,
  };
  const first = await connectTo(cluster, 0, "linearizable");
  await first.rows("CREATE TABLE registers (id int PRIMARY KEY, a int, b int)");
  await first.rows(`INSERT INTO registers SELECT g, 0, 0 FROM generate_series(0, ${sessionsCount - 1}) g`);
  first.close();
  for (let node = 0; node < nodesCount; node += 1) {
    const client = await connectTo(cluster, node, "linearizable");
    await client.rows("TABLE registers");
    client.close();
  }
  const added: number[] = [];
  const until = performance.now() + milliseconds;
  const isOver = (): boolean => performance.now() >= until || report.differing > 0;
  const sessions = Array.from(
    { length: sessionsCount },
    (_, register) => new ReadingSession(options, report, register, added),
  );
  const strikes = async (): Promise<void> => {
    const random = new Random(seed);
    while (!isOver()) {
      const leader = await faults.leader();
      for (const session of sessions) session.leader = leader;
      await sleep(300 + random.next(1_500));
      if (isOver()) break;
      await faults.strike(random);
      await sleep(random.next(2_000));
      await faults.restore();
    }
  };
  await Promise.all([strikes(), ...sessions.map((session) => session.run(isOver))]);
  return report;
}
