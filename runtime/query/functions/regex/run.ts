/**
 * Walks over a text: a set of places in the program of a regular expression, which each character takes on to the next ones. What a function may
 * walk for one value is bounded: its thread answers others as well.
 */
import { assert } from "../../../types/assert.js";
import { isWordCharacter } from "./character-set.js";
import { type Assertion, invalidRegex, type RegexNode } from "./parse.js";

export type State =
  | { readonly kind: "set"; readonly node: Extract<RegexNode, { readonly kind: "set" }>; next: number }
  | { readonly kind: "split"; first: number; second: number }
  | { readonly kind: "assert"; readonly what: Assertion; next: number }
  | { readonly kind: "look"; readonly node: Extract<RegexNode, { readonly kind: "look" }>; next: number }
  | { readonly kind: "end" };

/** Steps of all matches for one value: some seconds. */
const stepsMax = 30_000_000;

/** What walks need of the expression. */
export interface Walked {
  looks(node: Extract<RegexNode, { readonly kind: "look" }>, text: readonly number[], at: number): boolean;
  readonly budget: StepBudget;
}

export class StepBudget {
  #steps = 0;

  /** Another value is matched. */
  reset(): void {
    this.#steps = 0;
  }

  /** Throws 2201B beyond the bound. */
  spend(steps: number): void {
    this.#steps += steps;
    if (this.#steps > stepsMax) throw invalidRegex("regular expression is too complex");
  }
}

export function holds(what: Assertion, text: readonly number[], at: number): boolean {
  const isWordBefore = at > 0 && isWordCharacter(text[at - 1] ?? 0);
  const isWordAfter = at < text.length && isWordCharacter(text[at] ?? 0);
  switch (what) {
    case "textStart":
      return at === 0;
    case "textEnd":
      return at === text.length;
    case "lineStart":
      return at === 0 || text[at - 1] === 10;
    case "lineEnd":
      return at === text.length || text[at] === 10;
    case "wordStart":
      return !isWordBefore && isWordAfter;
    case "wordEnd":
      return isWordBefore && !isWordAfter;
    case "wordBoundary":
      return isWordBefore !== isWordAfter;
    case "notWordBoundary":
      return isWordBefore === isWordAfter;
  }
}

/** The places where a walk is. Those of matches that began further left come first. */
export class Run {
  readonly #states: readonly State[];
  readonly #text: readonly number[];
  readonly #regex: Walked;
  readonly #marks: Int32Array;
  #generation = 1;
  /** States before a character, and those reached over it. */
  readonly #active: number[] = [];
  readonly #reached: number[] = [];
  readonly #reachedBegun: number[] = [];
  readonly #stack: number[] = [];
  /** By state: where the leftmost match that is there has begun. */
  readonly #begun: Int32Array;
  isAtEnd = false;
  /** Where the leftmost of the matches has begun that are at their end. */
  endBegun = -1;

  constructor(states: readonly State[], text: readonly number[], regex: Walked) {
    this.#states = states;
    this.#text = text;
    this.#regex = regex;
    this.#marks = new Int32Array(states.length);
    this.#begun = new Int32Array(states.length);
  }

  /** Where the leftmost match has begun that goes on; -1 when none does. */
  get leftmost(): number {
    const [first] = this.#active;
    return first === undefined ? -1 : (this.#begun[first] ?? -1);
  }

  /** Adds a state, and all that are reached from it without a character. @param begun where the match has begun */
  enter(state: number, at: number, begun = 0): void {
    const stack = this.#stack;
    stack.push(state);
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      if (this.#marks[next] === this.#generation) continue;
      this.#marks[next] = this.#generation;
      const found = this.#states[next];
      assert(found !== undefined, "a state leads to a state");
      switch (found.kind) {
        case "end":
          this.isAtEnd = true;
          this.endBegun = begun;
          break;
        case "set":
          this.#active.push(next);
          this.#begun[next] = begun;
          break;
        case "split":
          stack.push(found.second, found.first);
          break;
        case "assert":
          if (holds(found.what, this.#text, at)) stack.push(found.next);
          break;
        case "look":
          if (this.#regex.looks(found.node, this.#text, at)) stack.push(found.next);
          break;
      }
    }
  }

  /** Over the character at this place; false when no state is left. */
  step(at: number): boolean {
    const code = this.#text[at] ?? -1;
    this.#regex.budget.spend(this.#active.length + 1);
    this.#reached.length = 0;
    this.#reachedBegun.length = 0;
    for (const state of this.#active) {
      const found = this.#states[state];
      if (found?.kind !== "set" || code < 0 || !found.node.set.has(code)) continue;
      this.#reached.push(found.next);
      this.#reachedBegun.push(this.#begun[state] ?? 0);
    }
    this.#active.length = 0;
    this.#generation += 1;
    this.isAtEnd = false;
    for (let index = 0; index < this.#reached.length; index += 1)
      this.enter(this.#reached[index] ?? 0, at + 1, this.#reachedBegun[index]);
    return this.#active.length > 0 || this.isAtEnd;
  }
}

/** Where the leftmost match begins, at or after `from`; -1 when there is none. One walk, whatever the text. */
export function leftmostStart(run: Run, start: number, length: number, from: number): number {
  let found = -1;
  for (let at = from; ; at += 1) {
    if (found < 0) run.enter(start, at, at);
    if (run.isAtEnd && (found < 0 || run.endBegun < found)) found = run.endBegun;
    if (at >= length) return found;
    // A match that has begun further left, and goes on, may still come to its end.
    if (found >= 0 && (run.leftmost < 0 || run.leftmost >= found)) return found;
    run.step(at);
  }
}
