/** What a session has prepared and opened: named statements, and portals, which SQL calls cursors: one name space for both. */
import type { SqlColumn, WireValue } from "../../actors/messages/sql.js";
import { SqlError } from "../../runtime/query/error.js";
import { type Oid, typeOid } from "../../runtime/query/types/sql-type.js";
import type { SqlDestination } from "./executor.js";
import type { SourcePlace } from "./reports.js";
import type { DeclaredCursor } from "./session/declared-cursor.js";
import type { CachedStatement } from "./statement.js";

export interface Description {
  readonly parameterTypes: readonly Oid[];
  readonly columns: readonly SqlColumn[] | null;
}

export interface Prepared {
  readonly name: string;
  /** The whole text as the client sent it: error positions count in it. */
  readonly source: string;
  /** Null for an empty text. */
  readonly statement: CachedStatement | null;
  /** As the client gave them; once it was told all of them, those. */
  parameterTypes: readonly Oid[];
  /** PREPARE has made it, and not the protocol's Parse. */
  readonly isOfSql: boolean;
  /** µs since 1970. */
  readonly createdAt: number;
  /** What was found of it last, and in which round of messages. */
  description: Description | null;
  describedIn: number;
  /** Its result as it was first found: it stays so, or the statement fails. Null for none, or while nobody has looked. */
  columns: readonly SqlColumn[] | null;
}

/** Whether somebody has told, or found out, the types of all its parameters. */
export const hasAllTypes = ({ parameterTypes, statement }: Prepared): boolean =>
  parameterTypes.length >= (statement?.parameterCount ?? 0) &&
  parameterTypes.every((type) => type !== 0 && type !== typeOid.unknown);

export interface Portal {
  readonly name: string;
  /** What it runs; null for a statement that nobody has prepared. */
  readonly prepared: Prepared | null;
  readonly source: string;
  readonly statement: CachedStatement | null;
  readonly parameterTypes: readonly Oid[];
  readonly parameters: readonly WireValue[];
  readonly resultFormats: readonly (0 | 1)[];
  /** Describe was asked for and Execute follows: the answer of the run says both. */
  owesDescription: boolean;
  state: "new" | "open" | "done";
  /** Where its cursor is, while it is open. */
  cursor: number;
  destination: SqlDestination;
  columns: readonly SqlColumn[] | null;
  /** As SQL declared it; null for a portal of the protocol. */
  declared: DeclaredCursor | null;
  /** Savepoints that there were when it was made: it goes with the first that is gone back to beyond these. */
  depth: number;
  /** µs since 1970. */
  readonly createdAt: number;
  /** `SELECT` and the like: how a fetch of it is tagged. */
  readonly command: string;
  /** The same with its parameters as the constants that the client wrote; null where it runs as it was written. */
  asWritten: (() => WrittenRun) | null;
}

export interface WrittenRun {
  readonly portal: Portal;
  readonly place: SourcePlace;
}

/** Of each kind in one session. */
const namesMax = 10_000;

const none: readonly Portal[] = [];

const quoted = (name: string, what: string): string => (name === "" ? `unnamed ${what}` : `${what} "${name}"`);

export class PreparedStatements {
  readonly #byName = new Map<string, Prepared>();

  /** An unnamed one replaces the last; a name is taken once. Throws `42P05`. */
  add(prepared: Prepared): void {
    if (prepared.name !== "" && this.#byName.has(prepared.name)) {
      throw new SqlError("42P05", `prepared statement "${prepared.name}" already exists`);
    }
    if (this.#byName.size >= namesMax) throw new SqlError("54000", "too many prepared statements");
    this.#byName.set(prepared.name, prepared);
  }

  /** Throws `26000`. */
  get(name: string): Prepared {
    const found = this.#byName.get(name);
    if (found === undefined) throw new SqlError("26000", `${quoted(name, "prepared statement")} does not exist`);
    return found;
  }

  get all(): readonly Prepared[] {
    return [...this.#byName.values()];
  }

  delete(name: string): boolean {
    return this.#byName.delete(name);
  }

  clear(): void {
    this.#byName.clear();
  }
}

export class Portals {
  readonly #byName = new Map<string, Portal>();

  /** Throws `42P03`. */
  expectFree(name: string): void {
    if (name !== "" && this.#byName.has(name)) throw new SqlError("42P03", `cursor "${name}" already exists`);
    if (this.#byName.size >= namesMax) throw new SqlError("54000", "too many cursors");
  }

  add(portal: Portal): void {
    this.expectFree(portal.name);
    this.#byName.set(portal.name, portal);
  }

  find(name: string): Portal | undefined {
    return this.#byName.get(name);
  }

  /** Throws `34000`, in the words of the protocol or of SQL. */
  get(name: string, what: "portal" | "cursor" = "portal"): Portal {
    const found = this.#byName.get(name);
    if (found === undefined) throw new SqlError("34000", `${what} "${name}" does not exist`);
    return found;
  }

  delete(name: string): void {
    this.#byName.delete(name);
  }

  get all(): readonly Portal[] {
    return [...this.#byName.values()];
  }

  /** Those of which something is true, which are then gone. */
  take(isMeant: (portal: Portal) => boolean): readonly Portal[] {
    if (this.#byName.size === 0) return none;
    const taken = this.all.filter(isMeant);
    for (const { name } of taken) this.#byName.delete(name);
    return taken;
  }
}

export function portalOf(
  name: string,
  prepared: Pick<Prepared, "source" | "statement" | "parameterTypes">,
  parameters: readonly WireValue[],
  resultFormats: readonly (0 | 1)[],
  known: Prepared | null = null,
  createdAt = 0,
): Portal {
  return {
    name,
    prepared: known,
    source: prepared.source,
    statement: prepared.statement,
    parameterTypes: prepared.parameterTypes,
    parameters,
    resultFormats,
    owesDescription: false,
    state: "new",
    cursor: 0,
    destination: "projection",
    columns: null,
    declared: null,
    depth: 0,
    createdAt,
    command: prepared.statement?.command ?? "",
    asWritten: null,
  };
}
