/**
 * World states that were found, in rows of plain numbers, so that a hundred million of them fit. Those with the same states of members and the same
 * spent are one group, and differ in what was sent. One that has sent more can do all that one can that has sent less, so of a group only those are
 * kept of which none has sent all that another has.
 */
import { emptySet } from "./bit-sets.js";
import type { Letters } from "./letters.js";
import { hashOfPair } from "./pair-map.js";
import type { Seats } from "./seats.js";
import { replicas } from "./small-member.js";

/** Three seats and what was spent; then the parent, the move that led from there, and the next of the group, as rows. */
const [spentColumn, parentColumn, moveColumn, nextColumn] = [3, 4, 5, 6];
const columns = 7;
const blockBits = 18;
const blockRows = 1 << blockBits;
const none = -1;
const outdone = -1;

export class Visited {
  readonly #seats: readonly Seats[];
  readonly #letters: Letters;
  /** Blocks of rows: an array that grows would be there twice while it does. */
  readonly #blocks: Int32Array[] = [];
  /** By hash: the first row of a group. */
  #slots = new Int32Array(4096).fill(none);
  /** Rows whose next states were not looked at. */
  #open = new Int32Array(1024);
  #openCount = 0;
  /** Rows, those that were outdone since included. */
  count = 0;
  groups = 0;

  constructor(seats: readonly Seats[], letters: Letters) {
    this.#seats = seats;
    this.#letters = letters;
  }

  get openCount(): number {
    return this.#openCount;
  }

  /** Notes a state to be looked at, unless one is known that can do all that it can. */
  add(seats: Int32Array, spent: number, parent: number, move: number): void {
    const slot = this.#find(seats, spent);
    const first = this.#slots[slot] ?? none;
    let kept = none;
    for (let row = first; row !== none; row = this.cell(row, nextColumn)) {
      const order = this.#order(seats, row);
      if (order < 0) return;
      if (order > 0) {
        this.#set(row, moveColumn, outdone);
        const next = this.cell(row, nextColumn);
        if (kept === none) this.#slots[slot] = next;
        else this.#set(kept, nextColumn, next);
      } else kept = row;
    }
    this.#append(seats, spent, parent, move, this.#slots[slot] ?? none);
    this.#slots[slot] = this.count - 1;
    if (first !== none) return;
    this.groups += 1;
    if (this.groups * 2 > this.#slots.length) this.#rehash();
  }

  /** Whether a state is known that can do all that this one can. */
  covers(seats: Int32Array, spent: number): boolean {
    let row = this.#slots[this.#find(seats, spent)] ?? none;
    while (row !== none && this.#order(seats, row) >= 0) row = this.cell(row, nextColumn);
    return row !== none;
  }

  /** The row that was found last of those that nobody has looked at; -1 when all were. */
  take(): number {
    while (this.#openCount > 0) {
      this.#openCount -= 1;
      const row = this.#open[this.#openCount] ?? none;
      if (this.cell(row, moveColumn) !== outdone) return row;
    }
    return none;
  }

  seat(row: number, replica: number): number {
    return this.cell(row, replica);
  }

  spent(row: number): number {
    return this.cell(row, spentColumn);
  }

  parent(row: number): number {
    return this.cell(row, parentColumn);
  }

  move(row: number): number {
    return this.cell(row, moveColumn);
  }

  cell(row: number, column: number): number {
    return this.#blocks[row >>> blockBits]?.[(row & (blockRows - 1)) * columns + column] ?? none;
  }

  /** Below 0 when that row has sent all that these have, above it when it has sent less. */
  #order(seats: Int32Array, row: number): number {
    let [isWithin, isBeyond] = [true, true];
    for (let replica = 0; replica < replicas; replica++) {
      const [seat, other] = [seats[replica] ?? none, this.cell(row, replica)];
      if (seat === other) continue;
      const sets = this.#letters.sets(replica);
      const [mine, its] = [this.#inbox(replica, seat), this.#inbox(replica, other)];
      isWithin &&= sets.isWithin(mine, its);
      isBeyond &&= sets.isWithin(its, mine);
      if (!isWithin && !isBeyond) return 0;
    }
    return isWithin ? -1 : 1;
  }

  #inbox(replica: number, seat: number): number {
    return this.#seats[replica]?.inbox(seat) ?? emptySet;
  }

  #state(replica: number, seat: number): number {
    return this.#seats[replica]?.state(seat) ?? none;
  }

  #set(row: number, column: number, value: number): void {
    const block = this.#blocks[row >>> blockBits];
    if (block !== undefined) block[(row & (blockRows - 1)) * columns + column] = value;
  }

  #append(seats: Int32Array, spent: number, parent: number, move: number, next: number): void {
    if (this.count % blockRows === 0) this.#blocks.push(new Int32Array(columns * blockRows));
    const row = this.count;
    this.count += 1;
    const block = this.#blocks[row >>> blockBits];
    if (block === undefined) throw new Error("a row lies in a block");
    const at = (row & (blockRows - 1)) * columns;
    block.set(seats, at);
    block[at + spentColumn] = spent;
    block[at + parentColumn] = parent;
    block[at + moveColumn] = move;
    block[at + nextColumn] = next;
    if (this.#openCount >= this.#open.length) {
      const larger = new Int32Array(this.#open.length * 2);
      larger.set(this.#open);
      this.#open = larger;
    }
    this.#open[this.#openCount] = row;
    this.#openCount += 1;
  }

  /** Where a group is, or would be. */
  #find(seats: Int32Array, spent: number): number {
    const [first, second, third] = [
      this.#state(0, seats[0] ?? none),
      this.#state(1, seats[1] ?? none),
      this.#state(2, seats[2] ?? none),
    ];
    const mask = this.#slots.length - 1;
    const hash = hashOfPair(hashOfPair(first, second), hashOfPair(third, spent));
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const row = this.#slots[slot] ?? none;
      if (row === none) return slot;
      const isOf =
        this.#state(0, this.cell(row, 0)) === first &&
        this.#state(1, this.cell(row, 1)) === second &&
        this.#state(2, this.cell(row, 2)) === third &&
        this.spent(row) === spent;
      if (isOf) return slot;
    }
  }

  #rehash(): void {
    const former = this.#slots;
    this.#slots = new Int32Array(former.length * 2).fill(none);
    const seats = new Int32Array(replicas);
    for (const row of former) {
      if (row === none) continue;
      for (let replica = 0; replica < replicas; replica++) seats[replica] = this.cell(row, replica);
      this.#slots[this.#find(seats, this.spent(row))] = row;
    }
  }
}
