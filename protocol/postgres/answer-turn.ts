/**
 * When answers go to their sockets: those of one turn of the loop together, at its end, while several clients are answered in a turn; at once
 * while there is one.
 *
 * A write to a client that sleeps has the kernel wake it, which costs the writer more than all the rest of the write. Clients that are
 * answered one by one, with the work for the next one between, fall asleep in between and are woken each; answered in one go, most of
 * them are found awake, since one process often has many connections.
 */
export interface Outlet {
  /** Writes what was held back. */
  release(): void;
}

export class AnswerTurn {
  #outlets: Outlet[] = [];
  #count = 0;
  #wasShared = false;
  #isDue = false;

  /** An outlet has something to write: now, or at the end of this turn. */
  ready(outlet: Outlet): void {
    this.#count += 1;
    if (!this.#isDue) {
      this.#isDue = true;
      setImmediate(this.#end);
    }
    if (this.#wasShared) this.#outlets.push(outlet);
    else outlet.release();
  }

  /** Behind everything that had arrived in this turn. */
  readonly #end = (): void => {
    this.#isDue = false;
    this.#wasShared = this.#count > 1;
    this.#count = 0;
    const outlets = this.#outlets;
    this.#outlets = [];
    for (const outlet of outlets) outlet.release();
  };
}
