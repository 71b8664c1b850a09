/**
 * Three members and a network, in which one thing happens at a time and every order is possible: a letter arrives (again, or never), a disk
 * finishes a write, a client proposes, a view timer fires, a replica crashes, with or without damage to its newest entry.
 *
 * The network forgets nothing, so a world that has sent more can do all that one can that has sent less: what changes nothing is left out.
 */
import { emptySet } from "./bit-sets.js";
import { Letters } from "./letters.js";
import { damagedEntry, happenings, Identities, MemberTable, wordOf } from "./member-table.js";
import { leftCrashes, leftDamages, leftOps, leftTimers, moveColumns, Seats } from "./seats.js";
import { type Letter, replicas, SmallMember } from "./small-member.js";

export interface Scope {
  readonly name: string;
  readonly ops: number;
  readonly timers: number;
  readonly crashes: number;
  /** Of the crashes, how many find the newest entry of the disk damaged. */
  readonly damages: number;
  /** Whether disks write at once; otherwise anything may happen while they write. */
  readonly isPrompt: boolean;
  /** Whether each world is looked at, those included that others stand for (`reduction.ts`). */
  readonly isFull?: boolean;
}

/** Calls with the seats of a world that may come next, which the caller may not keep. */
export type Visit = (seats: Int32Array, spent: number, move: number) => void;

const replication = 2;
/** Counts of what was spent share one number: operations, timers, crashes, crashes with damage. */
const spentBase = 8;
const spentOf = { ops: spentBase ** 3, timers: spentBase ** 2, crashes: spentBase, damages: 1 } as const;
/** A move is a replica and what happens to it, in one number. */
const happeningsMax = 1 << 20;

const digit = (spent: number, unit: number): number => Math.floor(spent / unit) % spentBase;

export class SmallWorld {
  readonly scope: Scope;
  readonly letters = new Letters();
  readonly tables: readonly MemberTable[];
  readonly seats: readonly Seats[];
  readonly #next = new Int32Array(replicas);
  readonly #here = new Int32Array(replicas);

  constructor(scope: Scope) {
    this.scope = scope;
    const members = warmMembers(scope.isPrompt);
    const identities = new Identities();
    this.tables = members.map(
      (member, replica) => new MemberTable(replica, member, this.letters, identities, scope.ops),
    );
    this.seats = this.tables.map((table) => new Seats(table, this.letters));
  }

  start(): Int32Array {
    return Int32Array.from(this.seats, (seats) => seats.at(0, emptySet, this.#left(0)));
  }

  #seatsOf(replica: number): Seats {
    const seats = this.seats[replica];
    if (seats === undefined) throw new Error(`there is no replica ${replica}`);
    return seats;
  }

  /** Of what a scope allows, what is left after that much was spent. */
  #left(spent: number): number {
    const { ops, timers, crashes, damages } = this.scope;
    const mayCrash = digit(spent, spentOf.crashes) < crashes;
    return (
      (digit(spent, spentOf.ops) < ops ? leftOps : 0) |
      (digit(spent, spentOf.timers) < timers ? leftTimers : 0) |
      (mayCrash ? leftCrashes : 0) |
      (mayCrash && digit(spent, spentOf.damages) < damages ? leftDamages : 0)
    );
  }

  /**
   * That world with everything sent that its members answer without a change of their own, and with everything done that may as well be done now:
   * it can do all that the world itself can, so that the latter need not be looked at.
   */
  settle(world: Int32Array, told?: string[]): void {
    for (let hasChanged = true; hasChanged; ) {
      hasChanged = false;
      for (let replica = 0; replica < replicas; replica++) {
        const seats = this.#seatsOf(replica);
        const seat = world[replica] ?? 0;
        const settled = seats.settled(seat);
        for (const taken of settled.taken) told?.push(this.#word(replica, taken));
        if (settled.seat !== seat) {
          world[replica] = settled.seat;
          hasChanged = true;
        }
        if (this.#deliver(world, replica, settled.sent, 0)) hasChanged = true;
      }
    }
  }

  /** Of seats that were taken before: what is known now to be needless is left out of them. */
  refresh(world: Int32Array): void {
    for (const [replica, seats] of this.seats.entries()) {
      const seat = world[replica] ?? 0;
      world[replica] = seats.at(seats.state(seat), seats.inbox(seat), seats.left(seat));
    }
  }

  /** Gives the others what a replica sent; whether anybody has something new. */
  #deliver(world: Int32Array, from: number, sent: ArrayLike<number>, at: number): boolean {
    let hasChanged = false;
    for (let to = 0; to < replicas; to++) {
      const letters = sent[at + to] ?? emptySet;
      if (to === from || letters === emptySet) continue;
      const seat = world[to] ?? 0;
      const next = this.#seatsOf(to).with(seat, letters);
      if (next === seat) continue;
      world[to] = next;
      hasChanged = true;
    }
    return hasChanged;
  }

  /** Calls `visit` with everything that can happen next and changes something. */
  forEachNext(world: Int32Array, spent: number, visit: Visit): void {
    const here = this.#here;
    here.set(world);
    for (let replica = 0; replica < replicas; replica++) {
      const seats = this.#seatsOf(replica);
      const moves = seats.moves(here[replica] ?? 0);
      for (let at = 0; at < moves.length; at += moveColumns) {
        this.#visit(replica, moves[at] ?? 0, moves[at + 1] ?? 0, moves, at + 2, spent, visit);
      }
      const ops = digit(spent, spentOf.ops);
      if (ops >= this.scope.ops) continue;
      const proposal = seats.proposes(here[replica] ?? 0, ops + 1);
      if (proposal === null) continue;
      this.#visit(replica, happenings.propose - ops - 1, proposal[0], proposal[1], 0, spent, visit);
    }
  }

  #visit(
    replica: number,
    happening: number,
    state: number,
    sent: ArrayLike<number>,
    at: number,
    before: number,
    visit: Visit,
  ): void {
    const [here, next] = [this.#here, this.#next];
    const spent = before + costOf(happening);
    this.#enter(next, here, replica, state, this.#left(spent));
    let hasChanged = next[replica] !== here[replica];
    if (this.#deliver(next, replica, sent, at)) hasChanged = true;
    if (!hasChanged) return;
    this.settle(next);
    visit(next, spent, (happening + happeningsMax) * replicas + replica);
  }

  #enter(next: Int32Array, here: Int32Array, replica: number, state: number, left: number): void {
    for (let other = 0; other < replicas; other++) {
      const seats = this.#seatsOf(other);
      const seat = here[other] ?? 0;
      next[other] = other === replica ? seats.at(state, seats.inbox(seat), left) : seats.leaving(seat, left);
    }
  }

  /** In words what leads from one world to the next by a move. */
  tell(world: Int32Array, move: number, spent: number): string[] {
    const [replica, happening] = [move % replicas, Math.floor(move / replicas) - happeningsMax];
    const told = [this.#word(replica, happening)];
    this.#here.set(world);
    const seats = this.#seatsOf(replica);
    const { next, sent } = this.#table(replica).step(seats.state(world[replica] ?? 0), happening);
    this.#enter(this.#next, this.#here, replica, next, this.#left(spent));
    this.#deliver(this.#next, replica, sent, 0);
    this.settle(this.#next, told);
    return told;
  }

  #table(replica: number): MemberTable {
    const table = this.tables[replica];
    if (table === undefined) throw new Error(`there is no replica ${replica}`);
    return table;
  }

  #word(replica: number, happening: number): string {
    if (happening < 0) return `${wordOf(happening)} ${replica}`;
    return this.letters.letter(replica, happening).key.split(" ").slice(0, 2).join(" ");
  }

  /** Everything committed is committed once, and lies on a replication quorum of disks, damaged copies included. Throws otherwise. */
  check(world: Int32Array): void {
    const [first, second, third] = [0, 1, 2].map((replica) =>
      this.#table(replica).state(this.#seatsOf(replica).state(world[replica] ?? 0)),
    );
    if (first === undefined || second === undefined || third === undefined) return;
    for (let index = 0; index < this.scope.ops; index++) {
      for (const { committed } of [first, second, third]) {
        const number = committed[index] ?? 0;
        if (number === 0) continue;
        let copies = 0;
        for (const other of [first, second, third]) {
          const known = other.committed[index] ?? 0;
          if (known !== 0 && known !== number) {
            throw new Error(`op ${index + 1} is committed twice, as different prepares`);
          }
          if (other.held[index] === number || other.held[index] === damagedEntry) copies += 1;
        }
        if (copies < replication) throw new Error(`op ${index + 1} is committed and lies on ${copies} disks`);
      }
    }
  }
}

function costOf(happening: number): number {
  if (happening >= happenings.disk) return 0;
  if (happening < happenings.propose) return spentOf.ops;
  if (happening === happenings.timer) return spentOf.timers;
  if (happening === happenings.crash) return spentOf.crashes;
  return spentOf.crashes + spentOf.damages;
}

/** Until somebody leads view 1 and nothing is under way: the first view of every cluster, in one order. */
function warmMembers(isPrompt: boolean): SmallMember[] {
  const members = Array.from({ length: replicas }, (_, index) => new SmallMember(index, isPrompt));
  let letters: Letter[] = [];
  const isWarm = (): boolean =>
    members.some(({ leads }) => leads !== null) &&
    members.every(({ replica, queue }) => {
      const { view, status } = replica.inspect();
      return view === 1 && status === "normal" && queue.length === 0;
    });
  for (let round = 0; round < 400 && !isWarm(); round++) {
    for (const member of members) {
      letters.push(...member.pass());
      while (member.queue.length > 0) letters.push(...member.happen({ kind: "disk" }));
    }
    const arriving = letters;
    letters = [];
    for (const letter of arriving) letters.push(...(members[letter.to]?.happen({ kind: "deliver", letter }) ?? []));
  }
  if (!isWarm()) throw new Error("a small cluster begins with a primary");
  for (const member of members) member.warm();
  return members;
}
