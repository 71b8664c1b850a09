/** Which happenings are free (`reduction.ts`): a set of them in which each is if all others are. What is not drops out, until nothing does. */
import { emptySet } from "./bit-sets.js";
import type { Lesson } from "./lesson.js";
import { happenings } from "./member-table.js";

export class Freedom {
  readonly #lesson: Lesson;
  readonly #free = new Map<number, Set<number>>();
  /** By state: letters that may arrive at a replica that stands there, be it that it does in a world that another stands for. */
  #arriving = new Map<number, number>();

  constructor(lesson: Lesson) {
    this.#lesson = lesson;
  }

  found(): Map<number, Set<number>> {
    const lesson = this.#lesson;
    for (const state of lesson.states) {
      const present = lesson.present(state);
      this.#arriving.set(state, present);
      const free = [...lesson.sets.members(present), happenings.disk].filter((happening) => {
        const step = lesson.step(state, happening);
        if (step === null || step.next === state || lesson.isDoubted(state, happening)) return false;
        return lesson.isNoBetter(state, step.next);
      });
      this.#free.set(state, new Set(free));
    }
    // What fails for letters that are there fails as well for those that may come because others are free; of these there are fewer afterwards.
    while (this.#hasDropped());
    do this.#arrivals();
    while (this.#hasDropped());
    return this.#free;
  }

  #hasDropped(): boolean {
    let hasDropped = false;
    for (const [state, free] of this.#free) {
      for (const happening of free) {
        if (this.#isFree(state, happening)) continue;
        free.delete(happening);
        hasDropped = true;
      }
    }
    return hasDropped;
  }

  /** Who stands where something is free may get, before it happens, whatever one gets that is ahead by it. */
  #arrivals(): void {
    const lesson = this.#lesson;
    const before = new Map<number, Set<number>>(lesson.states.map((state) => [state, new Set()]));
    for (const [state, free] of this.#free) {
      for (const happening of free) before.get(lesson.step(state, happening)?.next ?? state)?.add(state);
    }
    const open = [...lesson.states];
    this.#arriving = new Map(open.map((state) => [state, lesson.present(state)]));
    for (let state = open.pop(); state !== undefined; state = open.pop()) {
      const here = this.#arriving.get(state) ?? emptySet;
      for (const former of before.get(state) ?? []) {
        const had = this.#arriving.get(former) ?? emptySet;
        const has = lesson.sets.union(had, here);
        if (has === had) continue;
        this.#arriving.set(former, has);
        open.push(former);
      }
    }
  }

  #isFree(state: number, happening: number): boolean {
    const letters = this.#lesson.sets.members(this.#arriving.get(state) ?? emptySet);
    const others = [...letters, happenings.disk].filter((other) => other !== happening);
    // To run the core takes long: first what needs none of it.
    const isKnown = (other: number): boolean => this.#isKnown(state, happening, other);
    return (
      others.every((other) => !isKnown(other) || this.#mayFollow(state, happening, other)) &&
      others.every((other) => isKnown(other) || this.#mayFollow(state, happening, other))
    );
  }

  #isKnown(state: number, happening: number, other: number): boolean {
    const lesson = this.#lesson;
    if (!lesson.isKnown(state, other)) return false;
    const [step, first] = [lesson.step(state, happening), lesson.step(state, other)];
    return step === null || first === null || first.next === state || lesson.isKnown(step.next, other);
  }

  /** Whether what the other does to a state it does as well once that happening was first. */
  #mayFollow(state: number, happening: number, other: number): boolean {
    const lesson = this.#lesson;
    if (!lesson.mayHappen(state, other)) return true;
    const [step, first] = [lesson.step(state, happening), lesson.step(state, other)];
    if (step === null || first === null) return false;
    if (first.next === state && lesson.isSent(first.sent, step.sent)) return true;
    const after = lesson.step(step.next, other);
    if (after === null || !lesson.isSent(first.sent, step.sent, after.sent)) return false;
    if (after.next === first.next) return true;
    if (first.next === state) return after.next === step.next;
    if (this.#free.get(first.next)?.has(happening) !== true) return false;
    const late = lesson.step(first.next, happening);
    return late !== null && late.next === after.next && lesson.isSent(late.sent, step.sent, after.sent);
  }
}
