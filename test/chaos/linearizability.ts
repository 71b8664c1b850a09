/**
 * Is there an order of all operations on a stream, each at one instant between its call and its return, in which every answer is right? The
 * search of Wing and Gong with Lowe's memory of what was tried; it looks at nothing but the history, and trusts no position that
 * the database tells.
 *
 * The model: a stream is a list of events. An append with an expected offset succeeds when the list has that length, else it is refused
 * with the length; a read shows length and last events. An append of unknown outcome took effect at some instant after its call,
 * or never; one that was said to have written nothing never did.
 *
 * The search keeps calls and returns in one list, by time. It goes through the calls from the front: one that the model allows now is taken
 * out (with its return) and the search begins again at the front; when it meets the return of an operation that was not taken, the last
 * one taken is put back and the search goes on behind it. A set of operations taken that led to a state met before is not tried again.
 *
 * An operation that changes nothing and is right now is taken at once and for good: in whatever order all others come, it is right here as
 * well. So reads and refusals, which may overlap by dozens while nobody leads, cost no search; only appends do.
 */
import type { Operation, Token } from "./history.js";

export interface Verdict {
  readonly isLinearizable: boolean;
  /** False when the search was given up: then nothing is known. */
  readonly isDecided: boolean;
  readonly steps: number;
  /** The operation whose return the furthest search could not pass. */
  readonly culprit: Operation | null;
}

const stepsMaxDefault = 20_000_000;

/** A stream's content. Equal contents are one object, so that states compare by identity. */
class Content {
  static #ids = 0;
  readonly id = Content.#ids++;
  readonly length: number;
  readonly newest: Token;
  readonly before: Content | null;
  readonly #children = new Map<Token, Content>();

  constructor(before: Content | null, newest: Token) {
    this.before = before;
    this.newest = newest;
    this.length = before === null ? 0 : before.length + 1;
  }

  /** The content behind one more event. */
  with(token: Token): Content {
    const known = this.#children.get(token);
    if (known !== undefined) return known;
    const next = new Content(this, token);
    this.#children.set(token, next);
    return next;
  }
}

function withEvents(content: Content, token: Token, count: number): Content {
  let next = content;
  for (let event = 0; event < count; event++) next = next.with(token);
  return next;
}

/** @param last tokens, newest first */
function endsWith(content: Content, last: readonly Token[]): boolean {
  let at = content;
  for (const token of last) {
    if (at.before === null || at.newest !== token) return false;
    at = at.before;
  }
  return true;
}

/** The content behind an operation that takes effect now, or null when its answer would be wrong. */
function step(content: Content, operation: Operation): Content | null {
  if (operation.kind === "read") {
    return operation.next === content.length && endsWith(content, operation.last) ? content : null;
  }
  const { expected, outcome, token, count } = operation;
  switch (outcome.kind) {
    case "conflict":
      return outcome.next === content.length && expected !== null && expected !== content.length ? content : null;
    case "committed":
      if (outcome.offset !== content.length || (expected !== null && expected !== content.length)) return null;
      return withEvents(content, token, count);
    default:
      // Unknown: when it does not fit now it is left out, which is right as well.
      return expected === null || expected === content.length ? withEvents(content, token, count) : null;
  }
}

interface Entry {
  readonly operation: Operation;
  /** By operation: two numbers drawn at random, whose exclusive or names a set of operations. */
  readonly low: number;
  readonly high: number;
  /** The return of a call; null for a return, and for a call without one. */
  readonly match: Entry | null;
  readonly isCall: boolean;
  before: Entry | null;
  after: Entry | null;
}

const isDone = (operation: Operation): boolean => Number.isFinite(operation.returned);
const hasEffect = (operation: Operation): boolean =>
  operation.kind === "read" || operation.outcome.kind !== "notCommitted";

/** The list of calls and returns by time; a call at the instant of a return comes first, which allows more. */
function listOf(operations: readonly Operation[], random: () => number): Entry {
  const timed: { readonly entry: Entry; readonly at: number }[] = [];
  const draw = (): number => Math.floor(random() * 2 ** 32) | 0;
  for (const operation of operations) {
    const [low, high] = [draw(), draw()];
    const common = { operation, low, high, before: null, after: null };
    const end: Entry | null = isDone(operation) ? { ...common, match: null, isCall: false } : null;
    timed.push({ entry: { ...common, match: end, isCall: true }, at: operation.called });
    if (end !== null) timed.push({ entry: end, at: operation.returned });
  }
  timed.sort((left, right) => left.at - right.at || Number(right.entry.isCall) - Number(left.entry.isCall));
  const [first] = operations;
  if (first === undefined) throw new Error("a list is made of operations");
  const head: Entry = { operation: first, low: 0, high: 0, match: null, isCall: false, before: null, after: null };
  let last = head;
  for (const { entry } of timed) {
    entry.before = last;
    last.after = entry;
    last = entry;
  }
  return head;
}

function takeOut(entry: Entry): void {
  if (entry.before !== null) entry.before.after = entry.after;
  if (entry.after !== null) entry.after.before = entry.before;
}

function putBack(entry: Entry): void {
  if (entry.before !== null) entry.before.after = entry;
  if (entry.after !== null) entry.after.before = entry;
}

/** Judges the operations of one stream, which was empty before them. */
export function checkLinearizable(
  operations: readonly Operation[],
  stepsMax = stepsMaxDefault,
  random: () => number = Math.random,
): Verdict {
  const relevant = operations.filter(hasEffect);
  let open = relevant.filter(isDone).length;
  if (open === 0) return { isLinearizable: true, isDecided: true, steps: 0, culprit: null };
  const head = listOf(relevant, random);
  const tried = new Set<string>();
  const taken: { readonly entry: Entry; readonly content: Content }[] = [];
  let content = new Content(null, -1);
  let [low, high] = [0, 0];
  let entry = head.after;
  let culprit: Operation | null = null;
  let furthest = -1;
  let steps = 0;
  while (open > 0) {
    steps += 1;
    if (steps > stepsMax) return { isLinearizable: false, isDecided: false, steps, culprit };
    if (entry?.isCall === true) {
      const next = step(content, entry.operation);
      if (next === null) {
        entry = entry.after;
        continue;
      }
      const changes = next !== content;
      const key = changes ? `${low ^ entry.low} ${high ^ entry.high} ${next.id}` : "";
      if (changes && tried.has(key)) {
        entry = entry.after;
        continue;
      }
      if (changes) tried.add(key);
      taken.push({ entry, content });
      content = next;
      low ^= entry.low;
      high ^= entry.high;
      takeOut(entry);
      if (entry.match !== null) {
        takeOut(entry.match);
        open -= 1;
      }
      entry = head.after;
      continue;
    }
    if (entry !== null && taken.length > furthest) {
      furthest = taken.length;
      culprit = entry.operation;
    }
    // Back to the last append that was taken: what changed nothing behind it was no choice.
    let hasChanged = false;
    while (!hasChanged) {
      const last = taken.pop();
      if (last === undefined) return { isLinearizable: false, isDecided: true, steps, culprit };
      hasChanged = last.content !== content;
      content = last.content;
      low ^= last.entry.low;
      high ^= last.entry.high;
      if (last.entry.match !== null) {
        putBack(last.entry.match);
        open += 1;
      }
      putBack(last.entry);
      entry = last.entry.after;
    }
  }
  return { isLinearizable: true, isDecided: true, steps, culprit: null };
}
