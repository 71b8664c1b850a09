/**
 * Sequences that a transaction has begun anew (ALTER SEQUENCE … RESTART, TRUNCATE … RESTART IDENTITY). Numbers go on when a transaction is rolled
 * back; but a beginning that came to nothing is none, nor what was drawn from it: else a serial column would give numbers that its rows have.
 */
import { assert } from "../../../runtime/types/assert.js";
import type { SequenceState } from "../../sql/sequence-state.js";
import type { Sequences } from "./sequences.js";

interface Restart {
  readonly sequence: number;
  /** How far it was; null: nothing was ever drawn. */
  readonly before: SequenceState | null;
}

export class SequenceRestarts {
  readonly #restarts: Restart[] = [];

  /** How many there are, for `forget` and `undo`. */
  get mark(): number {
    return this.#restarts.length;
  }

  note(sequence: number, before: SequenceState | null): void {
    assert(sequence > 0, "a sequence has an oid");
    this.#restarts.push({ sequence, before: before === null ? null : { ...before } });
  }

  /** A statement is run again: what it took was given back already. */
  forget(mark: number): void {
    assert(mark <= this.#restarts.length, "what a statement has begun anew lies behind what was begun before it");
    this.#restarts.length = mark;
  }

  /** What was begun anew since is as it was before, the last first. */
  undo(mark: number, tenant: number, sequences: Sequences): void {
    assert(mark <= this.#restarts.length, "a savepoint is behind what was begun anew before it");
    for (let restart = this.#pop(mark); restart !== null; restart = this.#pop(mark)) {
      sequences.restore(tenant, restart.sequence, restart.before);
    }
  }

  #pop(mark: number): Restart | null {
    return this.#restarts.length > mark ? (this.#restarts.pop() ?? null) : null;
  }
}
