/**
 * Several sessions beside one another, here and on PostgreSQL: each step is a statement of one of them. What a session holds for itself is what
 * most statements are about: temporary tables of the same names, search paths, roles, settings, prepared statements, cursors, sequences' last
 * numbers, locks. Who would wait for long gives up on both, and everything is rolled back.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { PostgresClient } from "../postgres/client.js";
import { Random } from "./expressions.js";
import type { Failovers } from "./failovers.js";
import { ask, both, intended, mayWaitHere, type Pair, saidBy, stateOf } from "./session-pairs.js";
import { sessionStatement, setUp, tearDown } from "./session-statements.js";

const sessionsCount = 3;
const stepsOfRound = 250;
const stepsBetweenFaults = 20;
/** How long `first` may take to clear away what there was, behind sessions that are only just closed. */
const clearingMs = 30_000;
const clearingTries = 100;

export interface SessionsReport {
  rounds: number;
  steps: number;
  failedAlike: number;
  gaveUp: number;
  differing: number;
  readonly intended: Map<string, number>;
}

export interface SessionsOptions {
  readonly steps: number;
  readonly milliseconds: number;
  readonly seed: number;
  /** How long a statement may wait for a lock. */
  readonly patienceMs: number;
  readonly connect: {
    readonly here: (session: number) => Promise<PostgresClient>;
    readonly postgres: () => Promise<PostgresClient>;
  };
  readonly found: (text: string) => void;
  /** What befalls the nodes now and then; null: nothing. */
  readonly failovers: Pick<Failovers, "befall"> | null;
}

/** Does something here and there that has to be done. Here it may meet a leader that is only just there. */
async function clear({ here, there }: Pair, text: string): Promise<void> {
  for (const client of [here, there]) {
    await client.query(`SET statement_timeout = ${clearingMs}`);
    let answer = await client.query(text);
    for (let left = clearingTries; left > 0 && stateOf(answer) === "57P03"; left -= 1) {
      await sleep(clearingMs / clearingTries);
      answer = await client.query(text);
    }
    if (answer.kind === "failed") throw new Error(`${text}: ${saidBy(answer)}`);
  }
}

/** One round on new sessions: until its end or the first difference. Answers whether all was well. */
async function round(
  random: Random,
  report: SessionsReport,
  until: number,
  { connect, found, steps, patienceMs, failovers }: SessionsOptions,
): Promise<void> {
  const pairs: Pair[] = [];
  for (let at = 0; at < sessionsCount; at++)
    pairs.push({ here: await connect.here(at), there: await connect.postgres(), node: at });
  const [first] = pairs;
  if (first === undefined) throw new Error("a round has sessions");
  const history: string[] = [];
  try {
    for (const text of setUp) {
      const [here, there] = await both(first, text);
      if (here.kind === "failed" || there.kind === "failed")
        throw new Error(`${text}: ${saidBy(here)} and ${saidBy(there)}`);
    }
    for (let step = 0; step < stepsOfRound && report.steps < steps && performance.now() < until; step++) {
      const isStruck = failovers !== null && random.next(stepsBetweenFaults) === 0;
      const difference = isStruck ? await failovers.befall(pairs, random, history) : null;
      if (difference !== null) {
        report.differing += 1;
        found(`${history.slice(-60).join("\n")}\n   ${difference}\n`);
        return;
      }
      const at = random.next(sessionsCount);
      const pair = pairs[at];
      if (pair === undefined) throw new Error("a step is a session's");
      const text = sessionStatement(random);
      const [here, there] = await ask(pair, text, patienceMs);
      report.steps += 1;
      history.push(`${at}> ${text};  -- ${saidBy(there)}`);
      const gaveUp = [here, there].filter((answer) => stateOf(answer) === "57014").length;
      if (stateOf(here) === "57014" && gaveUp === 1 && !mayWaitHere(text)) {
        report.differing += 1;
        found(`${history.slice(-60).join("\n")}\n   here: ${saidBy(here)}\n`);
        return;
      }
      if (gaveUp > 0) {
        report.gaveUp += 1;
        // One has done what the other gave up.
        if (gaveUp === 1) return;
        for (const each of pairs) await both(each, "ROLLBACK");
        continue;
      }
      if (saidBy(here) === saidBy(there)) {
        if (here.kind === "failed") report.failedAlike += 1;
        continue;
      }
      const reason = intended(text, here, there);
      if (reason === null) {
        report.differing += 1;
        found(`${history.slice(-60).join("\n")}\n   here: ${saidBy(here)}\n`);
        return;
      }
      report.intended.set(reason, (report.intended.get(reason) ?? 0) + 1);
      for (const clean of ["ROLLBACK", "DEALLOCATE ALL", "CLOSE ALL"]) await both(pair, clean);
    }
  } finally {
    for (const pair of pairs.slice(1)) {
      pair.here.close();
      pair.there.close();
    }
    if (first.here.isClosed) first.here = await connect.here(0);
    await both(first, "ROLLBACK");
    for (const text of tearDown) await clear(first, text);
    first.here.close();
    first.there.close();
  }
}

export async function compareSessions(options: SessionsOptions): Promise<SessionsReport> {
  const report: SessionsReport = { rounds: 0, steps: 0, failedAlike: 0, gaveUp: 0, differing: 0, intended: new Map() };
  const until = performance.now() + options.milliseconds;
  while (report.steps < options.steps && performance.now() < until) {
    await round(new Random(options.seed * 1_000 + report.rounds), report, until, options);
    report.rounds += 1;
  }
  return report;
}
