/**
 * Matching without backtracking: a set of places walks over the text, so that the time grows with text and pattern, not with the number of
 * ways to match. The leftmost match is found, and of those the longest (the shortest where the expression prefers it), as POSIX has it;
 * what the groups stand for is found afterwards, by splitting the match along the tree.
 *
 * Back references are no regular expressions: the groups they name are fixed by trying, within a limit of steps.
 */
import { assert } from "../../../types/assert.js";
import { invalidRegex, type ParsedRegex, parseRegex, type RegexNode, type RegexOptions } from "./parse.js";
import { holds, leftmostStart, Run, type State, StepBudget, type Walked } from "./run.js";

/** States of a pattern at most: bounds multiply what they repeat. */
const statesMax = 50_000;
/** Steps of a match with back references at most. */
const stepsMax = 1_000_000;

export interface RegexMatch {
  readonly from: number;
  readonly to: number;
  /** From and to of each group from 1; null where it took no part. */
  readonly groups: readonly ({ readonly from: number; readonly to: number } | null)[];
}

interface Program {
  readonly states: readonly State[];
  readonly start: number;
}

/** The groups of a tree by their numbers. */
function groupsOf(node: RegexNode, found = new Map<number, RegexNode>()): ReadonlyMap<number, RegexNode> {
  if (node.kind === "group" && node.capture > 0) found.set(node.capture, node.item);
  if (node.kind === "group" || node.kind === "repeat") groupsOf(node.item, found);
  else if (node.kind === "sequence" || node.kind === "choice") for (const item of node.items) groupsOf(item, found);
  return found;
}

/**
 * From a tree to states, built from the end: each node is given where to go on. A back reference takes all that its group could stand for,
 * wherever that was: a program with one matches where the pattern may.
 */
function compile(node: RegexNode): Program {
  const groups = groupsOf(node);
  let references = 0;
  const states: State[] = [];
  const push = (state: State): number => {
    if (states.length >= statesMax) throw invalidRegex("regular expression is too complex");
    states.push(state);
    return states.length - 1;
  };
  const build = (item: RegexNode, next: number): number => {
    switch (item.kind) {
      case "empty":
        return next;
      case "set":
        return push({ kind: "set", node: item, next });
      case "assert":
        return references > 0 ? next : push({ kind: "assert", what: item.what, next });
      case "look":
        return references > 0 ? next : push({ kind: "look", node: item, next });
      case "group":
        return build(item.item, next);
      case "sequence":
        return item.items.reduceRight((after, each) => build(each, after), next);
      case "choice":
        return item.items
          .map((each) => build(each, next))
          .reduceRight((second, first) => push({ kind: "split", first, second }));
      case "repeat": {
        let after = next;
        if (item.max === Number.POSITIVE_INFINITY) {
          const loop = push({ kind: "split", first: next, second: next });
          const state = states[loop];
          assert(state?.kind === "split", "a loop is a split");
          state.first = build(item.item, loop);
          after = loop;
        } else
          for (let count = item.max - item.min; count > 0; count -= 1)
            after = push({ kind: "split", first: build(item.item, after), second: next });
        for (let count = item.min; count > 0; count -= 1) after = build(item.item, after);
        return after;
      }
      case "back": {
        references += 1;
        const begin = build(groups.get(item.capture) ?? { kind: "empty" }, next);
        references -= 1;
        return begin;
      }
    }
  };
  const end = push({ kind: "end" });
  return { states, start: build(node, end) };
}

/** Whether a node prefers the longest match: the first quantifier in it that has a preference says so. */
function prefersLongest(node: RegexNode): boolean | null {
  switch (node.kind) {
    case "repeat":
      return node.isGreedy;
    case "group":
      return prefersLongest(node.item);
    case "choice":
      return true;
    case "sequence": {
      for (const item of node.items) {
        const preference = prefersLongest(item);
        if (preference !== null) return preference;
      }
      return null;
    }
    default:
      return null;
  }
}

export class Regex implements Walked {
  readonly captures: number;
  readonly #parsed: ParsedRegex;
  readonly #programs = new Map<RegexNode, Program>();
  readonly #isGreedy: boolean;
  readonly budget = new StepBudget();

  constructor(pattern: string, options: RegexOptions) {
    this.#parsed = parseRegex(pattern, options);
    this.captures = this.#parsed.captures;
    this.#isGreedy = prefersLongest(this.#parsed.node) ?? true;
    this.#programOf(this.#parsed.node);
  }

  #programOf(node: RegexNode): Program {
    const known = this.#programs.get(node);
    if (known !== undefined) return known;
    const program = compile(node);
    this.#programs.set(node, program);
    return program;
  }

  /** Whether the pattern matches anywhere: one walk over the text. */
  test(text: readonly number[]): boolean {
    this.budget.reset();
    if (this.#parsed.hasBackReferences) return this.find(text, 0) !== null;
    return this.#firstEnd(text, 0) >= 0;
  }

  /** Where the first match ends of those that begin at or after `from`, -1 for none; with back references, where one may. */
  #firstEnd(text: readonly number[], from: number): number {
    const { states, start } = this.#programOf(this.#parsed.node);
    const run = new Run(states, text, this);
    for (let at = from; at <= text.length; at += 1) {
      run.enter(start, at);
      if (run.isAtEnd) return at;
      run.step(at);
    }
    return -1;
  }

  /** The leftmost match that begins at or after `from`. */
  find(text: readonly number[], from: number, wantsGroups = true): RegexMatch | null {
    if (this.#parsed.hasBackReferences) return this.#findByTrying(text, from);
    const { states, start } = this.#programOf(this.#parsed.node);
    const begun = leftmostStart(new Run(states, text, this), start, text.length, from);
    if (begun < 0) return null;
    const end = this.#end(this.#parsed.node, text, begun, this.#isGreedy);
    assert(end >= begun, "what has a match that begins here has an end");
    const groups: ({ from: number; to: number } | null)[] = Array.from({ length: this.captures }, () => null);
    if (wantsGroups && this.captures > 0) this.#split(this.#parsed.node, text, begun, end, groups);
    return { from: begun, to: end, groups };
  }

  /** Where a match of the node that begins here ends, -1 for none. */
  #end(node: RegexNode, text: readonly number[], from: number, isLongest: boolean): number {
    const { states, start } = this.#programOf(node);
    const run = new Run(states, text, this);
    let best = -1;
    run.enter(start, from);
    for (let at = from; ; at += 1) {
      if (run.isAtEnd) {
        best = at;
        if (!isLongest) return best;
      }
      if (at >= text.length || !run.step(at)) return best;
    }
  }

  /** All ends of matches of the node that begin here, rising, up to `to`. */
  #ends(node: RegexNode, text: readonly number[], from: number, to: number): number[] {
    const { states, start } = this.#programOf(node);
    const run = new Run(states, text, this);
    const found: number[] = [];
    run.enter(start, from);
    for (let at = from; ; at += 1) {
      if (run.isAtEnd) found.push(at);
      if (at >= to || !run.step(at)) return found;
    }
  }

  #matches(node: RegexNode, text: readonly number[], from: number, to: number): boolean {
    return this.#ends(node, text, from, to).at(-1) === to;
  }

  /** Says what the groups within a node are, of which it is known that it matches exactly from `from` to `to`. */
  #split(
    node: RegexNode,
    text: readonly number[],
    from: number,
    to: number,
    groups: ({ from: number; to: number } | null)[],
  ): void {
    switch (node.kind) {
      case "group":
        if (node.capture > 0) groups[node.capture - 1] = { from, to };
        this.#split(node.item, text, from, to, groups);
        return;
      case "choice": {
        const chosen = node.items.find((item) => this.#matches(item, text, from, to));
        if (chosen !== undefined) this.#split(chosen, text, from, to, groups);
        return;
      }
      case "sequence":
        this.#splitSequence(node.items, text, from, to, groups);
        return;
      case "repeat":
        this.#splitRepeat(node, text, from, to, groups);
        return;
      default:
    }
  }

  #restOf = new Map<readonly RegexNode[], RegexNode>();

  #splitSequence(
    items: readonly RegexNode[],
    text: readonly number[],
    from: number,
    to: number,
    groups: ({ from: number; to: number } | null)[],
  ): void {
    let rest = items;
    let at = from;
    while (rest.length > 1) {
      const [first] = rest;
      if (first === undefined) return;
      const known: RegexNode = this.#tail(rest);
      const ends = this.#ends(first, text, at, to);
      if (prefersLongest(first) !== false) ends.reverse();
      const end = ends.find((place) => this.#matches(known, text, place, to));
      if (end === undefined) return;
      this.#split(first, text, at, end, groups);
      at = end;
      rest = known.kind === "sequence" ? known.items : [known];
    }
    const [last] = rest;
    if (last !== undefined) this.#split(last, text, at, to, groups);
  }

  /** A sequence without its first item; the same one each time. */
  #tail(items: readonly RegexNode[]): RegexNode {
    const known = this.#restOf.get(items);
    if (known !== undefined) return known;
    const rest = items.slice(1);
    const [only] = rest;
    const node: RegexNode = rest.length === 1 && only !== undefined ? only : { kind: "sequence", items: rest };
    this.#restOf.set(items, node);
    return node;
  }

  #splitRepeat(
    node: Extract<RegexNode, { readonly kind: "repeat" }>,
    text: readonly number[],
    from: number,
    to: number,
    groups: ({ from: number; to: number } | null)[],
  ): void {
    const isLongest = prefersLongest(node.item) !== false;
    let at = from;
    let count = 0;
    while (at < to || count < node.min) {
      const left: RegexNode = {
        ...node,
        min: Math.max(0, node.min - count - 1),
        max: node.max === Number.POSITIVE_INFINITY ? node.max : Math.max(0, node.max - count - 1),
      };
      const isSame = left.min === node.min && left.max === node.max;
      const rest = isSame ? node : left;
      const ends = this.#ends(node.item, text, at, to).filter((end) => end > at || to === at);
      if (isLongest) ends.reverse();
      const end = ends.find((place) => this.#matches(rest, text, place, to));
      if (end === undefined) return;
      this.#split(node.item, text, at, end, groups);
      if (!isSame) this.#programs.delete(left);
      at = end;
      count += 1;
      if (at === to) return;
    }
  }

  #findByTrying(text: readonly number[], from: number): RegexMatch | null {
    let steps = 0;
    const groups: ({ from: number; to: number } | null)[] = Array.from({ length: this.captures }, () => null);
    // Calls `then` at each place where the node can end, in the order of preference, until it says yes.
    const walk = (node: RegexNode, at: number, then: (end: number) => boolean): boolean => {
      steps += 1;
      if (steps > stepsMax) throw invalidRegex("regular expression is too complex");
      switch (node.kind) {
        case "empty":
          return then(at);
        case "set":
          return at < text.length && node.set.has(text[at] ?? 0) && then(at + 1);
        case "assert":
          return holds(node.what, text, at) && then(at);
        case "look":
          return this.looks(node, text, at) && then(at);
        case "back": {
          const group = groups[node.capture - 1] ?? null;
          if (group === null) return false;
          const length = group.to - group.from;
          for (let index = 0; index < length; index += 1)
            if (text[group.from + index] !== text[at + index]) return false;
          return then(at + length);
        }
        case "group": {
          const before = groups[node.capture - 1] ?? null;
          if (
            walk(node.item, at, (end) => {
              const inner = groups[node.capture - 1] ?? null;
              if (node.capture > 0) groups[node.capture - 1] = { from: at, to: end };
              if (then(end)) return true;
              if (node.capture > 0) groups[node.capture - 1] = inner;
              return false;
            })
          )
            return true;
          if (node.capture > 0) groups[node.capture - 1] = before;
          return false;
        }
        case "choice":
          return node.items.some((item) => walk(item, at, then));
        case "sequence": {
          const next = (index: number, place: number): boolean => {
            const item = node.items[index];
            return item === undefined ? then(place) : walk(item, place, (end) => next(index + 1, end));
          };
          return next(0, at);
        }
        case "repeat": {
          // Rather once with nothing than never: what the groups in it stand for is known then.
          const leastTimes = Math.max(node.min, 1);
          const more = (count: number, place: number): boolean => {
            const again = (): boolean =>
              count < node.max &&
              walk(node.item, place, (end) => (end > place || count < leastTimes) && more(count + 1, end));
            if (count < node.min) return again();
            return node.isGreedy ? again() || then(place) : then(place) || again();
          };
          return more(0, at);
        }
      }
    };
    const endFrom = (start: number): number => {
      let to = -1;
      walk(this.#parsed.node, start, (end) => {
        to = end;
        return true;
      });
      return to;
    };
    let start = from;
    do {
      const last = this.#firstEnd(text, start);
      if (last < 0) return null;
      // Up to where the first one may end a match may begin. As in PostgreSQL, who found none there does not look at the text's end again.
      for (; start <= last; start += 1) {
        const to = endFrom(start);
        if (to >= 0) return { from: start, to, groups };
      }
    } while (start < text.length);
    return null;
  }

  /** A lookaround at a place. */
  looks(node: Extract<RegexNode, { readonly kind: "look" }>, text: readonly number[], at: number): boolean {
    let isFound = false;
    if (node.isAhead) isFound = this.#end(node.item, text, at, false) >= 0;
    else for (let from = at; from >= 0 && !isFound; from -= 1) isFound = this.#matches(node.item, text, from, at);
    return isFound !== node.isNegative;
  }
}
