/**
 * Constraints that wait: what a transaction's statements have left to be looked at when it commits, or as soon as SET CONSTRAINTS says so,
 * and which constraints wait at all (PostgreSQL's SET CONSTRAINTS; its manual, the page of that name).
 *
 * A check names rows by their keys and is made of what they are by then: one that is gone has nothing to be checked any more.
 *
 * Everything can be taken back to a mark, as savepoints and failed statements need it: what was added behind it goes, and what was done
 * behind it is to be done again.
 */
import { assert } from "../../types/assert.js";
import type { Deferral } from "../catalog/model.js";
import type { Datum } from "../types/datum.js";
import type { Oid } from "../types/sql-type.js";

export type DeferredCheck = { readonly constraint: Oid; readonly table: Oid } & (
  | /** A row of `table` refers to another. */ { readonly kind: "reference"; readonly rowKey: Uint8Array }
  /** A key of `table` went away that rows of `child` may refer to. */
  | { readonly kind: "referenced"; readonly child: Oid; readonly values: readonly Datum[] }
  /** A key of `table` that more than one row may have. */
  | { readonly kind: "unique"; readonly values: readonly Datum[] }
);

/** A constraint as far as its time is concerned. */
export interface Timed {
  readonly oid: Oid;
  readonly deferral?: Deferral;
}

/** When constraints are looked at. */
export interface ConstraintTiming {
  /** Whether a constraint waits for the end of the transaction. */
  isDeferred(constraint: Timed): boolean;
  /** Keeps a check for then. */
  defer(check: DeferredCheck): void;
}

/** Of whatever is checked at once. */
export const immediate: ConstraintTiming = {
  isDeferred: () => false,
  defer: () => assert(false, "nothing waits that is looked at at once"),
};

interface Entry {
  readonly check: DeferredCheck;
  /** The step in which it was done; 0: it is to be done. */
  doneIn: number;
}

interface Modes {
  /** SET CONSTRAINTS ALL; null: each as it was defined. */
  readonly all: boolean | null;
  readonly single: ReadonlyMap<Oid, boolean>;
}

export interface DeferredMark {
  readonly length: number;
  readonly step: number;
  readonly modes: Modes;
}

const asDefined: Modes = { all: null, single: new Map() };
const entryBytes = 200;

export class DeferredChecks implements ConstraintTiming {
  #entries: Entry[] = [];
  #step = 0;
  #modes: Modes = asDefined;

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** What is left takes so much memory, roughly. */
  get bytes(): number {
    return this.#entries.length * entryBytes;
  }

  isDeferred({ oid, deferral }: Timed): boolean {
    if (deferral === undefined) return false;
    return this.#modes.single.get(oid) ?? this.#modes.all ?? deferral === "initiallyDeferred";
  }

  defer(check: DeferredCheck): void {
    this.#entries.push({ check, doneIn: 0 });
  }

  /** @param constraints all for null */
  setMode(constraints: readonly Oid[] | null, isDeferred: boolean): void {
    if (constraints === null) {
      this.#modes = { all: isDeferred, single: new Map() };
      return;
    }
    const single = new Map(this.#modes.single);
    for (const oid of constraints) single.set(oid, isDeferred);
    this.#modes = { ...this.#modes, single };
  }

  /** Takes what is left of these constraints, to be done now; of all for null. */
  take(constraints: readonly Oid[] | null): readonly DeferredCheck[] {
    this.#step += 1;
    const taken: DeferredCheck[] = [];
    for (const entry of this.#entries) {
      if (entry.doneIn > 0 || (constraints !== null && !constraints.includes(entry.check.constraint))) continue;
      entry.doneIn = this.#step;
      taken.push(entry.check);
    }
    return taken;
  }

  /** Whether something is left of a table's rows. */
  hasLeft(table: Oid): boolean {
    return this.#entries.some(({ check, doneIn }) => doneIn === 0 && check.table === table);
  }

  mark(): DeferredMark {
    return { length: this.#entries.length, step: this.#step, modes: this.#modes };
  }

  rollbackTo({ length, step, modes }: DeferredMark): void {
    assert(length <= this.#entries.length && step <= this.#step, "checks are taken back to a mark that was passed");
    this.#entries.length = length;
    for (const entry of this.#entries) if (entry.doneIn > step) entry.doneIn = 0;
    this.#modes = modes;
  }
}
