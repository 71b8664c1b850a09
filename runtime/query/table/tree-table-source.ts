/**
 * Rows out of the store's trees: the state of one version, one past position of it, or either with a transaction's own writes over it (an
 * `OverlayReader`). Rows are decoded column by column straight from the pages.
 *
 * A query that takes long lets go of its version of the state between two batches: `suspend` ends the use of it, `resume` goes on in a
 * later one, which is then read as of the query's own position. The past being kept, it sees the same rows.
 */
import { TableKey, tableTree } from "../../store/table-trees.js";
import type { Cursor, TreeReader } from "../../store/tree.js";
import { assert } from "../../types/assert.js";
import type { IndexDefinition, TableDefinition } from "../catalog/model.js";
import type { TableVersion } from "../catalog/over-trees.js";
import { SqlError } from "../error.js";
import type { Oid } from "../types/sql-type.js";
import type { KeyRange, ScanBatch, ScanRequest, TableScan, TableSource } from "./access.js";
import { entriesAlike } from "./alike.js";
import type { ColumnCache } from "./column-cache.js";
import { indexCodecOf, rowKeyCodecOf } from "./index-keys.js";
import { behind, boundsOf } from "./key-bounds.js";
import { compareBytes, KeyBuffer } from "./key-buffer.js";
import { OverlayReader } from "./overlay.js";
import { entriesBetween } from "./rows-between.js";
import { type TableState, TreeScan, type Watch } from "./tree-scan.js";
import { isPointInTime, type Versions } from "./version-walk.js";

/** Definitions that a table had at some position of a range, and while which positions, the oldest first. */
export type PastDefinitions = (reader: TreeReader, table: Oid, versions: Versions) => readonly TableVersion[];

/** Rows that lie under one storage, and the positions at which the table was read there. */
interface StoragePart {
  readonly table: TableDefinition;
  readonly from: number;
  readonly to: number;
}

export interface SourceOptions {
  /** What FOR SYSTEM_TIME reads: the state without a transaction's own writes, which are of no time yet. */
  readonly past?: TreeReader | undefined;
  /** For serializable transactions. */
  readonly watch?: Watch | null | undefined;
  readonly definitions?: PastDefinitions | null | undefined;
  /** Where columns are found that were decoded before. All sources that share it read by one `StoreReader`, or by readers of one store. */
  readonly cache?: ColumnCache | null | undefined;
}

export class TreeTableSource implements TableSource {
  readonly #state: TableState;
  readonly #tenant: number;
  readonly position: number;
  /** Told of each range that is scanned, for serializable transactions. */
  readonly #watch: Watch | null;
  readonly #definitions: PastDefinitions | null;

  /**
   * @param position of the state that the statement sees
   * @param isPast whether `reader` may be of a later position
   */
  constructor(
    reader: TreeReader,
    tenant: number,
    position: number,
    isPast: boolean,
    { past = reader, watch = null, definitions = null, cache = null }: SourceOptions = {},
  ) {
    assert(tenant > 0, "isolation: tables belong to a tenant of users");
    this.#tenant = tenant;
    this.position = position;
    this.#watch = watch;
    this.#definitions = definitions;
    this.#state = { reader, past, versions: isPast ? pointIn(position) : null, epoch: 0, isPast, cache };
  }

  /**
   * Goes on in another version of the state, which holds this source's position in its past or as its present.
   *
   * @param isPast whether `reader` may be of a later position
   */
  resume(reader: TreeReader, isPast: boolean, past: TreeReader = reader): void {
    this.#state.reader = reader;
    this.#state.past = past;
    this.#state.versions = isPast ? pointIn(this.position) : null;
    this.#state.epoch += 1;
  }

  /** Scans that begin from now on read the present by another reader of the same version. */
  readBy(reader: TreeReader): void {
    this.#state.reader = reader;
    this.#state.epoch += 1;
  }

  scan(asked: ScanRequest): TableScan {
    // The rows' own tree is the primary key's index.
    const request = asked.index?.isPrimary === true ? { ...asked, index: null } : asked;
    const { history } = request;
    let versions: Versions | null = null;
    if (history !== null) {
      versions = { from: history.from, to: history.to ?? this.position + 1 };
      assert(request.index === null || isPointInTime(versions), "an index is used for a point in time only");
    }
    if (versions === null) return this.#scan(request, null, Number.POSITIVE_INFINITY);
    const parts = this.#partsOf(request, versions);
    const [first] = parts;
    assert(first !== undefined, "a table that is read lies somewhere");
    const scans = parts.map((part) => {
      const own = { from: Math.max(versions.from, part.from), to: Math.min(versions.to, part.to) };
      return this.#scan({ ...request, table: part.table }, own, part.to);
    });
    return scans.length === 1 && scans[0] !== undefined ? scans[0] : new ChainedScan(scans);
  }

  #scan(request: ScanRequest, versions: Versions | null, ends: number): TableScan {
    return new TreeScan(this.#state, this.#tenant, request, versions, { position: this.position, ends }, this.#watch);
  }

  /**
   * Where the rows of those versions lie. They may have been written anew in between, under another storage, which ends what was true under
   * the one before: such rows are read by the definition of then, as long as what is asked for has not changed its meaning.
   */
  #partsOf(request: ScanRequest, versions: Versions): readonly StoragePart[] {
    const { table, index } = request;
    const today: StoragePart = { table, from: 0, to: Number.POSITIVE_INFINITY };
    if (this.#definitions === null) return [today];
    const later = { from: versions.from, to: Math.max(versions.to, this.position + 1) };
    const all: StoragePart[] = [];
    for (const { definition, from, to } of this.#definitions(this.#state.past, table.oid, later)) {
      const before = all.at(-1);
      if (before?.table.storage === definition.storage)
        all[all.length - 1] = { table: definition, from: before.from, to };
      else all.push({ table: definition, from, to });
    }
    const parts = all.filter(({ from }) => from < versions.to);
    if (parts.every((part) => part.table.storage === table.storage)) {
      return [{ ...today, to: parts.at(-1)?.to ?? today.to }];
    }
    const hasKey = table.keyColumns.length > 0 || parts.length === 1;
    if (index !== null || !hasKey || !parts.every((part) => isReadableAs(request, part.table))) throw rewritten(table);
    return parts;
  }

  /** Whether a table is small or large. A plan outlives the state that it is made for, so no table is taken for tiny. */
  rowsEstimate(table: TableDefinition): number {
    const low = new TableKey().object(this.#tenant, table.storage).slice();
    const high = behind(low);
    const cursor = this.#cursorBeneath(tableTree.rows);
    const between = high === null ? null : entriesBetween(cursor, low, high);
    // A table is small until it is not, and a plan that is kept may see it grow: so none is taken for smaller than this.
    if (between !== null) return Math.max(smallTableRows, between);
    const key = new KeyBuffer();
    let rows = 0;
    for (let more = cursor.seek(low); more && rows < countedRowsMax; more = cursor.next()) {
      key.take(cursor);
      if (high !== null && compareBytes(key.bytes, key.length, high, high.length) >= 0) break;
      rows += 1;
    }
    return rows < countedRowsMax ? smallTableRows : largeTableRows;
  }

  entriesWithin(table: TableDefinition, index: IndexDefinition | null, ranges: readonly KeyRange[]): number | null {
    const isOfRows = index === null || index.isPrimary;
    const storage = isOfRows ? table.storage : index.storage;
    const codec = isOfRows ? rowKeyCodecOf(table) : indexCodecOf(index);
    const prefix = new TableKey().object(this.#tenant, storage).slice();
    const cursor = this.#cursorBeneath(isOfRows ? tableTree.rows : tableTree.index);
    let found = 0;
    for (const range of ranges) {
      const bounds = boundsOf(range, prefix, codec);
      if (bounds === null || bounds.high === null) return null;
      const entries =
        compareBytes(bounds.low, bounds.low.length, bounds.high, bounds.high.length) < 0
          ? entriesBetween(cursor, bounds.low, bounds.high)
          : 0;
      if (entries === null) return null;
      found += entries;
    }
    return found;
  }

  sharesAlike(table: TableDefinition, index: IndexDefinition | null): readonly number[] | null {
    const isOfRows = index === null || index.isPrimary;
    if (isOfRows && table.keyColumns.length === 0) return null;
    const storage = isOfRows ? table.storage : index.storage;
    const { given } = isOfRows ? rowKeyCodecOf(table) : indexCodecOf(index);
    const low = new TableKey().object(this.#tenant, storage).slice();
    const high = behind(low);
    if (high === null) return null;
    const cursor = this.#cursorBeneath(isOfRows ? tableTree.rows : tableTree.index);
    const total = entriesBetween(cursor, low, high);
    if (total === null || total < countedRowsMax) return null;
    const owner = isOfRows ? table : index;
    const known = alikeKnown.get(owner);
    if (known !== undefined && total < 2 * known.total && known.total < 2 * total) return known.shares;
    const shares = entriesAlike(cursor, low, high, total, given)?.map((alike) => alike / total) ?? null;
    alikeKnown.set(owner, { total, shares });
    return shares;
  }

  /** For what is estimated: the few entries that a transaction has laid over the state change little. */
  #cursorBeneath(tree: number): Cursor {
    const { reader } = this.#state;
    const isLaid = reader instanceof OverlayReader && reader.entriesOf(tree) <= smallTableRows;
    return (isLaid ? reader.beneath : reader).cursor(tree);
  }
}

/** What was found of indexes, and of rows' keys: it is looked for anew when they have twice as many entries, or half. */
const alikeKnown = new WeakMap<
  TableDefinition | IndexDefinition,
  { readonly total: number; readonly shares: readonly number[] | null }
>();

const countedRowsMax = 2_000;
const smallTableRows = 1_000;
const largeTableRows = 100_000;

const rewritten = ({ name }: TableDefinition): SqlError =>
  new SqlError(
    "0A000",
    `table "${name}" was written anew since, and cannot be read as of then by its present definition`,
    {
      hint: "SET kimberlite.as_of to the position: statements then run under the definitions of that time.",
    },
  );

/** Whether a definition of before means the same by all that is asked for. */
function isReadableAs({ table, columns }: ScanRequest, then: TableDefinition): boolean {
  const isSame = (number: number): boolean => {
    const [now, before] = [table.columns[number - 1], then.columns[number - 1]];
    if (number < 0 || now === undefined) return true;
    return before !== undefined && !before.isDropped && before.type.oid === now.type.oid;
  };
  return then.keyColumns.join() === table.keyColumns.join() && [...then.keyColumns, ...columns].every(isSame);
}

const pointIn = (position: number): Versions => ({ from: position, to: position + 1 });

/** The rows of several storages, one after the other. */
class ChainedScan implements TableScan {
  readonly #scans: readonly TableScan[];
  #at = 0;

  constructor(scans: readonly TableScan[]) {
    assert(scans.length > 1, "one scan needs no chain");
    this.#scans = scans;
  }

  next(): ScanBatch | null {
    for (; this.#at < this.#scans.length; this.#at += 1) {
      const batch = this.#scans[this.#at]?.next() ?? null;
      if (batch !== null) return batch;
    }
    return null;
  }

  close(): void {
    for (const scan of this.#scans) scan.close();
    this.#at = this.#scans.length;
  }
}
