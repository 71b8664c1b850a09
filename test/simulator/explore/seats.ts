/**
 * One replica's part of a world, by number: its state, the letters that it has, and of what something is left to happen (`left`). What may happen to
 * it depends on these alone, so it is worked out once for each seat, however many worlds have it.
 */
import { type BitSets, emptySet } from "./bit-sets.js";
import type { Letters } from "./letters.js";
import { happenings, type MemberTable } from "./member-table.js";
import { hashOfPair } from "./pair-map.js";
import type { Hypotheses } from "./reduction.js";
import { replicas } from "./small-member.js";

const none = -1;
const columns = 3;
/** In `left`: that operations, timers, a crash, a crash with damage are left. */
export const leftOps = 1;
export const leftTimers = 2;
export const leftCrashes = 4;
export const leftDamages = 8;
/** No replica has that much to learn. */
const takenMax = 10_000;

/** Moves of a seat, one after the other: the happening, the next state, and by receiver the set of letters sent. */
export const moveColumns = 2 + replicas;

/** Where a seat comes to by itself, and by receiver what is sent on the way. */
export interface Settled {
  readonly seat: number;
  readonly sent: readonly number[];
  /** The letters (or the disk) taken at once. */
  readonly taken: readonly number[];
}

export class Seats {
  readonly table: MemberTable;
  readonly #letters: Letters;
  readonly #sets: BitSets;
  /** State, letters, left: by seat. */
  #rows = new Int32Array(columns * 64);
  #slots = new Int32Array(128).fill(none);
  #moves: (Int32Array | undefined)[] = [];
  #settled: (Settled | undefined)[] = [];
  #hypotheses: Hypotheses | null = null;
  /** By state: the set of letters that were there, left out since or not. */
  readonly present: number[] = [];
  /** By state: what happened to it in some world. */
  readonly travelled: Set<number>[] = [];
  count = 0;

  constructor(table: MemberTable, letters: Letters) {
    this.table = table;
    this.#letters = letters;
    this.#sets = letters.sets(table.replica);
  }

  /** From now on that holds: what was worked out is worked out anew. */
  adopt(hypotheses: Hypotheses | null): void {
    this.#hypotheses = hypotheses;
    this.#settled = [];
  }

  state(seat: number): number {
    return this.#rows[seat * columns] ?? none;
  }

  inbox(seat: number): number {
    return this.#rows[seat * columns + 1] ?? none;
  }

  left(seat: number): number {
    return this.#rows[seat * columns + 2] ?? none;
  }

  at(state: number, inbox: number, left: number): number {
    const sets = this.#sets;
    const had = this.present[state] ?? emptySet;
    const has = sets.union(had, inbox);
    if (has !== had || this.present[state] === undefined) this.present[state] = has;
    const dead = left === 0 ? (this.#hypotheses?.dead(state) ?? emptySet) : emptySet;
    return this.#intern(state, sets.minus(inbox, dead), left);
  }

  with(seat: number, letters: number): number {
    if (letters === emptySet) return seat;
    const inbox = this.inbox(seat);
    const more = this.#sets.union(inbox, letters);
    return more === inbox ? seat : this.at(this.state(seat), more, this.left(seat));
  }

  /** The same with less left to happen. */
  leaving(seat: number, left: number): number {
    return left === this.left(seat) ? seat : this.at(this.state(seat), this.inbox(seat), left);
  }

  moves(seat: number): Int32Array {
    const known = this.#moves[seat];
    if (known !== undefined) return known;
    const [state, left] = [this.state(seat), this.left(seat)];
    const { hasWrites, hasEntries } = this.table.state(state);
    const moves: number[] = [];
    const may = (happening: number): void => {
      const { next, sent, isSilent } = this.#travel(state, happening);
      // What a replica answers without a change of its own, it has answered.
      if (next !== state || (happening < 0 && !isSilent)) moves.push(happening, next, ...sent);
    };
    for (const letter of this.#sets.members(this.inbox(seat))) may(letter);
    if (hasWrites) may(happenings.disk);
    if ((left & leftTimers) !== 0) may(happenings.timer);
    if ((left & leftCrashes) !== 0) may(happenings.crash);
    if ((left & leftDamages) !== 0 && hasEntries) may(happenings.damage);
    const found = Int32Array.from(moves);
    this.#moves[seat] = found;
    return found;
  }

  /** To propose is one of a seat's moves too, but its number is a matter of the world. */
  proposes(seat: number, op: number): readonly [next: number, sent: readonly number[]] | null {
    const state = this.state(seat);
    if (!this.table.state(state).mayPropose) return null;
    const { next, sent } = this.#travel(state, happenings.propose - op);
    return [next, sent];
  }

  /** What it answers without a change is answered, and what is free (`Hypotheses`) is taken. */
  settled(seat: number): Settled {
    const known = this.#settled[seat];
    if (known !== undefined) return known;
    const taken: number[] = [];
    const sent: number[] = Array.from({ length: replicas }, () => emptySet);
    const note = (letters: readonly number[]): void => {
      for (let to = 0; to < replicas; to++) {
        sent[to] = this.#letters.sets(to).union(sent[to] ?? emptySet, letters[to] ?? emptySet);
      }
    };
    let at = seat;
    for (;;) {
      const state = this.state(at);
      let free: number | null = this.#isFree(at, happenings.disk) ? happenings.disk : null;
      for (const letter of this.#sets.members(this.inbox(at))) {
        const step = this.#travel(state, letter);
        if (step.next === state) note(step.sent);
        else if (this.#isFree(at, letter)) free ??= letter;
      }
      if (free === null) break;
      if (taken.length >= takenMax) throw new Error("what is taken at once goes round in a circle");
      taken.push(free);
      const step = this.#travel(state, free);
      note(step.sent);
      at = this.at(step.next, this.inbox(at), this.left(at));
    }
    const found = { seat: at, sent, taken };
    this.#settled[seat] = found;
    return found;
  }

  #isFree(seat: number, happening: number): boolean {
    return this.left(seat) === 0 && this.#hypotheses?.isFree(this.state(seat), happening) === true;
  }

  #travel(state: number, happening: number): ReturnType<MemberTable["step"]> {
    let travelled = this.travelled[state];
    if (travelled === undefined) {
      travelled = new Set();
      this.travelled[state] = travelled;
    }
    travelled.add(happening);
    return this.table.step(state, happening);
  }

  #intern(state: number, inbox: number, left: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hashOfPair(state * 16 + left, inbox) & mask; ; slot = (slot + 1) & mask) {
      const seat = this.#slots[slot] ?? none;
      if (seat === none) {
        this.#slots[slot] = this.count;
        return this.#append(state, inbox, left);
      }
      if (this.state(seat) === state && this.inbox(seat) === inbox && this.left(seat) === left) return seat;
    }
  }

  #append(state: number, inbox: number, left: number): number {
    const seat = this.count;
    this.count += 1;
    if (this.count * columns > this.#rows.length) {
      const larger = new Int32Array(this.#rows.length * 2);
      larger.set(this.#rows);
      this.#rows = larger;
    }
    this.#rows.set([state, inbox, left], seat * columns);
    if (this.count * 2 > this.#slots.length) {
      this.#slots = new Int32Array(this.#slots.length * 2).fill(none);
      const mask = this.#slots.length - 1;
      for (let each = 0; each < this.count; each++) {
        let slot = hashOfPair(this.state(each) * 16 + this.left(each), this.inbox(each)) & mask;
        while (this.#slots[slot] !== none) slot = (slot + 1) & mask;
        this.#slots[slot] = each;
      }
    }
    return seat;
  }
}
