/**
 * What need not be told apart, and what need not wait, once nothing is left to happen but arrivals and writes (the last and by far the largest part of
 * a scope). A hypothesis, drawn from what one replica was seen to come to, and no more than that until the same follows from all that it came to in
 * the end; `docs/simulator.md`, "Small scopes", says why it hides nothing then.
 *
 * 1. A letter is *dead* for a state when its arrival changes nothing and is not answered, there and in every state that may follow.
 * 2. A happening is *free* in a state when it may as well come first. With `r` for where it leads: whatever else may happen to the state may happen
 *    to `r`, sends there (with what was sent on the way) no less, and leads from `r` either to where it leads from the state, or to where the happening
 *    leads from there, free there too. And whoever looks for broken promises finds in `r` no less of them.
 */
import { type BitSets, emptySet } from "./bit-sets.js";

export class Hypotheses {
  /** By state: the set of letters that are dead. */
  readonly #dead: Map<number, number>;
  /** By state: the happenings that are free. */
  readonly #free: Map<number, Set<number>>;

  constructor(dead: Map<number, number>, free: Map<number, Set<number>>) {
    this.#dead = dead;
    this.#free = free;
  }

  dead(state: number): number {
    return this.#dead.get(state) ?? emptySet;
  }

  isFree(state: number, happening: number): boolean {
    return this.#free.get(state)?.has(happening) === true;
  }

  /**
   * Of what is held true here, that which does not follow there.
   *
   * @param present by state: the letters that there may be; of others nothing needs to follow
   */
  without(other: Hypotheses, sets: BitSets, present: (state: number) => number): Hypotheses | null {
    const dead = [...this.#dead]
      .map(([state, letters]): [number, number] => {
        return [state, sets.minus(sets.common(letters, present(state)), other.dead(state))];
      })
      .filter(([, letters]) => letters !== emptySet);
    const free = [...this.#free]
      .map(([state, taken]): [number, Set<number>] => {
        const mayBe = (happening: number): boolean => happening < 0 || sets.has(present(state), happening);
        return [state, new Set([...taken].filter((each) => mayBe(each) && !other.isFree(state, each)))];
      })
      .filter(([, taken]) => taken.size > 0);
    return dead.length + free.length === 0 ? null : new Hypotheses(new Map(dead), new Map(free));
  }

  add(more: Hypotheses, sets: BitSets): void {
    for (const [state, letters] of more.#dead) this.#dead.set(state, sets.union(this.dead(state), letters));
    for (const [state, taken] of more.#free) {
      this.#free.set(state, new Set([...(this.#free.get(state) ?? []), ...taken]));
    }
  }
}
