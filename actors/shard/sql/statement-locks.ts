/** Locks as one statement takes them: for its transaction, or, standing alone, only past those of others. */

import type { LockedThing } from "../../../runtime/query/catalog/lock-facts.js";
import type { TableDefinition } from "../../../runtime/query/catalog/model.js";
import { SqlError } from "../../../runtime/query/error.js";
import { nameOfKey } from "../../../runtime/query/table/overlay.js";
import type { LockStrength, LockWaitPolicy, RowLocks } from "../../../runtime/query/write/ports.js";
import { type LockMode, modeFacts, writers } from "./lock-modes.js";
import type { LockedKeys, LockOwner, LockTable } from "./lock-table.js";
import { LockWait } from "./lock-wait.js";
import { lockingRows, tableLockName, writing } from "./table-locks.js";

/** First letter of a lock's name: what kind of thing it is. Trees are letters of their own. */
const letterOfTree = (tree: number): string => String.fromCharCode(0x100 + tree);
export const advisoryLockName = (tenant: number, key: string): string => `a${tenant} ${key}`;

/** Of a table as a whole. */
export const isOfTable = (name: string): boolean => name.startsWith("t");

/** What a lock is of that clients are told of; null for a row, or a name that a definition gives. */
export function thingOfLock(name: string): LockedThing | null {
  const rest = name.slice(name.indexOf(" ") + 1);
  if (isOfTable(name)) return { kind: "relation", oid: Number(rest) };
  if (!name.startsWith("a")) return null;
  const [first = "", second] = rest.split(",");
  return { kind: "advisory", key: second === undefined ? first : [Number(first), Number(second)] };
}

/** Of those who write what they lock, or refer to it, which is no writing. */
const writingIn: Readonly<Record<LockStrength, LockMode>> = {
  keyShare: "keyShare",
  share: "share",
  noKeyUpdate: "noKeyWrite",
  update: "write",
};

export class StatementLocks implements RowLocks {
  readonly #locks: LockTable;
  readonly #tenant: number;
  readonly #owner: LockOwner | null;
  readonly #session: LockOwner | null;
  /** The table that was referred to last, which is locked. */
  #referredTo = -1;

  /**
   * @param owner null: the statement is a transaction of its own, over before anybody else is decided
   * @param session null where the statement never waits
   */
  constructor(locks: LockTable, tenant: number, owner: LockOwner | null, session: LockOwner | null) {
    this.#locks = locks;
    this.#tenant = tenant;
    this.#owner = owner;
    this.#session = session;
  }

  lock(tree: number, key: Uint8Array, strength: LockStrength, policy: LockWaitPolicy, table: TableDefinition): boolean {
    if (strength === "keyShare" && table.oid !== this.#referredTo) {
      if (policy !== "block" && !this.isFree(tableLockName(this.#tenant, table.oid), lockingRows)) return false;
      this.lockTable(table, false);
      this.#referredTo = table.oid;
    }
    return this.#lock(tree, key, writingIn[strength], policy, table);
  }

  lockTable({ oid }: TableDefinition, isWritten: boolean): void {
    this.lockWhole(tableLockName(this.#tenant, oid), isWritten ? writing : lockingRows);
  }

  hold(tree: number, key: Uint8Array, strength: LockStrength, policy: LockWaitPolicy, table: TableDefinition): boolean {
    return this.#lock(tree, key, strength, policy, table);
  }

  #lock(tree: number, key: Uint8Array, mode: LockMode, policy: LockWaitPolicy, table: TableDefinition): boolean {
    if (this.#owner === null && this.#locks.isEmpty) return true;
    const name = letterOfTree(tree) + nameOfKey(key);
    const named = this.#locks.inTheWay(name, mode, this.#owner);
    const among = this.#locks.inTheWayAmongKeys(tree, key, this.#owner);
    const owners = among.length === 0 ? named : [...named, ...among];
    if (owners.length > 0) {
      if (policy === "skip") return false;
      if (policy === "error") throw new SqlError("55P03", `could not obtain lock on row in relation "${table.name}"`);
      throw new LockWait(owners, among.length === 0 ? { name, mode } : null);
    }
    if (this.#owner !== null) this.#locks.take(name, mode, this.#owner);
    return true;
  }

  /** Whether somebody else has any lock: if not, nothing has to be asked for key by key. */
  get hasOthers(): boolean {
    return this.#locks.hasOthers(this.#owner);
  }

  /** Also of a key that is about to be locked with many others, where whoever else has locked it has found it: then it is not new. */
  awaitWriters(tree: number, key: Uint8Array): void {
    if (!this.#locks.isEmpty) this.#pass(tree, key, writers);
  }

  /** Goes past a key that the transaction is about to lock with many others; throws what has to be waited for. */
  pass(tree: number, key: Uint8Array): void {
    this.#pass(tree, key, modeFacts("write").excluded);
  }

  #pass(tree: number, key: Uint8Array, modes: number): void {
    const named = this.#locks.heldIn(letterOfTree(tree) + nameOfKey(key), modes, this.#owner);
    const owners = [...named, ...this.#locks.inTheWayAmongKeys(tree, key, this.#owner)];
    if (owners.length > 0) throw new LockWait(owners, null);
  }

  /** Whether the statement is a transaction of its own. */
  get isAlone(): boolean {
    return this.#owner === null;
  }

  /** Locks keys that have come in numbers, and those that will come to them; a statement that stands alone has no need to. */
  lockKeys(keys: LockedKeys): void {
    if (this.#owner !== null) this.#locks.takeKeys(keys, this.#owner);
  }

  /** Whether nobody holds off a table as a whole, which a statement that stands alone only passes by. */
  isFree(name: string, mode: LockMode): boolean {
    return this.#locks.isEmpty || this.#locks.waitedFor(name, mode, this.#owner, this.#session).length === 0;
  }

  /** A table as a whole in one of its modes, or an object of the catalog: `keyShare` for what rests on it, `update` for what changes it. */
  lockWhole(name: string, mode: LockMode): void {
    if (this.#owner === null && this.#locks.isEmpty) return;
    const owners = this.#locks.waitedFor(name, mode, this.#owner, this.#session);
    if (owners.length > 0) throw new LockWait(owners, { name, mode });
    if (this.#owner !== null) this.#locks.take(name, mode, this.#owner);
  }
}
