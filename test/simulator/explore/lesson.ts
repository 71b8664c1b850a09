/** Draws from what one replica was seen to come to which letters are dead and which happenings are free (`reduction.ts`). */
import { type BitSets, emptySet } from "./bit-sets.js";
import { Freedom } from "./freedom.js";
import type { Letters } from "./letters.js";
import { damagedEntry, happenings, type MemberTable, type Step } from "./member-table.js";
import { Hypotheses } from "./reduction.js";
import type { Seats } from "./seats.js";

export class Lesson {
  readonly #table: MemberTable;
  readonly #seats: Seats;
  readonly #letters: Letters;
  readonly #doubted: Hypotheses;
  readonly sets: BitSets;
  /** Those that the replica was in, in some world. */
  readonly states: readonly number[];
  readonly #present: ReadonlyMap<number, number>;

  /**
   * @param held what was held true while those worlds were looked at from which this is drawn
   * @param doubted what was held true once and did not follow: it is not tried again, so that there is an end to it
   */
  constructor(seats: Seats, letters: Letters, held: Hypotheses | null, doubted: Hypotheses) {
    this.#doubted = doubted;
    this.#table = seats.table;
    this.#seats = seats;
    this.#letters = letters;
    this.sets = letters.sets(seats.table.replica);
    this.states = [...seats.present.keys()].filter((state) => seats.present[state] !== undefined);
    this.#present = this.#presentLetters(held);
  }

  hypotheses(): Hypotheses {
    return new Hypotheses(this.#dead(), new Freedom(this).found());
  }

  /** The letters that a world may have in which the replica is in that state, left out since or not: the network forgets nothing. */
  present(state: number): number {
    return this.#present.get(state) ?? emptySet;
  }

  mayHappen(state: number, happening: number): boolean {
    return happening !== happenings.disk || this.#table.state(state).hasWrites;
  }

  isKnown(state: number, happening: number): boolean {
    return !this.mayHappen(state, happening) || this.#table.state(state).steps.has(happening);
  }

  /** Null where it cannot happen, or the core would end. */
  step(state: number, happening: number): Step | null {
    return this.mayHappen(state, happening) ? this.#table.stepIfAny(state, happening) : null;
  }

  isDoubted(state: number, happening: number): boolean {
    return this.#doubted.isFree(state, happening);
  }

  /** Whether all of the first was sent by the others. */
  isSent(sent: readonly number[], ...by: readonly (readonly number[])[]): boolean {
    return sent.every((letters, to) => {
      const sets = this.#letters.sets(to);
      let all: number = emptySet;
      for (const more of by) all = sets.union(all, more[to] ?? emptySet);
      return sets.isWithin(letters, all);
    });
  }

  /** Whether who looks at commits and disks (`SmallWorld.check`) finds in the second state whatever is wrong with the first. */
  isNoBetter(state: number, next: number): boolean {
    const [from, to] = [this.#table.state(state), this.#table.state(next)];
    return from.committed.every((committed, index) => {
      const [before, after] = [from.held[index], to.held[index]];
      const isNoMoreHeld = after === 0 || after === before || before === damagedEntry;
      return isNoMoreHeld && (committed === 0 || committed === to.committed[index]);
    });
  }

  /** What the replica was seen to come to from there by arrivals and writes. */
  #next(state: number): number[] {
    return [...(this.#seats.travelled[state] ?? [])]
      .filter((happening) => happening >= happenings.disk)
      .map((happening) => this.#table.step(state, happening).next)
      .filter((next) => next !== state);
  }

  /** What was left out of a world as dead is missing from those that follow, whatever is held dead there, and would be present. */
  #presentLetters(held: Hypotheses | null): ReadonlyMap<number, number> {
    const { sets } = this;
    const open = [...this.states];
    const seen = new Map(open.map((state) => [state, this.#seats.present[state] ?? emptySet]));
    if (held === null) return seen;
    const missing = new Map(open.map((state) => [state, sets.common(seen.get(state) ?? emptySet, held.dead(state))]));
    for (let state = open.pop(); state !== undefined; state = open.pop()) {
      for (const next of this.#next(state)) {
        const had = missing.get(next) ?? emptySet;
        const has = sets.union(had, missing.get(state) ?? emptySet);
        if (has === had) continue;
        missing.set(next, has);
        open.push(next);
      }
    }
    return new Map(
      this.states.map((state) => [state, sets.union(seen.get(state) ?? emptySet, missing.get(state) ?? emptySet)]),
    );
  }

  #dead(): Map<number, number> {
    const alive = new Map<number, Set<number>>(this.states.map((state) => [state, new Set()]));
    const before = new Map<number, number[]>(this.states.map((state) => [state, []]));
    const open: (readonly [state: number, letter: number])[] = [];
    for (const state of this.states) {
      for (const letter of this.sets.members(this.present(state))) {
        const step = this.#table.stepIfAny(state, letter);
        const isDead = step !== null && step.next === state && step.isSilent;
        if (isDead && !this.sets.has(this.#doubted.dead(state), letter)) continue;
        alive.get(state)?.add(letter);
        open.push([state, letter]);
      }
      for (const next of this.#next(state)) before.get(next)?.push(state);
    }
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const [state, letter] = at;
      for (const former of before.get(state) ?? []) {
        const living = alive.get(former);
        if (living === undefined || living.has(letter) || !this.sets.has(this.present(former), letter)) continue;
        living.add(letter);
        open.push([former, letter]);
      }
    }
    const dead = new Map<number, number>();
    for (const [state, living] of alive) {
      const letters = this.sets.members(this.present(state)).filter((letter) => !living.has(letter));
      dead.set(state, this.sets.of(letters));
    }
    return dead;
  }
}
