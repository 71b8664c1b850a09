/**
 * What a command takes along by CASCADE, told when it is done: one object by a notice of its own, more by their number, with a line for each
 * (PostgreSQL's `reportDependentObjects`). Parts of what goes as well, a constraint of a dropped table for one, are not told of.
 */
import type { Oid } from "../../types/sql-type.js";

export interface TakenAlong {
  /** As in "view v". */
  readonly description: string;
  /** The object whose part it is; null for an object of its own. */
  readonly partOf: Oid | null;
}

/** Lines that are told; of more their number. */
const linesMax = 100;

export class Cascades {
  readonly #taken: TakenAlong[] = [];
  #isSilent = false;

  note(taken: TakenAlong): void {
    if (!this.#isSilent) this.#taken.push(taken);
  }

  /** Drops what has been told of already. */
  silently(drop: () => void): void {
    const before = this.#isSilent;
    this.#isSilent = true;
    drop();
    this.#isSilent = before;
  }

  /** @param isThere whether an object has stayed */
  tell(
    isThere: (oid: Oid) => boolean,
    notice: (severity: "NOTICE", sqlState: string, message: string, detail?: string) => void,
  ): void {
    const lines = this.#taken
      .filter(({ partOf }) => partOf === null || isThere(partOf))
      .map(({ description }) => `drop cascades to ${description}`);
    const [only] = lines;
    if (only === undefined) return;
    if (lines.length === 1) return notice("NOTICE", "00000", only);
    const told = lines.slice(0, linesMax);
    const left = lines.length - told.length;
    if (left > 0) told.push(`and ${left} other ${left === 1 ? "object" : "objects"} (see server log for list)`);
    notice("NOTICE", "00000", `drop cascades to ${lines.length} other objects`, told.join("\n"));
  }
}
