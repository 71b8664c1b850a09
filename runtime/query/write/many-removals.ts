/**
 * Rows of the state that a DELETE removes, with those that refer to them where their constraints cascade (many-changes.ts). A row is read for the
 * columns of its indexes' keys and for those that others refer to it by, and for no other.
 */
import { fromBytes, TableKey, tableSpace, tableTree } from "../../store/table-trees.js";
import { assert } from "../../types/assert.js";
import type { RowRules } from "../bind/bound.js";
import type { TableDefinition } from "../catalog/model.js";
import { indexEntryView, isOfColumns } from "../table/index-keys.js";
import { rowCodecOf } from "../table/row-codec.js";
import type { Datum } from "../types/datum.js";
import { stillReferenced } from "./constraint-errors.js";
import type { ChangeTarget } from "./many-changes.js";
import type { WritePorts } from "./ports.js";
import type { ForeignKey } from "./referenced-rows.js";
import { ReferringRows } from "./referring-rows.js";
import { entriesOf } from "./row-entries.js";

/** Removes the row that the state shows. */
export type RemoveRow = (rowKey: Uint8Array, treeKey: Uint8Array, target: ChangeTarget) => void;

interface Referring {
  readonly parent: TableDefinition;
  readonly child: TableDefinition;
  readonly constraint: ForeignKey;
  /** Keys that rows had which are removed, as values of the referenced columns. */
  gone: (readonly Datum[])[];
}

/** Keys between two looks at whether the statement is to end. */
const checkKeys = 500;

function referringTo(parent: TableDefinition, { catalog }: Pick<WritePorts, "catalog">): readonly Referring[] {
  return catalog
    .referencing(parent.oid)
    .flatMap(({ table: child, constraint }) =>
      constraint.kind === "foreignKey" ? [{ parent, child, constraint, gone: [] }] : [],
    );
}

/**
 * Whether rows of a table can be removed so: nothing may be left that refers to them and is looked at now, or all of it cascades, however far.
 * Where there is both, who is asked first depends on the constraints' order, which the general way knows.
 */
export function isRemovable(table: TableDefinition, ports: WritePorts): boolean {
  const direct = referringTo(table, ports);
  if (direct.every(({ constraint }) => constraint.onDelete === "noAction" && !ports.timing.isDeferred(constraint)))
    return true;
  const reached = new Set([table.oid]);
  const open = [...direct];
  for (let each = open.pop(); each !== undefined; each = open.pop()) {
    if (each.constraint.onDelete !== "cascade") return false;
    if (reached.has(each.child.oid)) continue;
    reached.add(each.child.oid);
    open.push(...referringTo(each.child, ports));
  }
  return true;
}

export class ManyRemovals {
  readonly #ports: WritePorts;
  readonly #removers = new Map<number, RemoveRow>();
  readonly #referring: Referring[] = [];
  readonly #entryKey = new TableKey();

  /** @param ports whose source reads the state */
  constructor(ports: WritePorts) {
    this.#ports = ports;
  }

  /** How rows of a table are removed. */
  of(table: TableDefinition, rules: RowRules): RemoveRow {
    const { tenant } = this.#ports;
    const referring = referringTo(table, this.#ports);
    this.#referring.push(...referring);
    const entries = entriesOf(table, rules, this.#ports);
    const codec = rowCodecOf(table);
    const isRead = (number: number): boolean =>
      entries.some(({ index }) => !isOfColumns(index) || index.keys.some(({ column }) => column === number)) ||
      referring.some(({ constraint }) => constraint.referencedColumns.includes(number));
    const read = codec.places.filter(({ number }) => isRead(number));
    const values: Datum[] = codec.places.map(() => null);
    const remove: RemoveRow = (rowKey, treeKey, target) => {
      const { valueBytes, valueView, valueStart } = target.state;
      for (const place of read)
        values[place.number - 1] = codec.read(valueBytes, valueView, valueStart + fromBytes, place);
      target.remove(tableSpace.rows, table.storage, treeKey);
      for (const { index, keysOf } of entries) {
        const keys = keysOf(values);
        if (keys === null) continue;
        const { item } = indexEntryView(index, keys, rowKey);
        target.remove(tableSpace.index, index.storage, this.#entryKey.item(tenant, index.storage, item));
      }
      for (const { constraint, gone } of referring) {
        const key = constraint.referencedColumns.map((number) => values[number - 1] ?? null);
        if (!key.includes(null)) gone.push(key);
      }
    };
    this.#removers.set(table.oid, remove);
    return remove;
  }

  #remover(table: TableDefinition): RemoveRow {
    return this.#removers.get(table.oid) ?? this.of(table, this.#ports.rulesOf(table));
  }

  /** Follows all keys that are gone, and those of the rows that go with them. */
  settle(target: ChangeTarget): void {
    const hasGone = ({ gone }: Referring): boolean => gone.length > 0;
    for (let each = this.#referring.find(hasGone); each !== undefined; each = this.#referring.find(hasGone))
      this.#follow(each, target);
  }

  #follow(referring: Referring, target: ChangeTarget): void {
    const { parent, child, constraint } = referring;
    const { tenant, check, locks } = this.#ports;
    locks.lockTable(child, constraint.onDelete === "cascade");
    // As many as there are now: a row that goes with them may be one that others of its own table refer to.
    const gone = referring.gone.splice(0);
    const rows = new ReferringRows(this.#ports, child, parent, constraint);
    rows.expect(gone.length);
    const keys = new TableKey();
    const remove = constraint.onDelete === "cascade" ? this.#remover(child) : null;
    for (const [done, values] of gone.entries()) {
      if (done % checkKeys === 0) check();
      for (const rowKey of rows.find(values)) {
        const treeKey = keys.item(tenant, child.storage, rowKey);
        if (remove === null) {
          if (target.has(treeKey)) continue;
          locks.awaitWriters(tableTree.rows, treeKey);
          throw stillReferenced(this.#ports, parent, constraint, child, values);
        } else if (target.isNew(treeKey)) {
          target.lock(treeKey, "update");
          const isThere = target.state.get(tableTree.rows, treeKey);
          assert(isThere, "a row that refers to another is in the state that it was found in");
          remove(rowKey, treeKey, target);
        }
      }
    }
  }
}
