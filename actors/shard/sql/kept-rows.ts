/**
 * Rows that those of a load refer to: looked up in what was loaded, in the transaction's single entries and in the state, and kept from being
 * removed. Many rows refer to few, so what was found once is remembered as long as its statement runs, in which nothing is removed.
 */
import type { TableDefinition } from "../../../runtime/query/catalog/model.js";
import { nameOfKey, type Overlay } from "../../../runtime/query/table/overlay.js";
import { viewOf } from "../../../runtime/query/types/bytes.js";
import type { ReferencedRowsReader } from "../../../runtime/query/write/program/program.js";
import { tableTree } from "../../../runtime/store/table-trees.js";
import type { TreeReader } from "../../../runtime/store/tree.js";
import type { LoadedRows } from "./loaded-rows.js";
import { SingleKeys } from "./single-keys.js";
import type { StatementLocks } from "./statement-locks.js";

export class KeptRows extends SingleKeys implements ReferencedRowsReader {
  readonly #locks: StatementLocks;
  readonly #kept = new Set<string>();

  /** @param state without the transaction's writes */
  constructor(state: TreeReader, rows: LoadedRows, overlay: Overlay, locks: StatementLocks) {
    super((found, tree, key) => {
      const place = rows.find(tree, key);
      if (place >= 0) {
        found.show(rows.value(place));
        return true;
      }
      const value = overlay.entryValue(tree, key);
      if (value === undefined) {
        if (!state.get(tree, key)) return false;
        found.show(state);
        return true;
      }
      if (value === null) return false;
      found.show({ valueBytes: value, valueView: viewOf(value), valueStart: 0, valueLength: value.length });
      return true;
    });
    this.#locks = locks;
  }

  keep(treeKey: Uint8Array, table: TableDefinition): boolean {
    const name = nameOfKey(treeKey);
    if (this.#kept.has(name)) return true;
    if (!this.get(tableTree.rows, treeKey)) return false;
    this.#locks.lock(tableTree.rows, treeKey, "keyShare", "block", table);
    this.#kept.add(name);
    return true;
  }
}
