/**
 * Every state that one member was seen in, and what each happening makes of it. A member knows nothing but what happens to it, so the shipping code
 * is run once for each pair of a state and a happening, however many states of the whole world they are part of.
 */
import { emptySet } from "./bit-sets.js";
import type { Letters } from "./letters.js";
import { type Happening, replicas, SmallMember } from "./small-member.js";
import { Snapshot } from "./snapshot.js";

export interface MemberState {
  readonly snapshot: Snapshot;
  readonly hasWrites: boolean;
  readonly mayPropose: boolean;
  readonly hasEntries: boolean;
  /** By operation, from 1 on: number of the prepare that it saw committed, 0 for none. */
  readonly committed: readonly number[];
  /** By operation: number of the prepare on its disk, 0 for none, `damagedEntry` where one was. */
  readonly held: readonly number[];
  /** By happening: what comes of it; null where it ends in an error. */
  readonly steps: Map<number, Step | null>;
}

export interface Step {
  readonly next: number;
  /** By receiver: the set of letters that are sent. */
  readonly sent: readonly number[];
  readonly isSilent: boolean;
}

export const damagedEntry = -1;

/** Happenings by number: the arrival of a letter is the number of the letter, and operation `n` is proposed by `propose - n`. */
export const happenings = { disk: -1, timer: -2, crash: -3, damage: -4, propose: -4 } as const;

export function wordOf(happening: number): string {
  if (happening < happenings.propose) return `propose ${happenings.propose - happening}`;
  return ["disk", "timer", "crash", "damage"][-1 - happening] ?? "letter";
}

/** Numbers of prepares: equal in all members. */
export class Identities {
  readonly #numbers = new Map<string, number>();

  number(identity: string): number {
    const known = this.#numbers.get(identity) ?? this.#numbers.size + 1;
    this.#numbers.set(identity, known);
    return known;
  }
}

export class MemberTable {
  readonly replica: number;
  readonly #member: SmallMember;
  readonly #letters: Letters;
  readonly #identities: Identities;
  readonly #opsMax: number;
  readonly #numbers = new Map<string, number>();
  readonly #states: MemberState[] = [];
  /** Happenings that were carried out. */
  runs = 0;

  /** @param member as it stands at the beginning: state 0 */
  constructor(replica: number, member: SmallMember, letters: Letters, identities: Identities, opsMax: number) {
    this.replica = replica;
    this.#member = member;
    this.#letters = letters;
    this.#identities = identities;
    this.#opsMax = opsMax;
    this.#note();
  }

  get count(): number {
    return this.#states.length;
  }

  state(number: number): MemberState {
    const state = this.#states[number];
    if (state === undefined) throw new Error(`there is no state ${number}`);
    return state;
  }

  /** Throws what the core throws. */
  step(from: number, happening: number): Step {
    return this.state(from).steps.get(happening) ?? this.#run(from, happening);
  }

  /** Null where the core would end: of states and happenings that perhaps never meet. */
  stepIfAny(from: number, happening: number): Step | null {
    const { steps } = this.state(from);
    const known = steps.get(happening);
    if (known !== undefined) return known;
    try {
      return this.#run(from, happening);
    } catch {
      steps.set(happening, null);
      return null;
    }
  }

  #run(from: number, happening: number): Step {
    const state = this.state(from);
    state.snapshot.restore();
    this.runs += 1;
    const sent = this.#letters.setsOf(this.#carryOut(happening));
    const step = { next: this.#note(), sent, isSilent: sent.every((set) => set === emptySet) };
    state.steps.set(happening, step);
    return step;
  }

  #carryOut(happening: number): ReturnType<SmallMember["happen"]> {
    const what = this.#happening(happening);
    try {
      return this.#member.happen(what);
    } catch (error) {
      throw new Error(`${String(error)} on ${what.kind === "deliver" ? what.letter.key : wordOf(happening)}`, {
        cause: error,
      });
    }
  }

  #happening(number: number): Happening {
    if (number >= 0) return { kind: "deliver", letter: this.#letters.letter(this.replica, number) };
    if (number < happenings.propose) return { kind: "propose", number: happenings.propose - number };
    switch (number) {
      case happenings.disk:
        return { kind: "disk" };
      case happenings.timer:
        return { kind: "timer" };
      default:
        return { kind: "crash", damages: number === happenings.damage };
    }
  }

  /** The number of the state that the member is in. */
  #note(): number {
    const key = this.#member.digest;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#states.length;
    this.#numbers.set(key, number);
    this.#states.push(this.#describe());
    return number;
  }

  #describe(): MemberState {
    const member = this.#member;
    const ops = Array.from({ length: this.#opsMax }, (_, index) => index + 1);
    const onDisk = new Map(
      [...member.disk.log.values()].map(({ header }) => [header.op, Buffer.from(header.identity).toString("hex")]),
    );
    const numberOf = (identity: string | undefined): number =>
      identity === undefined ? 0 : this.#identities.number(identity);
    return {
      snapshot: new Snapshot(member),
      hasWrites: member.queue.length > 0,
      mayPropose: member.leads !== null && member.queue.length === 0,
      hasEntries: member.disk.log.size > 0,
      committed: ops.map((op) => numberOf(member.commits.get(op))),
      held: ops.map((op) => (member.disk.lost.has(op) ? damagedEntry : numberOf(onDisk.get(op)))),
      steps: new Map(),
    };
  }
}

/** The other replicas. */
export const others: readonly (readonly number[])[] = Array.from({ length: replicas }, (_, replica) =>
  Array.from({ length: replicas }, (_, other) => other).filter((other) => other !== replica),
);
