/**
 * Foreign keys of a statement, when it has written all its rows, or of a transaction that has put them off: each new reference must lead to a row, which is then kept from being deleted
 * (key share); each key that went away must not be referred to any more, or what refers to it follows by the constraint's action. Actions
 * are statements' work of their own: they go through a list, not through calls of calls, as chains may be long.
 */
import { tableTree } from "../../store/table-trees.js";
import { AssertionFailed, assert } from "../../types/assert.js";
import type { TableDefinition } from "../catalog/model.js";
import { compareBytes } from "../table/key-buffer.js";
import { KeyCodec } from "../table/key-codec.js";
import type { Datum } from "../types/datum.js";
import { keyMixed, parentMissing, stillReferenced } from "./constraint-errors.js";
import type { DeferredCheck } from "./deferred-checks.js";
import type { WritePorts } from "./ports.js";
import { keyConversion } from "./reference-types.js";
import {
  type ForeignKey,
  fitPlaces,
  foreignKeysOf,
  narrowPlaces,
  ReferencedRows,
  refersToNothing,
  sameColumns,
} from "./referenced-rows.js";
import { type StoredRow, TableWriter } from "./table-writer.js";
import { expectUnshared } from "./unique-keys.js";

interface Reference {
  readonly child: TableDefinition;
  readonly constraint: ForeignKey;
  readonly values: readonly Datum[];
}

interface GoneKey {
  readonly parent: TableDefinition;
  readonly child: TableDefinition;
  readonly constraint: ForeignKey;
  readonly values: readonly Datum[];
  /** New values of the referenced columns of a row that stays; null when the row was deleted. */
  readonly now: readonly Datum[] | null;
}

const pick = (values: readonly Datum[], numbers: readonly number[]): Datum[] =>
  numbers.map((number) => values[number - 1] ?? null);

/** Cascades of one statement: beyond it the schema goes in circles. */
const actionsMax = 10_000_000;

export class ForeignKeys {
  readonly #ports: WritePorts;
  readonly #writers: Map<number, TableWriter>;
  readonly #references: Reference[] = [];
  readonly #gone: GoneKey[] = [];

  /** @param writers of the tables that the statement writes, by oid; others are added when they are needed */
  constructor(ports: WritePorts, writers: Map<number, TableWriter>) {
    this.#ports = ports;
    this.#writers = writers;
  }

  writer(table: TableDefinition): TableWriter {
    let writer = this.#writers.get(table.oid);
    if (writer === undefined) {
      writer = new TableWriter(table, this.#ports.rulesOf(table), this.#ports);
      this.#writers.set(table.oid, writer);
    }
    return writer;
  }

  /** A row was inserted (`before` is null), changed, or deleted (`after` is null). */
  wrote(table: TableDefinition, old: StoredRow | null, now: StoredRow | null): void {
    const [before, after] = [old?.values ?? null, now?.values ?? null];
    assert(before !== null || after !== null, "a row that was written was or is there");
    const { timing } = this.#ports;
    if (after !== null) {
      for (const constraint of foreignKeysOf(table)) {
        const values = pick(after, constraint.columns);
        const isWaiting = timing.isDeferred(constraint);
        // A new row waits even without a reference, as in PostgreSQL: until then its table is not redefined (55006).
        if (refersToNothing(constraint, values) && (!isWaiting || before !== null)) continue;
        const isSame =
          before !== null && isSameKey(table, constraint.columns, pick(before, constraint.columns), values);
        // What waits for the row under its old key is waited for under the new one.
        if (isSame && (!isWaiting || isSameBytes(old?.key, now?.key))) continue;
        if (isWaiting && now !== null) {
          timing.defer({ kind: "reference", table: table.oid, constraint: constraint.oid, rowKey: now.key });
        } else this.#references.push({ child: table, constraint, values });
      }
    }
    if (before === null) return;
    for (const { table: child, constraint } of this.#ports.catalog.referencing(table.oid)) {
      if (constraint.kind !== "foreignKey") continue;
      const values = pick(before, constraint.referencedColumns);
      if (values.includes(null)) continue;
      const next = after === null ? null : pick(after, constraint.referencedColumns);
      if (next !== null && isSameKey(table, constraint.referencedColumns, values, next)) continue;
      const action = next === null ? constraint.onDelete : constraint.onUpdate;
      // What follows of itself, and RESTRICT, never waits.
      if (action === "noAction" && timing.isDeferred(constraint)) {
        const { oid } = constraint;
        timing.defer({ kind: "referenced", table: table.oid, child: child.oid, constraint: oid, values });
      } else this.#gone.push({ parent: table, child, constraint, values, now: next });
    }
  }

  /** Makes a check that has waited, of what there is by now. */
  perform(check: DeferredCheck): void {
    const { catalog } = this.#ports;
    const table = catalog.objectByOid(check.table);
    const holder = check.kind === "referenced" ? catalog.objectByOid(check.child) : table;
    if (table?.kind !== "table" || holder?.kind !== "table") return;
    const constraint = holder.constraints.find(({ oid }) => oid === check.constraint);
    switch (check.kind) {
      case "unique": {
        const isKey = constraint?.kind === "unique" || constraint?.kind === "primaryKey";
        const index = isKey ? catalog.objectByOid(constraint.index) : null;
        if (index?.kind === "index") expectUnshared(this.#ports, table, index, check.values);
        return;
      }
      case "referenced":
        if (constraint?.kind !== "foreignKey" || this.#isBack(holder, table, constraint, check.values)) return;
        if (this.#childrenOf(holder, table, constraint, check.values).length === 0) return;
        throw stillReferenced(this.#ports, table, constraint, holder, check.values);
      case "reference": {
        if (constraint?.kind !== "foreignKey") return;
        const row = this.writer(holder).find(check.rowKey);
        if (row === null) return;
        const values = pick(row.values, constraint.columns);
        if (!refersToNothing(constraint, values)) this.#check({ child: holder, constraint, values });
      }
    }
  }

  /** Checks and follows everything that was written. */
  settle(): void {
    for (const writer of this.#writers.values()) writer.settle();
    this.#settleReferences();
    for (const writer of this.#writers.values()) writer.settle();
  }

  #settleReferences(): void {
    for (let done = 0; this.#gone.length > 0 || this.#references.length > 0; done++) {
      assert(done < actionsMax, "foreign keys of a statement come to an end");
      const gone = this.#gone.shift();
      if (gone !== undefined) {
        this.#follow(gone);
        continue;
      }
      const reference = this.#references.shift();
      if (reference !== undefined) this.#check(reference);
    }
  }

  #check({ child, constraint, values }: Reference): void {
    if (values.includes(null)) throw keyMixed(this.#ports, child, constraint);
    const parent = this.#tableOf(constraint.referencedTable);
    const { tenant, reader, catalog } = this.#ports;
    const treeKey = new ReferencedRows(child, parent, constraint, catalog).find(reader, tenant, values);
    if (treeKey !== null && this.#holds(parent, treeKey, true)) return;
    throw parentMissing(this.#ports, child, constraint, parent, values);
  }

  #tableOf(oid: number): TableDefinition {
    const table = this.#ports.catalog.objectByOid(oid);
    if (table?.kind !== "table") throw new AssertionFailed("a foreign key refers to a table of the catalog");
    return table;
  }

  /** Whether the referenced table has a row with these values again, which are of its own columns. */
  #isBack(child: TableDefinition, parent: TableDefinition, constraint: ForeignKey, values: readonly Datum[]): boolean {
    const { tenant, reader, catalog } = this.#ports;
    const treeKey = new ReferencedRows(child, parent, constraint, catalog).findOwn(reader, tenant, values);
    return treeKey !== null && this.#holds(parent, treeKey, false);
  }

  #holds(parent: TableDefinition, treeKey: Uint8Array, locks: boolean): boolean {
    if (locks) this.#ports.locks.lock(tableTree.rows, treeKey, "keyShare", "block", parent);
    return this.#ports.reader.get(tableTree.rows, treeKey);
  }

  #follow(gone: GoneKey): void {
    const { parent, child, constraint, values, now } = gone;
    const action = now === null ? constraint.onDelete : constraint.onUpdate;
    // The key may have come back, by another row of the same statement.
    if (action !== "restrict" && this.#isBack(child, parent, constraint, values)) return;
    const rows = this.#childrenOf(child, parent, constraint, values);
    if (rows.length === 0) return;
    if (action === "noAction" || action === "restrict") {
      throw stillReferenced(this.#ports, parent, constraint, child, values);
    }
    const writer = this.writer(child);
    for (const key of rows) {
      if (action === "cascade" && now === null) {
        const row = writer.lock(key, "update");
        if (row === null) continue;
        writer.delete(row);
        this.wrote(child, row, null);
        continue;
      }
      const row = writer.lock(key, "update");
      if (row === null) continue;
      const next = this.#change(writer, constraint, row, action === "cascade" ? now : action, now === null);
      // A default that is the key which is gone changes nothing, so that nobody would look whether it is there.
      const isKept = action === "setDefault" && this.#refersTo(gone, pick(next, constraint.columns));
      if (isKept) throw stillReferenced(this.#ports, parent, constraint, child, values);
    }
  }

  /**
   * @param isDeleted whether the row that was referred to is gone, and not only its key
   * @returns the row's values now
   */
  #change(
    writer: TableWriter,
    constraint: ForeignKey,
    row: StoredRow,
    to: readonly Datum[] | "setNull" | "setDefault" | null,
    isDeleted: boolean,
  ): readonly Datum[] {
    const next = [...row.values];
    const { columns, deleteColumns } = constraint;
    const written = columns.filter((number) => !isDeleted || deleteColumns?.includes(number) !== false);
    for (const [at, number] of columns.entries()) {
      if (!written.includes(number)) continue;
      if (to === "setNull" || to === null) next[number - 1] = null;
      else if (to === "setDefault") next[number - 1] = this.#ports.defaultOf(writer.table, number);
      else next[number - 1] = to[at] ?? null;
    }
    writer.prepare(next, written);
    this.wrote(writer.table, row, writer.update(row, next));
    return next;
  }

  /** Whether a row with these values in the referring columns refers to a key that is gone. */
  #refersTo({ child, parent, constraint, values }: GoneKey, own: readonly Datum[]): boolean {
    const conversion = keyConversion(child, parent, constraint);
    const referred = conversion === null ? own : conversion.forth(own);
    return referred !== null && isSameKey(parent, constraint.referencedColumns, referred, values);
  }

  /** Row keys of the rows that refer to a key. @param referred values of the referenced columns */
  #childrenOf(
    child: TableDefinition,
    parent: TableDefinition,
    constraint: ForeignKey,
    referred: readonly Datum[],
  ): Uint8Array[] {
    const { columns, referencedColumns } = constraint;
    const conversion = keyConversion(child, parent, constraint);
    const found = conversion === null ? referred : conversion.back(referred);
    if (found === "none") return [];
    // Several values may refer to the key: each row's own is converted then, and compared as the key is.
    const isConverted = found === "several";
    const values = isConverted ? [] : found;
    if (!isConverted && !fitPlaces(narrowPlaces(child, columns), values)) return [];
    const forth = (each: readonly Datum[]): readonly Datum[] | null =>
      isConverted && conversion !== null ? conversion.forth(each) : each;
    const bytesOf = (each: readonly Datum[]): Uint8Array =>
      isConverted ? keyBytes(parent, referencedColumns, each) : keyBytes(child, columns, each);
    const { source, catalog } = this.#ports;
    const leads = (numbers: readonly number[]): boolean => sameColumns(numbers.slice(0, columns.length), columns);
    const inOrder = (numbers: readonly number[]): Datum[] =>
      numbers.slice(0, columns.length).map((number) => values[columns.indexOf(number)] ?? null);
    const index = isConverted
      ? undefined
      : leads(child.keyColumns)
        ? null
        : catalog
            .indexesOf(child)
            .find(
              ({ keys, predicate, isPrimary }) =>
                predicate === null && !isPrimary && leads(keys.map(({ column }) => column)),
            );
    let ranges = [{ from: null, to: null }] as Parameters<typeof source.scan>[0]["ranges"];
    if (index !== undefined) {
      const bound = {
        values: inOrder(index === null ? child.keyColumns : index.keys.map(({ column }) => column)),
        isInclusive: true,
      };
      ranges = [{ from: bound, to: bound }];
    }
    const scan = source.scan({
      table: child,
      index: index ?? null,
      ranges,
      isBackward: false,
      columns,
      wantsKeys: true,
      history: null,
    });
    const rows: Uint8Array[] = [];
    const wanted = bytesOf(isConverted ? referred : values);
    for (let batch = scan.next(); batch !== null; batch = scan.next()) {
      for (let row = 0; row < batch.rows; row++) {
        const key = batch.keys[row];
        if (key === undefined) throw new AssertionFailed("a scan that was asked for keys has them");
        if (index !== undefined) {
          rows.push(key.slice());
          continue;
        }
        const each = batch.columns.map((column): Datum => {
          if (column.kind === "values") return column.values[row] ?? null;
          return column.nulls[row] === 1 ? null : (column.numbers[row] ?? null);
        });
        const comparable = each.includes(null) ? null : forth(each);
        if (comparable === null) continue;
        const bytes = bytesOf(comparable);
        if (compareBytes(bytes, bytes.length, wanted, wanted.length) === 0) rows.push(key.slice());
      }
    }
    scan.close();
    return rows;
  }
}

const isSameBytes = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
  a !== undefined && b !== undefined && compareBytes(a, a.length, b, b.length) === 0;

/** Equal bytes are equal values, whatever their form. */
function keyBytes(table: TableDefinition, columns: readonly number[], values: readonly Datum[]): Uint8Array {
  const codec = new KeyCodec(
    columns.map((number) => {
      const column = table.columns[number - 1];
      assert(column !== undefined, "a key's column is one of its table's");
      return { type: column.type.oid, isDescending: false, nullsFirst: false };
    }),
  );
  return codec.encodeBound(values).slice();
}

function isSameKey(
  table: TableDefinition,
  columns: readonly number[],
  a: readonly Datum[],
  b: readonly Datum[],
): boolean {
  if (a.includes(null) || b.includes(null)) return false;
  if (a.every((value, index) => value === b[index])) return true;
  const [left, right] = [keyBytes(table, columns, a), keyBytes(table, columns, b)];
  return compareBytes(left, left.length, right, right.length) === 0;
}
