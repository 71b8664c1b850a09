/**
 * Three members and a network, in which one thing happens at a time and every order is possible: a letter arrives (again, or never), a disk
 * finishes a write, a client proposes, a view timer fires, a replica crashes, with or without damage to its newest entry.
 *
 * The network forgets nothing, so a world that has sent more can do all that one can that has sent less: what changes nothing is left out.
 */
import { Letters } from "./letters.js";
import { damagedEntry, Identities, type MemberState, MemberTable, type Step } from "./member-table.js";
import { type Happening, type Letter, replicas, SmallMember } from "./small-member.js";

export interface Scope {
  readonly name: string;
  readonly ops: number;
  readonly timers: number;
  readonly crashes: number;
  /** Of the crashes, how many find the newest entry of the disk damaged. */
  readonly damages: number;
  /** Whether disks write at once; otherwise anything may happen while they write. */
  readonly isPrompt: boolean;
}

/** What has happened of that of which a scope allows only so much. */
export interface Spent {
  readonly ops: number;
  readonly timers: number;
  readonly crashes: number;
  readonly damages: number;
}

export interface WorldState {
  /** By replica: number of its state. */
  readonly members: readonly number[];
  /** Number of the set of all letters that were sent. */
  readonly network: number;
  readonly spent: Spent;
}

/** What may happen next to a replica, a letter by its number or something else in a word, and what it leads to. */
export type Visit = (replica: number, what: number | string, next: WorldState) => void;

const replication = 2;
const nothingSpent: Spent = { ops: 0, timers: 0, crashes: 0, damages: 0 };

export class SmallWorld {
  readonly scope: Scope;
  readonly letters = new Letters();
  readonly tables: readonly MemberTable[];
  readonly start: WorldState;

  constructor(scope: Scope) {
    this.scope = scope;
    const members = warmMembers(scope.isPrompt);
    const identities = new Identities();
    this.tables = members.map((member) => new MemberTable(member, this.letters, identities, scope.ops));
    this.start = { members: members.map(() => 0), network: 0, spent: nothingSpent };
  }

  #state({ members }: WorldState, replica: number): MemberState {
    return this.#table(replica).state(members[replica] ?? 0);
  }

  #table(replica: number): MemberTable {
    const table = this.tables[replica];
    if (table === undefined) throw new Error(`there is no replica ${replica}`);
    return table;
  }

  /**
   * That world with everything sent that its members answer without a change of their own: it can do all that the world itself can, so that the
   * latter need not be looked at.
   */
  answered(world: WorldState): WorldState {
    let { network } = world;
    for (let from = -1; from !== network; ) {
      from = network;
      for (let replica = 0; replica < replicas; replica++) {
        const number = world.members[replica] ?? 0;
        for (const letter of this.letters.inbox(network, replica)) {
          const { next, letters } = this.#table(replica).deliver(number, letter);
          if (next === number) network = this.letters.with(network, letters);
        }
      }
    }
    return network === world.network ? world : { ...world, network };
  }

  /** Calls `visit` with everything that can happen next and changes something. */
  forEachNext(world: WorldState, visit: Visit): void {
    for (let replica = 0; replica < replicas; replica++) {
      const table = this.#table(replica);
      const number = world.members[replica] ?? 0;
      for (const letter of this.letters.inbox(world.network, replica)) {
        this.#visit(world, replica, letter, table.deliver(number, letter), world.spent, visit);
      }
      this.#forEachOther(world, replica, visit);
    }
  }

  #forEachOther(world: WorldState, replica: number, visit: Visit): void {
    const { scope } = this;
    const { spent } = world;
    const table = this.#table(replica);
    const number = world.members[replica] ?? 0;
    const { hasWrites, mayPropose, hasEntries } = table.state(number);
    const happens = (key: string, happening: Happening, after: Spent): void =>
      this.#visit(world, replica, key, table.step(number, key, happening), after, visit);
    if (hasWrites) happens("disk", { kind: "disk" }, spent);
    if (mayPropose && spent.ops < scope.ops) {
      const ops = spent.ops + 1;
      happens(`propose ${ops}`, { kind: "propose", number: ops }, { ...spent, ops });
    }
    if (spent.timers < scope.timers) happens("timer", { kind: "timer" }, { ...spent, timers: spent.timers + 1 });
    if (spent.crashes >= scope.crashes) return;
    const crashes = spent.crashes + 1;
    happens("crash", { kind: "crash", damages: false }, { ...spent, crashes });
    if (hasEntries && spent.damages < scope.damages) {
      happens("damage", { kind: "crash", damages: true }, { ...spent, crashes, damages: spent.damages + 1 });
    }
  }

  #visit(world: WorldState, replica: number, what: number | string, step: Step, spent: Spent, visit: Visit): void {
    const network = this.letters.with(world.network, step.letters);
    if (step.next === world.members[replica] && network === world.network) return;
    const members = world.members.map((number, other) => (other === replica ? step.next : number));
    visit(replica, what, this.answered({ members, network, spent }));
  }

  /** Everything committed is committed once, and lies on a replication quorum of disks, damaged copies included. Throws otherwise. */
  check(world: WorldState): void {
    const states = [0, 1, 2].map((replica) => this.#state(world, replica));
    for (let index = 0; index < this.scope.ops; index++) {
      const seen = new Set(states.map(({ committed }) => committed[index] ?? 0).filter((number) => number > 0));
      if (seen.size > 1) throw new Error(`op ${index + 1} is committed twice, as different prepares`);
      for (const number of seen) {
        const copies = states.filter(({ held }) => held[index] === number || held[index] === damagedEntry).length;
        if (copies < replication) throw new Error(`op ${index + 1} is committed and lies on ${copies} disks`);
      }
    }
  }
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
