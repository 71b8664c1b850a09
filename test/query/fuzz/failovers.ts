/**
 * What befalls the nodes (node-faults.ts) under sessions that are compared (sessions.ts), between two statements or while one is under way.
 * PostgreSQL has no such thing: its twins of what was lost are rolled back, and of a COMMIT whose answer was lost what is found in the tables says
 * which of both it was. Then all tables have to be the same again, nobody may hold a lock, and what sessions hold for themselves has to be what is
 * documented.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { ClusterRig } from "../../admin/cluster-rig.js";
import type { PostgresAnswer, PostgresClient } from "../postgres/client.js";
import type { Random } from "./expressions.js";
import { NodeFaults, type Struck } from "./node-faults.js";
import { ask, both, intended, mayWaitHere, type Pair, saidBy, stateOf } from "./session-pairs.js";
import { sessionStatement } from "./session-statements.js";
import { sessionOn } from "./three-nodes.js";

export interface OutcomeCounts {
  /** Faults while a statement was under way: those that waited for somebody's lock, and commits, and how these ended. */
  underWay: number;
  waited: number;
  commitsDone: number;
  commitsNotDone: number;
  /** Of those, commits whose outcome nobody was told. */
  commitsUnknown: number;
  /** Transactions that were open and are lost, and those that went on. */
  transactionsLost: number;
  transactionsKept: number;
  sessionsEnded: number;
  /** Sessions that held advisory locks under a leader that went, or that had lost the link to their node. */
  locksLost: number;
  /** Sessions that had temporary tables and were cut off for long. */
  tablesLost: number;
  /** How long nothing could be done at most. ms */
  gapMs: number;
}

const patienceMs = 1_500;
/** A statement that is under way when a leader goes has to wait for the next, and for who is cut off for long. ms */
const underWayMs = 60_000;
const servesMs = 120_000;
const endsMs = 10_000;
const lockTries = 100;

/** What is said of a transaction, or a statement, that a change of the leader has cost. */
const notDone = new Set(["40001", "57P01", "57P03"]);
const isLoss = (state: string): boolean => notDone.has(state) || ["08007", "08006", "lost"].includes(state);

const tables = ["public.t", "s1.t", "s2.t", "public.shared", "public.refers"];
const catalog =
  "SELECT n.nspname, c.relname, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace " +
  "WHERE n.nspname IN ('public', 's1', 's2') ORDER BY 1, 2, 3";
const lockAll = "LOCK TABLE public.t, public.shared, public.refers IN ACCESS EXCLUSIVE MODE NOWAIT";
/** What a node that serves does. Behind something that is written nothing of before is still to be decided. */
const served = [
  "SELECT pg_advisory_xact_lock(4711)",
  "SET ROLE ra",
  "RESET ROLE",
  "TABLE public.shared",
  "CREATE TEMP TABLE served (id int)",
];
/** What a session has of its own. */
const ownTexts = [
  "SELECT relname, relkind FROM pg_class WHERE relnamespace = pg_my_temp_schema() ORDER BY 1, 2",
  ...["t", "u", "x"].map((name) => `SELECT * FROM pg_temp.${name} ORDER BY 1`),
];
const ownSequences = ["sq", "sq2"];

/** One row in each of several tables, so that a half of them would be seen. @param index of the session: none waits for another's */
const spread = (number: number, index: number): readonly string[] => [
  "RESET ROLE",
  "BEGIN",
  `INSERT INTO public.t (id, v) VALUES (${number}, 'all')`,
  `INSERT INTO s1.t (id, v) VALUES (${number}, 'all')`,
  `INSERT INTO public.shared (id, v) VALUES (${number}, 'all')`,
  `INSERT INTO public.refers VALUES (${number})`,
  `UPDATE s2.t SET w = w + 1 WHERE id = ${index + 1}`,
];

/** Also when the connection ends instead. */
async function answerOf(client: PostgresClient, text: string): Promise<PostgresAnswer> {
  try {
    return await client.query(text);
  } catch (error) {
    return { kind: "failed", sqlState: "lost", message: String(error), fields: new Map() };
  }
}

/** Columns and rows: what there is, and under which names. */
function seenIn(answer: PostgresAnswer): string {
  return answer.kind === "failed"
    ? saidBy(answer)
    : `${answer.columns.map(({ name }) => name).join()} ${saidBy(answer)}`;
}

interface UnderWay {
  readonly pair: Pair;
  readonly text: string;
  /** Whether the statement was one of a transaction that was open, or had failed. */
  readonly before: PostgresClient["transaction"];
  readonly answer: Promise<PostgresAnswer>;
  /** Whose transaction it waits for; null for nobody's. */
  readonly holder: Pair | null;
}

export class Failovers {
  readonly counts: OutcomeCounts = {
    underWay: 0,
    waited: 0,
    commitsDone: 0,
    commitsNotDone: 0,
    commitsUnknown: 0,
    transactionsLost: 0,
    transactionsKept: 0,
    sessionsEnded: 0,
    locksLost: 0,
    tablesLost: 0,
    gapMs: 0,
  };
  readonly #cluster: ClusterRig;
  readonly #connectPostgres: () => Promise<PostgresClient>;
  readonly faults: NodeFaults;
  #number = 1_000;

  constructor(cluster: ClusterRig, connectPostgres: () => Promise<PostgresClient>, only = "") {
    this.#cluster = cluster;
    this.faults = new NodeFaults(cluster, only);
    this.#connectPostgres = connectPostgres;
  }

  /** Lets something befall the nodes. Answers what differs then, or null. */
  async befall(pairs: readonly Pair[], random: Random, history: string[]): Promise<string | null> {
    await this.faults.restore();
    const under = random.next(3) > 0 ? await this.#begin(pairs, random, history) : null;
    if (under !== null) await sleep(random.next(12));
    const struck = await this.faults.strike(random);
    const { fault, node, isLong } = struck;
    history.push(`-- ${fault}: node ${node}${isLong ? ", for long" : ""}`);
    const answer = under === null ? null : await ended(under);
    const observers = [await this.#serving(), await this.#connectPostgres()] as const;
    try {
      return await this.#settled({ pairs, random, history, struck, under, answer, observers });
    } finally {
      for (const observer of observers) observer.close();
    }
  }

  /** Opens a transaction with rows in several tables. @returns the number that the rows have; null where somebody was in the way */
  async #opened(pair: Pair, index: number, history: string[]): Promise<number | null> {
    this.#number += 1;
    await both(pair, "ROLLBACK");
    for (const step of spread(this.#number, index)) {
      const answers = await ask(pair, step, patienceMs);
      history.push(`${index}> ${step};  -- ${answers.map(saidBy).join(" | ")}`);
      if (answers.every(({ kind }) => kind === "rows")) continue;
      await both(pair, "ROLLBACK");
      return null;
    }
    return this.#number;
  }

  /** Has a statement under way, or none: any, a COMMIT of several tables, or one that waits for the transaction of another session. */
  async #begin(pairs: readonly Pair[], random: Random, history: string[]): Promise<UnderWay | null> {
    const at = random.next(pairs.length);
    const pair = pairs[at];
    const other = (at + 1 + random.next(pairs.length - 1)) % pairs.length;
    const holder = pairs[other];
    if (pair === undefined || holder === undefined || pair === holder) throw new Error("two sessions are two");
    const kind = random.pick(["none", "any", "commit", "commit", "waits"]);
    const isHeld = kind === "waits" || random.next(2) === 0;
    const held = isHeld ? await this.#opened(holder, other, history) : null;
    if (kind === "none") return null;
    let text = sessionStatement(random);
    if (kind === "commit") {
      if ((await this.#opened(pair, at, history)) === null) return null;
      text = "COMMIT";
    }
    if (kind === "waits") {
      if (held === null) return null;
      for (const clean of ["ROLLBACK", "RESET ROLE"]) await both(pair, clean);
      text = `INSERT INTO public.t (id, v) VALUES (${held}, 'waits')`;
    }
    await pair.here.query(`SET statement_timeout = ${underWayMs}`);
    const before = pair.here.transaction;
    const answer = answerOf(pair.here, text);
    return { pair, text, before, answer, holder: kind === "waits" ? holder : null };
  }

  /** Resolves once every node that runs does what it is asked to. @returns a session on one of them */
  async #serving(): Promise<PostgresClient> {
    const began = performance.now();
    let last: PostgresClient | null = null;
    for (const node of this.faults.running) {
      last?.close();
      last = await this.#servingAt(node, began);
    }
    if (last === null) throw new Error("two nodes run at least");
    this.counts.gapMs = Math.max(this.counts.gapMs, Math.round(performance.now() - began));
    return last;
  }

  async #servingAt(node: number, began: number): Promise<PostgresClient> {
    for (;;) {
      let said = "";
      try {
        const client = await sessionOn(this.#cluster, node);
        for (const text of served) {
          const answer = await client.query(text);
          if (answer.kind === "failed") said = `${text}: ${saidBy(answer)}`;
        }
        if (said === "") return client;
        client.close();
      } catch (error) {
        said = String(error);
      }
      if (performance.now() - began > servesMs) throw new Error(`node ${node} serves again: ${said}`);
      await sleep(50);
    }
  }

  // ------------------------------------------------------------------ what is left

  async #settled(scene: Scene): Promise<string | null> {
    const { pairs, under, struck, history } = scene;
    for (const pair of pairs) {
      if (pair.node === this.faults.down && !(await isEnded(pair))) return "a session of a node that is gone goes on";
    }
    for (const pair of pairs) {
      if (pair === under?.pair) continue;
      const difference = pair.here.isClosed ? await this.#gone(pair) : await this.#probe(pair, scene);
      if (difference !== null) return difference;
    }
    if (under !== null) {
      const difference = await this.#decide(under, scene);
      if (difference !== null) return difference;
    }
    if (struck.fault !== "followerKilled") {
      const isOther = (await this.faults.leader()) !== struck.leader;
      for (const pair of pairs) {
        const difference = pair.here.isClosed ? null : await this.#leaderForgot(pair, scene, isOther);
        if (difference !== null) return difference;
      }
    }
    for (const [index, pair] of pairs.entries()) {
      if (!pair.here.isClosed) continue;
      this.counts.sessionsEnded += 1;
      pair.node = scene.random.pick(this.faults.running);
      pair.here = await sessionOn(this.#cluster, pair.node);
      // Its locks are gone before its connection is.
      for (const text of ["ROLLBACK", "DISCARD ALL"]) await pair.there.query(text);
      pair.there.close();
      pair.there = await this.#connectPostgres();
      history.push(`${index}> -- a new session, on node ${pair.node}`);
    }
    return await this.#compared(scene);
  }

  /**
   * What a leader knew of a session, and the next one does not: who holds advisory locks is told that they are lost, by the end of the session; and
   * what it drew of sequences. The same of a leader that has stayed, where it may have lost the link to the session's node.
   */
  async #leaderForgot(pair: Pair, { struck }: Scene, isOther: boolean): Promise<string | null> {
    if (pair.here.transaction === "failed") await both(pair, "ROLLBACK");
    const isHolding = await holdsLocks(pair);
    const isCut = mayBeSilent(pair, struck);
    // Those of another leader, or node, may have been heard of in time.
    const hadTables = isCut && (await hasTables(pair));
    const here = await answerOf(pair.here, "SELECT pg_advisory_unlock_all()");
    const isOver = here.kind === "failed" && (await isEnded(pair));
    if (isHolding || hadTables) {
      if (isOver) this.counts[isHolding ? "locksLost" : "tablesLost"] += 1;
      else if (isHolding && isOther) return `who held an advisory lock is told ${saidBy(here)}`;
      else if (hadTables && struck.fault === "followerCutOff")
        return `who had temporary tables is told ${saidBy(here)}`;
      if (isOver) return null;
      await pair.there.query("SELECT pg_advisory_unlock_all()");
    }
    if (here.kind === "failed" && !(isOver && isCut)) return `who held no advisory lock is told ${saidBy(here)}`;
    if (!isOver) await both(pair, "DISCARD SEQUENCES");
    return null;
  }

  /** A session that is gone: its transaction is lost. */
  async #gone({ there }: Pair): Promise<null> {
    if (there.transaction === "open") this.counts.transactionsLost += 1;
    await there.query("ROLLBACK");
    return null;
  }

  /** A session that did nothing meanwhile: its transaction is lost as a whole, or goes on. */
  async #probe(pair: Pair, { random, history, pairs, struck }: Scene): Promise<string | null> {
    const { transaction } = pair.here;
    if (transaction === "failed") await both(pair, "ROLLBACK");
    if (transaction !== "open") return null;
    const text = random.pick(["TABLE pg_am", "COMMIT", "SAVEPOINT a0", "UPDATE public.shared SET v = v WHERE id < 0"]);
    await answerOf(pair.here, `SET statement_timeout = ${patienceMs}`);
    const here = await answerOf(pair.here, text);
    history.push(`${pairs.indexOf(pair)}> ${text};  -- here: ${saidBy(here)}`);
    if (["40001", "lost"].includes(stateOf(here))) {
      if (pair.here.isClosed && !mayBeSilent(pair, struck) && !(await holdsLocks(pair)))
        return `a session without locks is ended: ${saidBy(here)}`;
      this.counts.transactionsLost += 1;
      if (!pair.here.isClosed) await pair.here.query("ROLLBACK");
      await pair.there.query("ROLLBACK");
      return null;
    }
    this.counts.transactionsKept += 1;
    if (text === "TABLE pg_am") return here.kind === "rows" ? null : `a transaction that goes on: ${saidBy(here)}`;
    await pair.there.query(`SET statement_timeout = ${patienceMs}`);
    const there = await pair.there.query(text);
    if (saidBy(here) === saidBy(there) || intended(text, here, there) !== null) return null;
    return `${text} of a transaction that goes on: ${saidBy(here)}; there: ${saidBy(there)}`;
  }

  /** What was under way: PostgreSQL is asked for it where it was done here. */
  async #decide(under: UnderWay, scene: Scene): Promise<string | null> {
    const { pair, text, before } = under;
    const { answer, history, pairs, observers } = scene;
    if (answer === null) throw new Error("what was under way has ended");
    this.counts.underWay += 1;
    if (under.holder !== null) this.counts.waited += 1;
    const state = stateOf(answer);
    history.push(`${pairs.indexOf(pair)}> ${text};  -- while that happened; here: ${saidBy(answer)}`);
    const isCommit = text === "COMMIT" && before === "open";
    const mayEnd = pair.node === this.faults.down || mayBeSilent(pair, scene.struck);
    if (pair.here.isClosed && !mayEnd && !(await holdsLocks(pair)))
      return `a session without locks is ended: ${saidBy(answer)}`;
    if (!isLoss(state)) {
      if (isCommit && answer.kind === "rows") this.counts.commitsDone += 1;
      return this.#followed(under, answer);
    }
    if (before === "none" || isCommit) {
      if (isCommit) this.counts[notDone.has(state) ? "commitsNotDone" : "commitsUnknown"] += 1;
      const now = await tablesSeen(observers[0]);
      // Its own transaction sees what it is about to commit.
      const otherwise = await tablesSeen(isCommit ? pair.there : observers[1]);
      const isDone = isCommit === (now === otherwise);
      if (notDone.has(state) || !isDone) await pair.there.query("ROLLBACK");
      else await pair.there.query(text);
    } else await pair.there.query("ROLLBACK");
    if (!pair.here.isClosed) await answerOf(pair.here, "ROLLBACK");
    return null;
  }

  /** It was answered as any other. */
  async #followed({ pair, text }: UnderWay, here: PostgresAnswer): Promise<string | null> {
    if (pair.here.transaction === "open") {
      const probed = await answerOf(pair.here, "TABLE pg_am");
      if (isLoss(stateOf(probed))) {
        this.counts.transactionsLost += 1;
        await answerOf(pair.here, "ROLLBACK");
        await pair.there.query("ROLLBACK");
        return null;
      }
    }
    await pair.there.query(`SET statement_timeout = ${patienceMs}`);
    const there = await pair.there.query(text);
    if (saidBy(here) === saidBy(there)) return null;
    // Whose locks it met depends on whether it was before or behind what happened.
    const isOfLocks = /NOWAIT|SKIP LOCKED|advisory/u.test(text);
    const gaveUp = [here, there].some((answer) => stateOf(answer) === "57014");
    if (!isOfLocks && !(gaveUp && mayWaitHere(text)) && intended(text, here, there) === null)
      return `${text} while that happened: ${saidBy(here)}; there: ${saidBy(there)}`;
    if (!pair.here.isClosed) for (const clean of ["ROLLBACK", "DEALLOCATE ALL", "CLOSE ALL"]) await both(pair, clean);
    return null;
  }

  async #compared({ pairs, observers }: Scene): Promise<string | null> {
    const [here, there] = observers;
    // Who goes on may hold locks that PostgreSQL's readers would wait for.
    if ((await tablesSeen(there)).includes("57014")) for (const pair of pairs) await both(pair, "ROLLBACK");
    for (const text of [...tables.map((table) => `SELECT * FROM ${table} ORDER BY 1`), catalog]) {
      const [ours, theirs] = [seenIn(await here.query(text)), seenIn(await there.query(text))];
      if (ours !== theirs) return `${text}: ${ours}; there: ${theirs}`;
    }
    for (const [index, pair] of pairs.entries()) {
      if (pair.here.transaction !== pair.there.transaction)
        return `session ${index} has a transaction that is ${pair.here.transaction}; there: ${pair.there.transaction}`;
      const difference = pair.here.transaction === "none" ? await ownCompared(pair) : null;
      if (difference !== null) return `session ${index}: ${difference}`;
    }
    return pairs.every((pair) => pair.here.transaction === "none") ? await locksAreGone(here) : null;
  }
}

/** What came of a statement. Whom it waits for may have gone on: then that ends here. */
async function ended({ answer, holder }: UnderWay): Promise<PostgresAnswer> {
  const soon = await Promise.race([answer, sleep(patienceMs, null, { ref: false })]);
  if (soon !== null) return soon;
  if (holder !== null && !holder.here.isClosed) {
    await answerOf(holder.here, "ROLLBACK");
    await holder.there.query("ROLLBACK");
  }
  return answer;
}

interface Scene {
  readonly pairs: readonly Pair[];
  readonly random: Random;
  readonly history: string[];
  readonly struck: Struck;
  readonly under: UnderWay | null;
  readonly answer: PostgresAnswer | null;
  readonly observers: readonly [here: PostgresClient, there: PostgresClient];
}

/** Whether the connection has ended, of itself. */
async function isEnded({ here }: Pair): Promise<boolean> {
  const until = performance.now() + endsMs;
  while (!here.isClosed && performance.now() < until) await sleep(20);
  return here.isClosed;
}

/** Whether the session holds advisory locks on PostgreSQL; those of an open transaction are among them. */
async function holdsLocks({ there }: Pair): Promise<boolean> {
  if (there.transaction === "failed") return false;
  const text = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";
  const answer = await there.query(text);
  return answer.kind === "rows" && answer.rows.length > 0;
}

/** Whether a leader may have heard nothing of a session for so long that what it has counts as left. */
const mayBeSilent = ({ node }: Pair, { isLong, node: cut }: Struck): boolean => isLong && node === cut;

/** Whether the session has temporary tables on PostgreSQL, as others see them too. */
async function hasTables({ there }: Pair): Promise<boolean> {
  if (there.transaction !== "none") return false;
  const answer = await there.query("SELECT 1 FROM pg_class WHERE relnamespace = pg_my_temp_schema() LIMIT 1");
  return answer.kind === "rows" && answer.rows.length > 0;
}

/** All that others see, as one text. */
async function tablesSeen(client: PostgresClient): Promise<string> {
  const seen: string[] = [];
  await client.query(`SET statement_timeout = ${patienceMs}`);
  for (const table of tables) seen.push(seenIn(await client.query(`SELECT * FROM ${table} ORDER BY 1`)));
  return seen.join("\n");
}

async function ownCompared(pair: Pair): Promise<string | null> {
  for (const text of ownTexts) {
    const [here, there] = await both(pair, text);
    if (seenIn(here) !== seenIn(there) && intended(text, here, there) === null)
      return `${text}: ${seenIn(here)}; there: ${seenIn(there)}`;
  }
  for (const name of ownSequences) {
    const [here, there] = await both(pair, `SELECT last_value, is_called FROM pg_temp.${name}`);
    if (here.kind === "failed" || there.kind === "failed" || saidBy(here) === saidBy(there)) continue;
    // Numbers of a transaction that was lost may be given again.
    const [[value, isCalled] = []] = here.rows;
    await pair.there.query(`SELECT setval('pg_temp.${name}', ${value}, ${isCalled === "t"})`);
  }
  return null;
}

/** Nobody is in a transaction: nobody has a lock, those that have gone included. */
async function locksAreGone(client: PostgresClient): Promise<string | null> {
  let said = "";
  for (let count = 0; count < lockTries; count += 1) {
    await client.query("BEGIN");
    const answer = await client.query(lockAll);
    await client.query("ROLLBACK");
    if (answer.kind === "rows") return null;
    said = saidBy(answer);
    await sleep(50);
  }
  return `nobody is in a transaction, and ${lockAll} says ${said}`;
}
