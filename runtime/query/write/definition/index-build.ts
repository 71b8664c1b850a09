/** Entries of an index that is new, of the rows that are there: made row by row, and put in the order of their keys. */
import { itemBytesMax, TableKey, tableSpace } from "../../../store/table-trees.js";
import { AssertionFailed } from "../../../types/assert.js";
import type { IndexDefinition, TableDefinition } from "../../catalog/model.js";
import { SqlError } from "../../error.js";
import { readAt } from "../../execute/vector.js";
import type { KeyRange, TableSource } from "../../table/access.js";
import { indexContent, indexEntryView, isUniqueKey } from "../../table/index-keys.js";
import { compareBytes } from "../../table/key-buffer.js";
import { keyOfTable } from "../../table/key-codec.js";
import { nameOfKey } from "../../table/overlay.js";
import { viewOf } from "../../types/bytes.js";
import type { Datum } from "../../types/datum.js";
import { quoted } from "../constraint-errors.js";
import type { RowExpression, WritePorts } from "../ports.js";
import type { LoadTarget } from "../program/program.js";
import { keyPrefix } from "../unique-keys.js";
import { EntryRun } from "./entry-run.js";
import type { DefinitionPorts } from "./ports.js";
import { collected } from "./table-rows.js";

/** Entries between two looks at whether the statement is to end. */
const checkEntries = 8_192;

/** A row's values, by column number - 1; columns that are not asked for are NULL. */
interface Row {
  readonly key: Uint8Array;
  readonly values: readonly Datum[];
}

/** Makes the entries of an index that was added. The table and the index are in the draft. Throws 23505 where a unique one cannot be made. */
export function buildIndex(ports: DefinitionPorts, table: TableDefinition, index: IndexDefinition): void {
  const write = ports.write(ports.draft.catalog);
  const keys = new IndexKeys(write, table, index);
  // Rows are read while entries are loaded when the transaction has written none itself; else all are read before.
  const source = ports.committed();
  const own = source === null ? collected(write, table) : null;
  const { target } = ports.load();
  const rowsOf = (range: KeyRange): Iterable<Row> =>
    source === null ? (own ?? []) : scanned(source, table, keys, range);
  const taken = (rowKey: Uint8Array): never => {
    const point = { values: [rowKey], isInclusive: true };
    for (const { key, values } of rowsOf({ from: point, to: point, isRowKey: true }))
      if (compareBytes(key, key.length, rowKey, rowKey.length) === 0) throw keys.duplicated(keys.of(values) ?? []);
    throw new AssertionFailed("an entry is of a row of its table");
  };
  const put = (full: EntryRun): void => {
    write.check();
    const duplicate = loadRun(full, ports.tenant, index, target);
    if (duplicate !== null) taken(duplicate);
    full.clear();
  };
  const seen = index.isDeferrable === true ? new Set<string>() : null;
  const named = <Made>(make: () => Made): Made => keyOfTable(() => write.schemaName(table), table.name, make);
  const run = new EntryRun();
  let rows = 0;
  for (const { key, values } of rowsOf({ from: null, to: null })) {
    rows += 1;
    if (rows % checkEntries === 0) write.check();
    const keyValues = keys.of(values);
    if (keyValues === null) continue;
    if (seen !== null && isUniqueKey(index, keyValues)) {
      const name = nameOfKey(keyPrefix(ports.tenant, index, keyValues));
      if (seen.size === seen.add(name).size) throw keys.duplicated(keyValues);
    }
    const { item, content } = named(() => indexEntryView(index, keyValues, key));
    if (run.add(item, content)) continue;
    put(run);
    run.add(item, content);
  }
  put(run);
}

/** Loads the entries of a run in the order of their keys. The row key of one whose place another row has; null when there is none. */
function loadRun(run: EntryRun, tenant: number, index: IndexDefinition, target: LoadTarget): Uint8Array | null {
  const key = new TableKey();
  const content = new Uint8Array(contentBytesMax);
  const contentView = viewOf(content);
  const { bytes } = run;
  for (const entry of run.sorted()) {
    const contentAt = run.contentOf(entry);
    const length = run.endOf(entry) - contentAt;
    for (let at = 0; at < length; at++) content[at] = bytes[contentAt + at] ?? 0;
    const treeKey = key.item(tenant, index.storage, bytes, run.keyOf(entry), contentAt);
    // No other row has the place of an entry that leads to its row by a digest either.
    const mustBeNew = content[0] === indexContent.rowKeyInContent;
    if (!target.add(tableSpace.index, index.storage, treeKey, mustBeNew, content, contentView, length))
      return content.slice(1, length);
  }
  return null;
}

/** Rows of the state, of which only the columns are read that the index asks for. A row is valid until the next one. */
function* scanned(source: TableSource, table: TableDefinition, { columns }: IndexKeys, range: KeyRange): Iterable<Row> {
  const request = { table, index: null, ranges: [range], isBackward: false, columns, wantsKeys: true, history: null };
  const scan = source.scan(request);
  const values: Datum[] = table.columns.map(() => null);
  try {
    for (let batch = scan.next(); batch !== null; batch = scan.next()) {
      for (let row = 0; row < batch.rows; row++) {
        for (let at = 0; at < columns.length; at++) {
          const vector = batch.columns[at];
          if (vector === undefined) throw new AssertionFailed("a scan has the columns that were asked for");
          values[(columns[at] ?? 0) - 1] = readAt(vector, row);
        }
        const key = batch.keys[row];
        if (key === undefined) throw new AssertionFailed("a scan that was asked for keys has them");
        yield { key, values };
      }
    }
  } finally {
    scan.close();
  }
}

/** A row key, and what says that it is one. */
const contentBytesMax = 1 + itemBytesMax;

/** What an index has of a row. */
class IndexKeys {
  readonly #write: WritePorts;
  readonly #table: TableDefinition;
  readonly #index: IndexDefinition;
  readonly #live: readonly number[];
  /** A column's number, or what computes the key of the live columns. */
  readonly #keys: readonly (number | RowExpression)[];
  readonly #predicate: RowExpression | null;
  readonly #values: Datum[];
  /** Numbers of the columns that are looked at. */
  readonly columns: readonly number[];

  constructor(write: WritePorts, table: TableDefinition, index: IndexDefinition) {
    const rules = write.rulesOf({ ...table, constraints: [], indexes: [index.oid] });
    const rule = rules.indexes.find((each) => each.index.oid === index.oid);
    if (rule === undefined) throw new AssertionFailed("an index of a table is among its rules");
    this.#write = write;
    this.#table = table;
    this.#index = index;
    this.#live = table.columns.filter(({ isDropped }) => !isDropped).map(({ number }) => number);
    this.#keys = rule.keys.map((key, at) => {
      const column = index.keys[at]?.column ?? 0;
      return column > 0 ? column : write.compile(key, rules.rowIds);
    });
    this.#predicate = rule.predicate === null ? null : write.compile(rule.predicate, rules.rowIds);
    this.#values = this.#keys.map(() => null);
    const plain = this.#keys.filter((key) => typeof key === "number");
    const isPlain = this.#predicate === null && plain.length === this.#keys.length;
    this.columns = isPlain ? [...new Set(plain)] : this.#live;
  }

  /** The key of a row, overwritten by the next one; null when a partial index has no entry of it. */
  of(values: readonly Datum[]): readonly Datum[] | null {
    let image: readonly Datum[] | null = null;
    const live = (): readonly Datum[] => (image ??= this.#live.map((number) => values[number - 1] ?? null));
    if (this.#predicate !== null && this.#predicate(live()) !== true) return null;
    for (let at = 0; at < this.#keys.length; at++) {
      const key = this.#keys[at];
      if (key !== undefined) this.#values[at] = typeof key === "number" ? (values[key - 1] ?? null) : key(live());
    }
    return this.#values;
  }

  duplicated(values: readonly Datum[]): SqlError {
    const [index, table, write] = [this.#index, this.#table, this.#write];
    const names = index.keys
      .map(({ column, expression }) => expression?.text ?? quoted(table.columns[column - 1]?.name ?? ""))
      .join(", ");
    const shown = index.keys.map(({ type }, at) => write.text(type, values[at] ?? null)).join(", ");
    return new SqlError("23505", `could not create unique index "${index.name}"`, {
      detail: `Key (${names})=(${shown}) is duplicated.`,
      schema: write.schemaName(table),
      table: table.name,
      constraint: index.name,
    });
  }
}
