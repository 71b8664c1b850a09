/**
 * In which ways locks are held, and which of them exclude one another.
 *
 * Of rows, places in unique indexes, objects of the catalog and advisory numbers, in strengths as PostgreSQL has them:
 *
 *               keyShare  share  noKeyUpdate  update
 *   keyShare       ·        ·         ·          ×
 *   share          ·        ·         ×          ×
 *   noKeyUpdate    ·        ×         ×          ×
 *   update         ×        ×         ×          ×
 *
 * `noKeyWrite` and `write` exclude what `noKeyUpdate` and `update` do, and say that the row is not only locked, but written: who finds it by
 * its key waits for those alone.
 *
 * Of tables in PostgreSQL's modes (its manual, "Explicit Locking"). One of these covers no other: a transaction has each that it took.
 */
import {
  type AdvisoryLockMode,
  advisoryLockModes,
  type TableLockMode,
  tableLockModes,
} from "../../../runtime/query/catalog/lock-facts.js";
import type { LockStrength } from "../../../runtime/query/write/ports.js";

export type LockMode = LockStrength | "noKeyWrite" | "write" | TableLockMode;

const rowModes: readonly LockMode[] = ["keyShare", "share", "noKeyUpdate", "update", "noKeyWrite", "write"];

/** Modes that one lock may be held in, each by its place: a bit of the sets below. */
export const modesMax = 8;

const keyExcluding = ["update", "write"] as const;
const changeExcluding = ["noKeyUpdate", "noKeyWrite", ...keyExcluding] as const;
const excludedBy: Readonly<Record<LockMode, readonly LockMode[]>> = {
  keyShare: keyExcluding,
  share: changeExcluding,
  noKeyUpdate: ["share", ...changeExcluding],
  noKeyWrite: ["share", ...changeExcluding],
  update: rowModes,
  write: rowModes,
  "ACCESS SHARE": tableLockModes.slice(7),
  "ROW SHARE": tableLockModes.slice(6),
  "ROW EXCLUSIVE": tableLockModes.slice(4),
  "SHARE UPDATE EXCLUSIVE": tableLockModes.slice(3),
  SHARE: ["ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE", ...tableLockModes.slice(5)],
  "SHARE ROW EXCLUSIVE": tableLockModes.slice(2),
  EXCLUSIVE: tableLockModes.slice(1),
  "ACCESS EXCLUSIVE": tableLockModes,
};

/** Whoever has the first has the others as well. */
const covers: Readonly<Partial<Record<LockMode, readonly LockMode[]>>> = {
  share: ["keyShare"],
  noKeyUpdate: ["keyShare", "share"],
  noKeyWrite: ["keyShare", "share", "noKeyUpdate"],
  update: ["keyShare", "share", "noKeyUpdate"],
  write: rowModes,
};

const placeOf = (mode: LockMode): number =>
  Math.max(
    rowModes.indexOf(mode),
    tableLockModes.findIndex((each) => each === mode),
  );
const setOf = (modes: readonly LockMode[]): number => modes.reduce((set, mode) => set | (1 << placeOf(mode)), 0);

export interface ModeFacts {
  readonly place: number;
  /** The mode alone, as a set; so are the others. */
  readonly bit: number;
  readonly excluded: number;
  /** What it stands for: itself and weaker ones. */
  readonly covered: number;
  /** In which of these it is held as well. */
  readonly coveredBy: number;
}

const factsOf = (mode: LockMode): ModeFacts => ({
  place: placeOf(mode),
  bit: setOf([mode]),
  excluded: setOf(excludedBy[mode]),
  covered: setOf([mode, ...(covers[mode] ?? [])]),
  coveredBy: setOf([mode, ...rowModes.filter((other) => covers[other]?.includes(mode) === true)]),
});

const allFacts = new Map<LockMode, ModeFacts>([...rowModes, ...tableLockModes].map((mode) => [mode, factsOf(mode)]));

export function modeFacts(mode: LockMode): ModeFacts {
  const facts = allFacts.get(mode);
  if (facts === undefined) throw new RangeError(`a lock has no mode ${mode}`);
  return facts;
}

/** Whether two owners cannot have one lock in these modes. */
export const excludes = (one: LockMode, other: LockMode): boolean =>
  (modeFacts(one).excluded & modeFacts(other).bit) !== 0;

/** Those who have written what they have locked, or are about to. */
export const writers: number = setOf(["noKeyWrite", "write"]);

/** Modes of a table's lock in a set, the weakest first. */
export const tableModesIn = (set: number): readonly TableLockMode[] =>
  tableLockModes.filter((mode) => (set & modeFacts(mode).bit) !== 0);

/** Those of an advisory lock. */
export const advisoryModesIn = (set: number): readonly AdvisoryLockMode[] =>
  advisoryLockModes.filter((mode) => (set & modeFacts(mode).bit) !== 0);
