/**
 * Writes rows of one table into a transaction's overlay: the row, its index entries, and what has to hold for both. Foreign keys are checked
 * when the statement has written all its rows (foreign-keys.ts), since rows of one statement may refer to each other.
 *
 * Values of a row stand by column number - 1, those of dropped columns are NULL.
 */
import { itemAt, positionAt, TableKey, tableTree } from "../../store/table-trees.js";
import { AssertionFailed, assert } from "../../types/assert.js";
import type { RowRules } from "../bind/bound.js";
import type { ColumnDefinition, IndexDefinition, TableDefinition } from "../catalog/model.js";
import { SqlError } from "../error.js";
import { domainViolated } from "../functions/domain-check.js";
import {
  indexContent,
  indexEntryView,
  isOfColumns,
  isUniqueKey,
  rowKeyCodecOf,
  rowNumberKey,
} from "../table/index-keys.js";
import { compareBytes } from "../table/key-buffer.js";
import { keyOfTable } from "../table/key-codec.js";
import { type RowCodec, rowCodecOf } from "../table/row-codec.js";
import type { Datum } from "../types/datum.js";
import {
  arbiterDeferrable,
  checkViolated,
  concurrentDelete,
  concurrentUpdate,
  notNullViolated,
  uniqueViolated,
} from "./constraint-errors.js";
import type { RowExpression, WritePorts } from "./ports.js";
import { areChanged, type ChangeStrength, keyColumnsOf } from "./row-strength.js";
import { constraintOf, expectUnshared, isShared, keyPrefix } from "./unique-keys.js";

/** A stored row at most: it fits a tree's value, also beside its key in a staged part. */
export const rowBytesMax: number = 1023 * 1024;

export const rowTooBig = (bytes: number): SqlError =>
  new SqlError("54000", `row is too big: size ${bytes}, maximum size ${rowBytesMax}`);

/** Rows between two looks at whether the statement is to end. */
const checkRows = 500;

export interface StoredRow {
  readonly key: Uint8Array;
  readonly values: readonly Datum[];
  /** Position that wrote it; 0 for the transaction itself. */
  readonly from: number;
  /** Its key in the trees, where that is at hand. */
  readonly treeKey?: Uint8Array;
}

export interface Conflict {
  readonly index: IndexDefinition;
  readonly existing: StoredRow;
}

interface IndexWork {
  readonly index: IndexDefinition;
  /** Numbers of the columns whose values its keys are as they are; null for keys that are computed, and for a part of the rows. */
  readonly columns: readonly number[] | null;
  readonly keys: readonly RowExpression[];
  readonly predicate: RowExpression | null;
}

interface Placed {
  readonly index: IndexDefinition;
  readonly key: Uint8Array;
  readonly content: Uint8Array;
  readonly mustBeUnique: boolean;
  /** Other rows may have the key until its constraint is looked at. */
  readonly isShareable: boolean;
  readonly values: readonly Datum[];
}

/** A key of a deferrable constraint that a row was given. */
export type SharedKey = Pick<Placed, "index" | "values">;
const noKeys: readonly SharedKey[] = [];

interface DomainCheck {
  readonly domain: NonNullable<RowRules["checks"][number]["domain"]>;
  readonly holds: RowExpression;
}

function expectOfDomains(checks: readonly DomainCheck[], image: readonly Datum[]): void {
  for (const { domain, holds } of checks) if (holds(image) === false) throw domainViolated(domain);
}

export class TableWriter {
  readonly table: TableDefinition;
  readonly #ports: WritePorts;
  readonly #given: readonly number[];
  readonly #codec: RowCodec;
  readonly #live: readonly ColumnDefinition[];
  readonly #generated: readonly { readonly column: number; readonly compute: RowExpression }[];
  /** Of domains: those of columns that are written, and those of generated columns. */
  readonly #ofDomains: readonly DomainCheck[];
  readonly #ofGenerated: readonly DomainCheck[];
  readonly #checks: readonly { readonly name: string; readonly holds: RowExpression }[];
  /** All indexes but the primary key's, which is the rows' own tree. */
  readonly #indexes: readonly IndexWork[];
  readonly #primary: IndexDefinition | null;
  readonly #key = new TableKey();
  /** Numbers of columns that a foreign key may refer to, once they are asked for. */
  #keyColumns: readonly number[] | null = null;
  #unique: readonly IndexDefinition[] | null = null;
  #prepared = 0;
  /** Keys that rows were given which other rows may have. */
  #shareable: Placed[] = [];

  /** @param given numbers of columns whose new values whoever runs the statement knows */
  constructor(table: TableDefinition, rules: RowRules, ports: WritePorts, given: readonly number[] = []) {
    this.table = table;
    this.#given = given;
    this.#ports = ports;
    this.#codec = rowCodecOf(table);
    this.#live = table.columns.filter(({ isDropped }) => !isDropped);
    assert(rules.rowIds.length === this.#live.length, "the rules of a table have an id for each live column");
    const compile = (expression: Parameters<WritePorts["compile"]>[0]): RowExpression =>
      ports.compile(expression, rules.rowIds);
    this.#generated = rules.generated.map(({ column, expression }) => ({ column, compute: compile(expression) }));
    const checks = rules.checks.map(({ name, expression, domain }) => ({ name, domain, holds: compile(expression) }));
    const ofDomains = checks.flatMap(({ domain, holds }) => (domain === null ? [] : [{ domain, holds }]));
    const isGenerated = ({ domain }: DomainCheck): boolean =>
      rules.generated.some(({ column }) => column === domain.column);
    this.#ofDomains = ofDomains.filter((check) => !isGenerated(check));
    this.#ofGenerated = ofDomains.filter(isGenerated);
    this.#checks = checks.filter(({ domain }) => domain === null);
    this.#primary = rules.indexes.find(({ index }) => index.isPrimary)?.index ?? null;
    this.#indexes = rules.indexes
      .filter(({ index }) => !index.isPrimary)
      .map(({ index, keys, predicate }) => ({
        index,
        columns: isOfColumns(index) ? index.keys.map(({ column }) => column) : null,
        keys: keys.map(compile),
        predicate: predicate === null ? null : compile(predicate),
      }));
  }

  /** The live columns' values, as expressions of the rules see them. */
  image(values: readonly Datum[]): Datum[] {
    return this.#live.map(({ number }) => values[number - 1] ?? null);
  }

  /** The values of a list that stands in the order of the live columns. */
  fromLive(live: readonly Datum[]): Datum[] {
    const values: Datum[] = this.table.columns.map(() => null);
    for (const [index, { number }] of this.#live.entries()) values[number - 1] = live[index] ?? null;
    return values;
  }

  /**
   * Computes what is generated and checks what must hold of a row alone. Changes `values`.
   *
   * The order is PostgreSQL's, where a value becomes one of its column's domain before there is a row: domains, what is generated, NOT NULL,
   * the table's checks. What a row has had is not held against its domains again: a constraint may be there that is NOT VALID.
   *
   * @param written the columns that a statement gives values to
   */
  prepare(values: Datum[], written: readonly number[] | "all"): void {
    this.#prepared += 1;
    if (this.#prepared % checkRows === 0) this.#ports.check();
    assert(values.length === this.table.columns.length, "a row has a value for each column");
    if (this.#ofDomains.length > 0) {
      const isWritten = ({ domain }: DomainCheck): boolean => written === "all" || written.includes(domain.column);
      expectOfDomains(this.#ofDomains.filter(isWritten), this.image(values));
    }
    if (this.#generated.length > 0) {
      for (const { column, compute } of this.#generated) values[column - 1] = compute(this.image(values));
      expectOfDomains(this.#ofGenerated, this.image(values));
    }
    for (const { number, name, isNotNull } of this.#live) {
      if (isNotNull && (values[number - 1] ?? null) === null) {
        throw notNullViolated(this.#ports, this.table, name, { values, given: this.#given });
      }
    }
    if (this.#checks.length === 0) return;
    const image = this.image(values);
    for (const { name, holds } of this.#checks)
      if (holds(image) === false) throw checkViolated(this.#ports, this.table, name, { values, given: this.#given });
  }

  /** The row key of a row with a primary key. */
  #keyOf(values: readonly Datum[]): Uint8Array {
    const { keyColumns } = this.table;
    assert(keyColumns.length > 0, "only rows with a primary key are keyed by their values");
    const keyValues = keyColumns.map((number) => values[number - 1] ?? null);
    return this.#named(() => rowKeyCodecOf(this.table).encode(keyValues)).slice();
  }

  #named<Made>(make: () => Made): Made {
    return keyOfTable(() => this.#ports.schemaName(this.table), this.table.name, make);
  }

  #rowTreeKey(rowKey: Uint8Array): Uint8Array {
    return this.#key.item(this.#ports.tenant, this.table.storage, rowKey).slice();
  }

  /** Finds a row by its key, as it is now. */
  find(rowKey: Uint8Array): StoredRow | null {
    return this.#find(this.#rowTreeKey(rowKey), rowKey);
  }

  #find(treeKey: Uint8Array, rowKey: Uint8Array): StoredRow | null {
    const { reader } = this.#ports;
    if (!reader.get(tableTree.rows, treeKey)) return null;
    const { valueBytes, valueView, valueStart } = reader;
    const from = positionAt(valueView, valueStart);
    return { key: rowKey, values: this.#codec.decode(valueBytes, valueView, valueStart + 8), from, treeKey };
  }

  #place(values: readonly Datum[], rowKey: Uint8Array, indexes: readonly IndexWork[] = this.#indexes): Placed[] {
    if (indexes.length === 0) return [];
    let image: readonly Datum[] | null = null;
    const placed: Placed[] = [];
    for (const { index, columns, keys, predicate } of indexes) {
      let keyValues: readonly Datum[];
      if (columns === null) {
        const row = (image ??= this.image(values));
        if (predicate !== null && predicate(row) !== true) continue;
        keyValues = keys.map((key) => key(row));
      } else keyValues = columns.map((number) => values[number - 1] ?? null);
      const { item, content, mustBeUnique } = this.#named(() => indexEntryView(index, keyValues, rowKey));
      const key = this.#key.item(this.#ports.tenant, index.storage, item).slice();
      const isShareable = index.isDeferrable === true && isUniqueKey(index, keyValues);
      placed.push({ index, key, content, mustBeUnique, isShareable, values: keyValues });
    }
    return placed;
  }

  /** The row behind a unique index's entry, when there is one. */
  #holder({ key }: Placed): StoredRow | null {
    const { reader } = this.#ports;
    if (!reader.get(tableTree.index, key)) return null;
    const { valueBytes, valueStart, valueLength } = reader;
    assert(valueBytes[valueStart + 8] === indexContent.rowKeyInContent, "a unique entry leads to its row");
    const rowKey = valueBytes.slice(valueStart + 9, valueStart + valueLength);
    const row = this.find(rowKey);
    assert(row !== null, "an index entry leads to a row");
    this.#ports.locks.awaitWriters(tableTree.rows, this.#rowTreeKey(rowKey));
    return row;
  }

  /**
   * Inserts a row that was prepared. Answers what it conflicts with instead, when one of `arbiters` says so (all unique indexes for null);
   * throws 23505 for any other.
   */
  insert(values: readonly Datum[], arbiters: "none" | "any" | readonly IndexDefinition[]): StoredRow | Conflict {
    const { ports, table } = { ports: this.#ports, table: this.table };
    const arbitrates = ({ oid }: IndexDefinition): boolean =>
      arbiters === "any" || (arbiters !== "none" && arbiters.some((index) => index.oid === oid));
    const hasKey = table.keyColumns.length > 0;
    const rowKey = hasKey ? this.#keyOf(values) : rowNumberKey(ports.nextRowNumber(table.storage));
    const treeKey = this.#rowTreeKey(rowKey);
    const placed = arbiters === "none" ? null : this.#place(values, rowKey);
    // Where a conflict is no error, nothing is locked for a row that then is not inserted: who writes the same key is waited for.
    if (placed !== null) {
      const conflict = this.#arbitrated(placed, hasKey ? { rowKey, treeKey } : null, arbitrates);
      if (conflict !== null) return conflict;
    }
    if (hasKey) {
      if (!arbitrates(this.#primaryKey()) && this.#find(treeKey, rowKey) !== null) {
        ports.locks.awaitWriters(tableTree.rows, treeKey);
        const keyValues = table.keyColumns.map((number) => values[number - 1] ?? null);
        throw uniqueViolated(ports, table, this.#primaryKey(), keyValues);
      }
      ports.locks.lock(tableTree.rows, treeKey, "update", "block", table);
    }
    const entries = placed ?? this.#place(values, rowKey);
    for (const each of entries) {
      if (!each.mustBeUnique) continue;
      if (!arbitrates(each.index) && this.#holder(each) !== null)
        throw uniqueViolated(ports, table, each.index, each.values);
      ports.locks.lock(tableTree.index, each.key, "update", "block", table);
    }
    this.#putRow(treeKey, values);
    for (const { key, content } of entries) ports.overlay.put(tableTree.index, key, content);
    this.#share(entries);
    return { key: rowKey, values, from: 0 };
  }

  /**
   * What a row conflicts with of what arbiters look at, in the order in which their indexes were made. Throws 55000 for one that is only known
   * later, where none before it has a conflict.
   */
  #arbitrated(
    placed: readonly Placed[],
    key: { readonly rowKey: Uint8Array; readonly treeKey: Uint8Array } | null,
    arbitrates: (index: IndexDefinition) => boolean,
  ): Conflict | null {
    const { locks } = this.#ports;
    for (const index of this.#uniqueIndexes()) {
      if (!arbitrates(index)) continue;
      if (index.isDeferrable === true) throw arbiterDeferrable(this.#ports, this.table, index);
      if (index === this.#primary) {
        assert(key !== null, "a primary key that does not wait is its table's key");
        const existing = this.#find(key.treeKey, key.rowKey);
        locks.awaitWriters(tableTree.rows, key.treeKey);
        if (existing !== null) return { index, existing };
        continue;
      }
      const each = placed.find((entry) => entry.index === index);
      if (each?.mustBeUnique !== true) continue;
      const existing = this.#holder(each);
      if (existing !== null) return { index, existing };
      locks.awaitWriters(tableTree.index, each.key);
    }
    return null;
  }

  #uniqueIndexes(): readonly IndexDefinition[] {
    const primary = this.#primary === null ? [] : [this.#primary];
    this.#unique ??= [...primary, ...this.#indexes.map(({ index }) => index)]
      .filter(({ isUnique }) => isUnique)
      .sort((a, b) => a.oid - b.oid);
    return this.#unique;
  }

  #primaryKey(): IndexDefinition {
    if (this.#primary === null) throw new AssertionFailed("a primary key has its index");
    return this.#primary;
  }

  /** Notes keys that are to be looked at, and keeps others from giving them to rows of theirs meanwhile. */
  #share(placed: readonly Placed[]): void {
    for (const each of placed) {
      if (!each.isShareable) continue;
      const { locks, tenant } = this.#ports;
      locks.lock(tableTree.index, keyPrefix(tenant, each.index, each.values), "update", "block", this.table);
      this.#shareable.push(each);
    }
  }

  /**
   * The statement has written all its rows: keys that several have are violations now, or when their constraints are looked at.
   *
   * @param ports to read by, where those of the writer cannot
   */
  settle(ports: WritePorts = this.#ports): void {
    for (const key of this.#shareable.splice(0)) this.settleKey(key, ports);
  }

  /** Keys of the rows that were written since: whoever takes them looks at each (`settleKey`) once the statement has written all its rows. */
  takeKeys(): readonly SharedKey[] {
    return this.#shareable.length === 0 ? noKeys : this.#shareable.splice(0);
  }

  settleKey({ index, values }: SharedKey, ports: WritePorts = this.#ports): void {
    const constraint = constraintOf(this.table, index);
    if (!ports.timing.isDeferred(constraint)) expectUnshared(ports, this.table, index, values);
    else if (isShared(ports, this.table, index, values))
      ports.timing.defer({ kind: "unique", table: this.table.oid, constraint: constraint.oid, values });
  }

  /** Inserts a row under a key that its table does not make itself: that of a materialized view. Throws 23505. */
  insertAt(rowKey: Uint8Array, values: readonly Datum[]): void {
    const treeKey = this.#rowTreeKey(rowKey);
    assert(this.table.keyColumns.length === 0, "a table with a primary key has its keys of that");
    assert(!this.#ports.reader.get(tableTree.rows, treeKey), "a row that is inserted is not there");
    const placed = this.#place(values, rowKey);
    for (const each of placed) {
      if (each.mustBeUnique && this.#holder(each) !== null)
        throw uniqueViolated(this.#ports, this.table, each.index, each.values);
    }
    this.#putRow(treeKey, values);
    for (const { key, content } of placed) this.#ports.overlay.put(tableTree.index, key, content);
  }

  #putRow(treeKey: Uint8Array, values: readonly Datum[]): void {
    const row = this.#codec.encodeView(values);
    if (row.length > rowBytesMax) throw rowTooBig(row.length);
    this.#ports.overlay.put(tableTree.rows, treeKey, row);
  }

  /**
   * Locks the row that a statement found and is about to change. Null when it is gone. Throws 40001 when it was changed
   * behind the transaction's snapshot.
   */
  lock(rowKey: Uint8Array, strength: ChangeStrength): StoredRow | null {
    const treeKey = this.#rowTreeKey(rowKey);
    this.#ports.locks.lock(tableTree.rows, treeKey, strength, "block", this.table);
    return this.#seen(treeKey, rowKey);
  }

  /** The same of a row that may stay as it is: it has to be locked again before it is changed. */
  hold(rowKey: Uint8Array, strength: ChangeStrength): StoredRow | null {
    const treeKey = this.#rowTreeKey(rowKey);
    this.#ports.locks.hold(tableTree.rows, treeKey, strength, "block", this.table);
    return this.#seen(treeKey, rowKey);
  }

  /** The same without a lock: what is to become of the row says how it is to be locked (`lockFor`). */
  toChange(rowKey: Uint8Array): StoredRow | null {
    return this.#seen(this.#rowTreeKey(rowKey), rowKey);
  }

  /** Locks a row for what is to become of it; null when it is to be deleted. Nobody has changed it since it was found. */
  lockFor({ key, treeKey = this.#rowTreeKey(key), values }: StoredRow, next: readonly Datum[] | null): void {
    this.#keyColumns ??= keyColumnsOf(this.table, this.#ports.catalog);
    const isOfKey = next === null || areChanged(this.table, this.#keyColumns, values, next);
    const strength = isOfKey ? "update" : "noKeyUpdate";
    this.#ports.locks.lock(tableTree.rows, treeKey, strength, "block", this.table);
  }

  #seen(treeKey: Uint8Array, rowKey: Uint8Array): StoredRow | null {
    const { snapshot } = this.#ports;
    const row = this.#find(treeKey, rowKey);
    if (snapshot < 0) return row;
    if (row === null) throw concurrentDelete();
    if (row.from > snapshot) throw concurrentUpdate();
    return row;
  }

  /** Throws 40001 for a row that was written behind the transaction's snapshot, where what it is in the way of would pass over it. */
  expectSeen({ from }: StoredRow): void {
    const { snapshot } = this.#ports;
    if (snapshot >= 0 && from > snapshot) throw concurrentUpdate();
  }

  /** Whether another part of the same statement has written the row. */
  isWritten(rowKey: Uint8Array): boolean {
    return this.#ports.isWritten(this.#rowTreeKey(rowKey));
  }

  /** Replaces a row that is locked by one that was prepared. */
  update(old: StoredRow, values: readonly Datum[]): StoredRow {
    const { overlay, locks } = this.#ports;
    const { table } = this;
    const oldTreeKey = old.treeKey ?? this.#rowTreeKey(old.key);
    const hasKey = table.keyColumns.length > 0;
    const rowKey = hasKey ? this.#keyOf(values) : old.key;
    const keepsKey = compareBytes(rowKey, rowKey.length, old.key, old.key.length) === 0;
    const treeKey = keepsKey ? oldTreeKey : this.#rowTreeKey(rowKey);
    const indexes = keepsKey
      ? this.#indexes.filter(({ index }) => isTouched(index, old.values, values))
      : this.#indexes;
    const before = this.#place(old.values, old.key, indexes);
    const after = this.#place(values, rowKey, indexes);
    if (!keepsKey) {
      if (this.#find(treeKey, rowKey) !== null) {
        locks.awaitWriters(tableTree.rows, treeKey);
        const keyValues = table.keyColumns.map((number) => values[number - 1] ?? null);
        throw uniqueViolated(this.#ports, table, this.#primaryKey(), keyValues);
      }
      locks.lock(tableTree.rows, treeKey, "update", "block", table);
    }
    for (const each of after) {
      if (!each.mustBeUnique || before.some(({ key }) => isSame(key, each.key))) continue;
      if (this.#holder(each) !== null) throw uniqueViolated(this.#ports, table, each.index, each.values);
      locks.lock(tableTree.index, each.key, "update", "block", table);
    }
    if (!keepsKey) overlay.remove(tableTree.rows, oldTreeKey);
    this.#putRow(treeKey, values);
    for (const { key } of before) {
      if (!after.some((each) => isSame(each.key, key))) this.#remove(tableTree.index, key);
    }
    for (const each of after) {
      if (before.some(({ key, content }) => isSame(key, each.key) && isSame(content, each.content))) continue;
      overlay.put(tableTree.index, each.key, each.content);
      this.#share([each]);
    }
    return { key: rowKey, values, from: 0 };
  }

  /** Removes a row that is locked. */
  delete(old: StoredRow): void {
    this.#remove(tableTree.rows, old.treeKey ?? this.#rowTreeKey(old.key));
    for (const { key } of this.#place(old.values, old.key)) this.#remove(tableTree.index, key);
  }

  #remove(tree: number, key: Uint8Array): void {
    assert(key.length > itemAt, "what is removed is an item of an object");
    this.#ports.overlay.remove(tree, key);
  }
}

/** Whether a change of a row may change its entry in an index: what has not changed is the same value, not an equal one. */
export const isTouched = (index: IndexDefinition, before: readonly Datum[], after: readonly Datum[]): boolean =>
  index.predicate !== null ||
  index.keys.some(({ column }) => column === 0 || (before[column - 1] ?? null) !== (after[column - 1] ?? null));

const isSame = (a: Uint8Array, b: Uint8Array): boolean => compareBytes(a, a.length, b, b.length) === 0;
