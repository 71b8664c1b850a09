/**
 * Every state that one member was seen in, and what each happening makes of it. A member knows nothing but what happens to it, so the shipping code
 * is run once for each pair of a state and a happening, however many states of the whole world they are part of.
 */
import type { Letters } from "./letters.js";
import { type Happening, SmallMember } from "./small-member.js";
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
  /** By happening: what comes of it. */
  readonly steps: Map<string | number, Step>;
}

export interface Step {
  readonly next: number;
  readonly letters: readonly number[];
}

export const damagedEntry = -1;

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
  readonly #member: SmallMember;
  readonly #letters: Letters;
  readonly #identities: Identities;
  readonly #opsMax: number;
  readonly #numbers = new Map<string, number>();
  readonly #states: MemberState[] = [];
  /** Happenings that were carried out. */
  runs = 0;

  /** @param member as it stands at the beginning: state 0 */
  constructor(member: SmallMember, letters: Letters, identities: Identities, opsMax: number) {
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

  deliver(state: number, letter: number): Step {
    const known = this.state(state).steps.get(letter);
    return known ?? this.#run(state, letter, { kind: "deliver", letter: this.#letters.letter(letter) });
  }

  step(state: number, key: string, happening: Happening): Step {
    return this.state(state).steps.get(key) ?? this.#run(state, key, happening);
  }

  #run(from: number, key: string | number, happening: Happening): Step {
    const state = this.state(from);
    state.snapshot.restore();
    this.runs += 1;
    const sent = this.#carryOut(key, happening);
    const step = { next: this.#note(), letters: sent };
    state.steps.set(key, step);
    return step;
  }

  #carryOut(key: string | number, happening: Happening): number[] {
    try {
      return this.#member.happen(happening).map((letter) => this.#letters.number(letter));
    } catch (error) {
      const what = happening.kind === "deliver" ? happening.letter.key : key;
      throw new Error(`${String(error)} on ${what}`, { cause: error });
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
