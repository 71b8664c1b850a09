/**
 * The log is the order in which everything happened, so it is a witness: each answer must be the one that the log gives at the answer's
 * place, and the places must agree with real time. Linear in the length of the history, and it knows nothing of how the log came
 * about; `linearizability.ts` looks at the same history without the log.
 *
 *   1. All replicas' logs are one log: what two of them hold at a position is the same, and nothing has a position twice.
 *   2. An append that was acknowledged is in every replica's log, at its position and offset, once.
 *   3. An append that was said to have written nothing is in none; one of unknown outcome once at most; nothing is there that nobody sent.
 *   4. What was answered before something else was called stands before it.
 *   5. A linearizable read shows the stream as the log has it at the read's position, and has seen all that was acknowledged before its call.
 *   6. A refusal names a length that the stream had between its call and its return.
 */
import { type Append, describe, type LogEntry, type Operation, type Read, type Token } from "./history.js";

const violationsMax = 20;

export interface LogOrderVerdict {
  /** In words; the first few. */
  readonly violations: readonly string[];
  /** Acknowledged appends that a replica does not hold at their place. */
  readonly lost: number;
}

/** @param logs of one tenant, one a replica, each in the order in which the file has it */
export function checkLogOrder(history: readonly Operation[], logs: readonly (readonly LogEntry[])[]): LogOrderVerdict {
  const check = new LogOrderCheck(history, logs);
  check.run();
  return { violations: check.violations, lost: check.lost };
}

class LogOrderCheck {
  readonly violations: string[] = [];
  lost = 0;
  readonly #history: readonly Operation[];
  readonly #logs: readonly (readonly LogEntry[])[];
  readonly #byPosition = new Map<number, LogEntry>();
  readonly #byToken = new Map<Token, LogEntry>();
  readonly #streams = new Map<number, LogEntry[]>();

  constructor(history: readonly Operation[], logs: readonly (readonly LogEntry[])[]) {
    this.#history = history;
    this.#logs = logs;
  }

  #say(what: string): void {
    if (this.violations.length < violationsMax) this.violations.push(what);
  }

  run(): void {
    for (const [replica, log] of this.#logs.entries()) this.#readLog(replica, log);
    for (const entries of this.#streams.values()) entries.sort((left, right) => left.position - right.position);
    const appends = new Map<Token, Append>();
    for (const operation of this.#history) {
      if (operation.kind !== "append") continue;
      appends.set(operation.token, operation);
      this.#checkOutcome(operation);
    }
    for (const { token, position } of this.#byToken.values()) {
      if (!appends.has(token)) this.#say(`position ${position} holds append ${token}, which nobody sent`);
    }
    this.#checkRealTime();
    for (const operation of this.#history) if (operation.kind === "read") this.#checkRead(operation);
    this.#checkConflicts();
  }

  #readLog(replica: number, log: readonly LogEntry[]): void {
    const tokens = new Set<Token>();
    let last = -1;
    for (const entry of log) {
      const { position, token, stream } = entry;
      if (position <= last) this.#say(`replica ${replica}: position ${position} follows position ${last}`);
      last = position;
      if (tokens.has(token)) this.#say(`replica ${replica}: append ${token} is there twice, again at ${position}`);
      tokens.add(token);
      const known = this.#byPosition.get(position);
      if (known === undefined) {
        this.#byPosition.set(position, entry);
        this.#byToken.set(token, entry);
        const entries = this.#streams.get(stream) ?? [];
        entries.push(entry);
        this.#streams.set(stream, entries);
      } else if (known.token !== token || known.offset !== entry.offset || known.stream !== stream) {
        this.#say(`position ${position} is append ${known.token} on one replica and ${token} on replica ${replica}`);
      }
    }
  }

  #checkOutcome(append: Append): void {
    const { outcome, token, stream, count } = append;
    const entry = this.#byToken.get(token);
    if (outcome.kind === "committed") {
      const { position, offset } = outcome;
      const holders = this.#logs.filter((log) => find(log, position)?.token === token).length;
      if (holders < this.#logs.length) {
        this.lost += 1;
        this.#say(`lost: acknowledged and on ${holders} of ${this.#logs.length} replicas: ${describe(append)}`);
      }
      if (entry === undefined) return;
      if (entry.position !== position || entry.offset !== offset || entry.stream !== stream || entry.count !== count)
        this.#say(`not where it was said to be: ${describe(append)}, in the log ${JSON.stringify(entry)}`);
    } else if (outcome.kind !== "unknown" && entry !== undefined) {
      this.#say(`a wrong outcome: it is at position ${entry.position}: ${describe(append)}`);
    }
  }

  /** By returns in order of time, the greatest position answered so far: whatever is called later lies behind it. */
  #checkRealTime(): void {
    const ends: { readonly at: number; readonly position: number; readonly operation: Operation }[] = [];
    const calls: typeof ends = [];
    for (const operation of this.#history) {
      const position = placeOf(operation);
      if (position === null) continue;
      ends.push({ at: operation.returned, position, operation });
      // A read stands behind everything that it saw.
      calls.push({ at: operation.called, position, operation });
    }
    ends.sort((left, right) => left.at - right.at);
    calls.sort((left, right) => left.at - right.at);
    let next = 0;
    let newest: (typeof ends)[number] | null = null;
    for (const { at, position, operation } of calls) {
      for (let end = ends[next]; end !== undefined && end.at < at; end = ends[next]) {
        if (newest === null || end.position > newest.position) newest = end;
        next += 1;
      }
      if (newest === null || newest.operation === operation) continue;
      // An append has a position of its own; a read may stand at the same place as another.
      const isEarly = operation.kind === "append" ? position <= newest.position : position < newest.position;
      if (isEarly) this.#say(`out of order: ${describe(operation)} came after ${describe(newest.operation)}`);
    }
  }

  #checkRead(read: Read): void {
    const entries = this.#streams.get(read.stream) ?? [];
    const count = countBefore(entries, read.visible);
    const newest = entries[count - 1];
    const next = newest === undefined ? 0 : newest.offset + newest.count;
    if (next !== read.next) {
      this.#say(`the log's length there is ${next}: ${describe(read)}`);
      return;
    }
    let index = count - 1;
    let left = newest?.count ?? 0;
    for (const token of read.last) {
      if (entries[index]?.token !== token) {
        this.#say(`the log has ${entries[index]?.token} where it showed ${token}: ${describe(read)}`);
        return;
      }
      left -= 1;
      if (left > 0) continue;
      index -= 1;
      left = entries[index]?.count ?? 0;
    }
  }

  #checkConflicts(): void {
    const conflicts = this.#history.flatMap((operation) =>
      operation.kind === "append" && operation.outcome.kind === "conflict"
        ? [{ operation, next: operation.outcome.next }]
        : [],
    );
    if (conflicts.length === 0) return;
    const answered = this.#history
      .filter((operation) => placeOf(operation) !== null)
      .sort((left, right) => left.returned - right.returned);
    conflicts.sort((left, right) => left.operation.called - right.operation.called);
    let index = 0;
    let seen = -1;
    for (const { operation, next } of conflicts) {
      for (let one = answered[index]; one !== undefined && one.returned < operation.called; one = answered[index]) {
        seen = Math.max(seen, placeOf(one) ?? -1);
        index += 1;
      }
      const entries = this.#streams.get(operation.stream) ?? [];
      const newest = entries[countBefore(entries, seen + 1) - 1];
      const atLeast = newest === undefined ? 0 : newest.offset + newest.count;
      if (next < atLeast) this.#say(`refused as of a length that was past, it was ${atLeast}: ${describe(operation)}`);
      const isReal = next === 0 || entries.some(({ offset, count }) => offset + count === next);
      if (!isReal) this.#say(`refused as of a length that the stream never had: ${describe(operation)}`);
    }
  }
}

/** The newest position that an answer proves to be in the log; null when it proves none. */
function placeOf(operation: Operation): number | null {
  if (operation.kind === "read") return operation.visible - 1;
  return operation.outcome.kind === "committed" ? operation.outcome.position : null;
}

/** Entries with a position below. */
function countBefore(entries: readonly LogEntry[], position: number): number {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((entries[middle]?.position ?? 0) < position) low = middle + 1;
    else high = middle;
  }
  return low;
}

function find(entries: readonly LogEntry[], position: number): LogEntry | undefined {
  const entry = entries[countBefore(entries, position)];
  return entry?.position === position ? entry : undefined;
}
