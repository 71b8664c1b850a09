/**
 * Looks at all states of a small scope, again and again if need be: what it holds for needless (`reduction.ts`) is drawn from what it has seen so
 * far, and once it has seen more, the same must follow from all of it. Otherwise it begins again, and knows more.
 */
import type { Explored } from "./explored.js";
import { Lesson } from "./lesson.js";
import { Hypotheses } from "./reduction.js";
import { replicas } from "./small-member.js";
import { type Scope, SmallWorld } from "./small-world.js";
import { Visited } from "./visited.js";

/** What fits into some 6 GiB: 28 bytes each, and 4 to 8 for finding them. */
const rowsMax = 150_000_000;
/** States of the world that were seen when something is learnt from them for the first time; then again whenever there are so many times more. */
const lessonStates = 2_000;
const lessonRatio = 2;
const statesBetweenLooksAtTheClock = 4096;

export class Exploration {
  readonly world: SmallWorld;
  readonly #secondsMax: number;
  readonly #began = process.cpuUsage();
  visited: Visited;
  hypotheses: readonly Hypotheses[] = [];
  /** By replica: what was held true and is not any more. */
  readonly #doubted = Array.from({ length: replicas }, () => new Hypotheses(new Map(), new Map()));
  #states = 0;
  #transitions = 0;
  /** The row that is looked at. */
  #row = -1;
  /** How often something turned out to be wrong that was held true. */
  restarts = 0;

  constructor(scope: Scope, secondsMax: number, world: SmallWorld = new SmallWorld(scope)) {
    this.world = world;
    this.#secondsMax = secondsMax;
    this.visited = this.#fresh();
  }

  get #seconds(): number {
    const { user, system } = process.cpuUsage(this.#began);
    return (user + system) / 1e6;
  }

  #fresh(): Visited {
    const visited = new Visited(this.world.seats, this.world.letters);
    visited.add(this.world.start(), 0, -1, 0);
    this.#states = 0;
    this.#transitions = 0;
    return visited;
  }

  explored({ isFull }: { readonly isFull: boolean }): Explored {
    const { tables } = this.world;
    let violation: string | null = null;
    let isComplete = false;
    try {
      isComplete = this.#isComplete(isFull);
    } catch (error) {
      violation = `${String(error)} after ${this.#pathText(this.#row)}`;
    }
    return {
      states: this.#states,
      transitions: this.#transitions,
      memberStates: tables.reduce((sum, { count }) => sum + count, 0),
      steps: tables.reduce((sum, { runs }) => sum + runs, 0),
      isComplete,
      violation,
      seconds: Math.round(this.#seconds),
    };
  }

  /** When something turns out to be wrong, it goes on all the same, since there is more to learn, and looks at everything anew afterwards. */
  #isComplete(isFull: boolean): boolean {
    for (;;) {
      const end = this.#turn(isFull);
      if (end === "cut") return false;
      if (end === "sound") return true;
      this.restarts += 1;
      this.visited = this.#fresh();
    }
  }

  #turn(isFull: boolean): "sound" | "unsound" | "cut" {
    let holds = true;
    for (let lessonAt = isFull ? Number.POSITIVE_INFINITY : lessonStates; ; lessonAt *= lessonRatio) {
      const end = this.#visitUntil(lessonAt);
      if (end === "cut") return "cut";
      if (!isFull && !this.#learn()) holds = false;
      if (end === "done") return holds ? "sound" : "unsound";
    }
  }

  #visitUntil(statesMax: number): "done" | "paused" | "cut" {
    const { world, visited } = this;
    const here = new Int32Array(replicas);
    const visit = (next: Int32Array, spent: number, move: number): void => {
      this.#transitions += 1;
      visited.add(next, spent, this.#row, move);
    };
    while (this.#states < statesMax) {
      const row = visited.take();
      if (row < 0) return "done";
      this.#row = row;
      if (this.#states % statesBetweenLooksAtTheClock === 0 && this.#seconds > this.#secondsMax) return "cut";
      if (visited.count >= rowsMax) return "cut";
      this.#states += 1;
      for (let replica = 0; replica < replicas; replica++) here[replica] = visited.seat(row, replica);
      world.check(here);
      world.forEachNext(here, visited.spent(row), visit);
    }
    return "paused";
  }

  /** Whether what was held true so far follows from all that was seen; from now on that is held true which does. */
  #learn(): boolean {
    const { seats, letters } = this.world;
    let holds = true;
    const learnt = seats.map((each, replica) => {
      const [held, doubted, sets] = [this.hypotheses[replica] ?? null, this.#doubted[replica], letters.sets(replica)];
      if (doubted === undefined) throw new Error(`there is no replica ${replica}`);
      const lesson = new Lesson(each, letters, held, doubted);
      const now = lesson.hypotheses();
      const wrong = held?.without(now, sets, (state) => lesson.present(state)) ?? null;
      if (wrong !== null) {
        holds = false;
        doubted.add(wrong, sets);
      }
      return now;
    });
    this.suppose(learnt);
    return holds;
  }

  /** By replica: what is held true from now on, until more was seen. */
  suppose(hypotheses: readonly Hypotheses[]): void {
    this.hypotheses = hypotheses;
    for (const [replica, each] of hypotheses.entries()) this.world.seats[replica]?.adopt(each);
  }

  /** How a person reads what led to a state. */
  #pathText(last: number): string {
    const { world, visited } = this;
    const words: string[] = [];
    for (let row = last; row >= 0 && visited.parent(row) >= 0; row = visited.parent(row)) {
      const parent = visited.parent(row);
      const before = Int32Array.from({ length: replicas }, (_, replica) => visited.seat(parent, replica));
      words.unshift(...world.tell(before, visited.move(row), visited.spent(row)));
    }
    return words.join(", ");
  }
}
