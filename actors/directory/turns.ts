/** Changes of one name, one after the other; those of different names at the same time. */
import type { ActorContext } from "../../runtime/actor/definition.js";

export class Turns {
  readonly #context: ActorContext;
  readonly #last = new Map<string, Promise<unknown>>();

  constructor(context: ActorContext) {
    this.#context = context;
  }

  /** Names with a change under way. */
  get size(): number {
    return this.#last.size;
  }

  /** A failed one does not stop the next. */
  take<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    const before = this.#last.get(name) ?? Promise.resolve();
    // What waited goes on in a microtask, outside any turn: it begins as one.
    const begin = (): Promise<Result> =>
      new Promise((resolve, reject) => {
        this.#context.enter(() => {
          work().then(resolve, reject);
        });
      });
    const mine = before.then(begin, begin);
    const settled = mine.then(
      () => undefined,
      () => undefined,
    );
    this.#last.set(name, settled);
    void settled.then(() => {
      if (this.#last.get(name) === settled) this.#last.delete(name);
    });
    return mine;
  }
}
