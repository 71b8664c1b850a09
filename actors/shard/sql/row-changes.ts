/**
 * Where a statement that changes or removes rows of the state writes them: straight into the bytes of its transaction's record, as a load does
 * (row-load.ts). The transaction has written no rows before it, so the state says what is there.
 */
import type { TableDefinition } from "../../../runtime/query/catalog/model.js";
import { nameOfKey, type Overlay } from "../../../runtime/query/table/overlay.js";
import type { ChangeTarget } from "../../../runtime/query/write/many-changes.js";
import type { ChangeStrength } from "../../../runtime/query/write/row-strength.js";
import { tableSpace, tableTree } from "../../../runtime/store/table-trees.js";
import type { TreeReader } from "../../../runtime/store/tree.js";
import { assert } from "../../../runtime/types/assert.js";
import { LoadedRows } from "./loaded-rows.js";
import type { StatementLocks } from "./statement-locks.js";
import type { StatementParts } from "./statement-run.js";

export class RowChanges implements ChangeTarget {
  readonly state: TreeReader;
  readonly #table: TableDefinition;
  readonly #overlay: Overlay;
  readonly #locks: StatementLocks;
  readonly #rows: LoadedRows;
  readonly #isContended: boolean;
  /** Rows that were found to be as they should be, by the names of their keys. */
  readonly #same = new Set<string>();

  constructor(
    table: TableDefinition,
    {
      state,
      request,
      transaction,
      locks,
      limits,
    }: Pick<StatementParts, "state" | "request" | "transaction" | "locks" | "limits">,
  ) {
    const { overlay } = transaction;
    assert(!overlay.hasRows, "rows that are changed by the state are the state's");
    this.state = state;
    this.#table = table;
    this.#overlay = overlay;
    this.#locks = locks;
    this.#rows = new LoadedRows(request.tenant, limits, "changes");
    this.#isContended = locks.hasOthers;
  }

  isNew(treeKey: Uint8Array): boolean {
    if (this.#rows.has(tableTree.rows, treeKey)) return false;
    return this.#same.size === 0 || !this.#same.has(nameOfKey(treeKey));
  }

  lock(treeKey: Uint8Array, strength: ChangeStrength): void {
    // Only locks of others have to be looked at: its own are what the keys are in here for.
    if (!this.#isContended) return;
    if (this.#locks.isAlone) {
      this.#locks.lock(tableTree.rows, treeKey, strength, "block", this.#table);
      return;
    }
    assert(strength === "update", "keys that are locked by being in here are locked against everybody");
    this.#locks.pass(tableTree.rows, treeKey);
  }

  has(treeKey: Uint8Array): boolean {
    return this.#rows.has(tableTree.rows, treeKey);
  }

  keep(treeKey: Uint8Array): void {
    this.#same.add(nameOfKey(treeKey));
  }

  put(space: number, object: number, treeKey: Uint8Array, content: Uint8Array): void {
    this.#begin();
    this.#rows.add(space, object, treeKey, content);
  }

  remove(space: number, object: number, treeKey: Uint8Array): void {
    assert(space === tableSpace.rows || space === tableSpace.index, "rows are removed, and their entries");
    this.#begin();
    this.#rows.remove(space, object, treeKey);
  }

  #begin(): void {
    if (this.#rows.isEmpty) {
      this.#overlay.load(this.#rows);
      this.#locks.lockKeys(this.#rows);
    }
    assert(this.#overlay.loaded === this.#rows, "nobody looks at the rows of a statement before it has ended");
  }
}
