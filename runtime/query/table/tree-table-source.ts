/**
 * Rows out of the store's trees: the state of one version, one past position of it, or either with a transaction's own writes over it (an
 * `OverlayReader`). Rows are decoded column by column straight from the pages.
 *
 * A query that takes long lets go of its version of the state between two batches: `suspend` ends the use of it, `resume` goes on in a
 * later one, which is then read as of the query's own position. The past being kept, it sees the same rows.
 */
import { itemAt, positionAt, spaceTrees, TableKey, tableSpace, tableTree } from "../../store/table-trees.js";
import type { TreeReader } from "../../store/tree.js";
import { assert } from "../../types/assert.js";
import type { TableDefinition } from "../catalog/model.js";
import type { TableVersion } from "../catalog/over-trees.js";
import { SqlError } from "../error.js";
import type { Datum } from "../types/datum.js";
import type { Oid } from "../types/sql-type.js";
import {
  batchRowsMax,
  type ColumnVector,
  fromPositionColumn,
  isNumberVector,
  type KeyBound,
  type KeyRange,
  type ScanBatch,
  type ScanRequest,
  type TableScan,
  type TableSource,
  toPositionColumn,
} from "./access.js";
import { indexCodecOf, indexContent, rowKeyCodecOf } from "./index-keys.js";
import { behindPrefix, type KeyCodec } from "./key-codec.js";
import { type ColumnPlace, type RowCodec, rowCodecOf } from "./row-codec.js";
import { compareBytes, type Versions, VersionWalk } from "./version-walk.js";

/** Rows of a scan's first batch: most scans are for a few. Each batch is four times the one before. */
const firstBatchRows = 16;

const rowTrees = spaceTrees[tableSpace.rows];
const indexTrees = spaceTrees[tableSpace.index];
assert(rowTrees !== undefined && indexTrees !== undefined, "rows and indexes have their trees");

/** The state that scans read, and what of it they see. */
export interface TableState {
  reader: TreeReader;
  past: TreeReader;
  /** Null: what is true now. */
  versions: Versions | null;
  /** Grows when `reader` or `versions` change. */
  epoch: number;
}

/** Told of each range of keys that is scanned. `high` is exclusive; null is without an end. */
export type Watch = (tree: number, low: Uint8Array, high: Uint8Array | null) => void;

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
    { past = reader, watch = null, definitions = null }: SourceOptions = {},
  ) {
    assert(tenant > 0, "isolation: tables belong to a tenant of users");
    this.#tenant = tenant;
    this.position = position;
    this.#watch = watch;
    this.#definitions = definitions;
    this.#state = { reader, past, versions: isPast ? pointIn(position) : null, epoch: 0 };
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
    const cursor = this.#state.reader.cursor(tableTree.rows);
    const key = new Uint8Array(512);
    let rows = 0;
    for (let more = cursor.seek(low); more && rows < countedRowsMax; more = cursor.next()) {
      if (high !== null && compareBytes(key, cursor.keyInto(key), high, high.length) >= 0) break;
      rows += 1;
    }
    return rows < countedRowsMax ? smallTableRows : largeTableRows;
  }
}

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

const isPointInTime = ({ from, to }: Versions): boolean => to === from + 1;

interface Filler {
  readonly place: ColumnPlace | null;
  readonly number: number;
  readonly isNumbers: boolean;
}

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

class TreeScan implements TableScan {
  readonly #state: TableState;
  readonly #request: ScanRequest;
  readonly #own: Versions | null;
  readonly #position: number;
  /** Where all rows that are still true here were given up for others; Infinity when they were not. */
  readonly #ends: number;
  readonly #codec: RowCodec;
  readonly #fillers: readonly Filler[];
  /** Made when a range is walked: one row by its key needs none. */
  #made: VersionWalk | null = null;
  readonly #object: number;
  readonly #tenant: number;
  readonly #keyCodec: KeyCodec | null;
  readonly #watch: Watch | null;
  readonly #rowKey = new TableKey();
  readonly #prefix = new TableKey();
  #fetch: RowFetch;
  #epoch: number;
  #range = -1;
  #isRangeOpen = false;
  /** A single row's key that is still to be looked up. */
  #point: Uint8Array | null = null;
  #capacity = 0;
  /** Whether rows are read without their keys and positions, so that many can be read at once. */
  readonly #takesRuns: boolean;
  #starts: Int32Array = new Int32Array(0);
  #batch: { rows: number; columns: ColumnVector[]; keys: Uint8Array[] } = { rows: 0, columns: [], keys: [] };

  constructor(
    state: TableState,
    tenant: number,
    request: ScanRequest,
    own: Versions | null,
    { position, ends }: { readonly position: number; readonly ends: number },
    watch: Watch | null,
  ) {
    const { table, index } = request;
    this.#state = state;
    this.#tenant = tenant;
    this.#request = request;
    this.#own = own;
    this.#position = position;
    this.#ends = ends;
    this.#watch = watch;
    this.#epoch = state.epoch;
    this.#codec = rowCodecOf(table);
    this.#fillers = request.columns.map((number) => this.#filler(table, number));
    this.#takesRuns =
      index === null &&
      (own === null || isPointInTime(own)) &&
      !request.isBackward &&
      !request.wantsKeys &&
      this.#fillers.every(({ place }) => place !== null);
    this.#object = index === null ? table.storage : index.storage;
    this.#keyCodec = index !== null ? indexCodecOf(index) : table.keyColumns.length > 0 ? rowKeyCodecOf(table) : null;
    this.#fetch = new RowFetch(this.#reader);
  }

  #filler(table: TableDefinition, number: number): Filler {
    if (number === fromPositionColumn || number === toPositionColumn) return { place: null, number, isNumbers: false };
    const place = this.#codec.places[number - 1];
    const column = table.columns[number - 1];
    assert(place !== undefined && column !== undefined, "a scan asks for columns of its table");
    return { place, number, isNumbers: isNumberVector(column.type.oid) };
  }

  get #reader(): TreeReader {
    return this.#own === null ? this.#state.reader : this.#state.past;
  }

  get #walk(): VersionWalk {
    this.#made ??= new VersionWalk(this.#reader, this.#request.index === null ? rowTrees : indexTrees);
    return this.#made;
  }

  get #versions(): Versions | null {
    const { versions } = this.#state;
    // As of the newest position the state itself is read, as long as it is not gone on with in a later one.
    const isNewest = this.#own !== null && isPointInTime(this.#own) && this.#own.from >= this.#position;
    return isNewest && versions === null ? null : (this.#own ?? versions);
  }

  next(): ScanBatch | null {
    if (this.#epoch !== this.#state.epoch) {
      this.#epoch = this.#state.epoch;
      this.#fetch = new RowFetch(this.#reader);
      if (this.#isRangeOpen && this.#point === null) this.#walk.resume(this.#reader, this.#versions);
      else this.#made = null;
    }
    this.#grow();
    const batch = this.#batch;
    batch.rows = 0;
    batch.keys.length = 0;
    while (batch.rows < this.#capacity) {
      if (!this.#isRangeOpen && !this.#openNextRange()) break;
      if (this.#point !== null) {
        this.#takePoint(this.#point);
        this.#point = null;
        this.#isRangeOpen = false;
        continue;
      }
      const found = this.#takesRuns ? this.#walk.run(this.#starts, this.#capacity - batch.rows) : 0;
      if (found > 0) {
        this.#fillRun(found);
        continue;
      }
      if (!this.#walk.next()) {
        this.#isRangeOpen = false;
        continue;
      }
      this.#take();
    }
    return batch.rows === 0 ? null : batch;
  }

  close(): void {
    this.#isRangeOpen = false;
    this.#range = this.#request.ranges.length;
  }

  /** Rows that lie side by side, column by column. */
  #fillRun(found: number): void {
    const batch = this.#batch;
    const row = batch.rows;
    const starts = this.#starts;
    const { bytes, view } = this.#walk;
    assert(row + found <= this.#capacity, "a run has no more rows than there is room for");
    for (let index = 0; index < this.#fillers.length; index++) {
      const place = this.#fillers[index]?.place;
      const column = batch.columns[index];
      assert(place !== null && place !== undefined, "a run is of columns of the table");
      if (column.kind === "numbers") {
        const { numbers, nulls } = column;
        if (this.#codec.readNumbers(view, starts, found, place, numbers, nulls, row)) column.hasNulls = true;
        continue;
      }
      const { values } = column;
      for (let at = 0; at < found; at++) values[row + at] = this.#codec.read(bytes, view, starts[at] ?? 0, place);
    }
    batch.rows = row + found;
  }

  #grow(): void {
    const capacity = this.#capacity === 0 ? firstBatchRows : Math.min(batchRowsMax, this.#capacity * 4);
    if (capacity > this.#capacity) {
      const columns = this.#fillers.map(
        ({ isNumbers }): ColumnVector =>
          isNumbers
            ? { kind: "numbers", numbers: new Float64Array(capacity), nulls: new Uint8Array(capacity), hasNulls: false }
            : { kind: "values", values: new Array<Datum>(capacity).fill(null) },
      );
      this.#batch = { rows: 0, columns, keys: this.#batch.keys };
      this.#capacity = capacity;
      if (this.#takesRuns) this.#starts = new Int32Array(capacity);
    }
    for (const column of this.#batch.columns) {
      if (column.kind !== "numbers" || !column.hasNulls) continue;
      column.nulls.fill(0);
      column.hasNulls = false;
    }
  }

  #openNextRange(): boolean {
    const { ranges, isBackward } = this.#request;
    this.#range += 1;
    const range = ranges[isBackward ? ranges.length - 1 - this.#range : this.#range];
    if (range === undefined) return false;
    const bounds = boundsOf(range, this.#prefix.object(this.#tenant, this.#object), this.#keyCodec);
    this.#isRangeOpen = bounds !== null;
    if (bounds === null) return this.#openNextRange();
    const { low, high } = bounds;
    this.#watch?.(this.#request.index === null ? tableTree.rows : tableTree.index, low, high);
    if (this.#isPoint(range)) {
      this.#point = low;
      return true;
    }
    this.#walk.open(low, low.length, high, high?.length ?? 0, isBackward, this.#versions);
    return true;
  }

  /** Whether a range is one whole row key: looking it up costs less than a walk. */
  #isPoint({ from, to }: KeyRange): boolean {
    if (this.#request.index !== null || from === null || to === null) return false;
    if (this.#own !== null && !isPointInTime(this.#own)) return false;
    if (!from.isInclusive || !to.isInclusive || from.values.length !== this.#keyCodec?.columns) return false;
    return from.values === to.values;
  }

  #takePoint(key: Uint8Array): void {
    const fetch = this.#fetch;
    if (!fetch.find(key, this.#versions)) return;
    const rowKey = this.#request.wantsKeys ? key.slice(itemAt) : null;
    this.#fill(fetch.bytes, fetch.view, fetch.contentAt, fetch.from, fetch.to, rowKey);
  }

  /** Decodes the row that the walk stands on, or the one that its index entry leads to. */
  #take(): void {
    const walk = this.#walk;
    if (this.#request.index === null) {
      const key = this.#request.wantsKeys ? walk.key.slice(itemAt, walk.keyLength) : null;
      this.#fill(walk.bytes, walk.view, walk.contentAt, walk.from, walk.to, key);
      return;
    }
    const { bytes, view, contentAt, contentLength } = walk;
    let item: Uint8Array;
    if (bytes[contentAt] === indexContent.rowKeyInContent) {
      item = this.#rowKey.item(
        this.#tenant,
        this.#request.table.storage,
        bytes,
        contentAt + 1,
        contentAt + contentLength,
      );
    } else {
      const length = view.getUint16(contentAt + 1, true);
      const { key, keyLength } = walk;
      item = this.#rowKey.item(this.#tenant, this.#request.table.storage, key, keyLength - length, keyLength);
    }
    const fetch = this.#fetch;
    const found = fetch.find(item, this.#versions);
    assert(found, "an index entry leads to a row");
    if (this.#watch !== null) this.#watch(tableTree.rows, item.slice(), behind(item));
    const key = this.#request.wantsKeys ? item.slice(itemAt) : null;
    this.#fill(fetch.bytes, fetch.view, fetch.contentAt, fetch.from, fetch.to, key);
  }

  #fill(bytes: Uint8Array, view: DataView, at: number, from: number, to: number, key: Uint8Array | null): void {
    const batch = this.#batch;
    const row = batch.rows;
    const codec = this.#codec;
    const fillers = this.#fillers;
    for (let index = 0; index < fillers.length; index++) {
      const filler = fillers[index];
      const column = batch.columns[index];
      if (column.kind === "numbers") {
        assert(filler.place !== null, "a column of numbers is one of the table's");
        if (codec.readNumber(bytes, view, at, filler.place, column.numbers, row)) {
          column.nulls[row] = 1;
          column.hasNulls = true;
        }
      } else if (filler.place !== null) column.values[row] = codec.read(bytes, view, at, filler.place);
      else if (filler.number === fromPositionColumn) column.values[row] = from;
      else {
        const end = Math.min(to, this.#ends);
        column.values[row] = end > this.#position ? null : end;
      }
    }
    if (key !== null) batch.keys.push(key);
    batch.rows = row + 1;
  }
}

/** Finds one row by its key, now or at a point in time. */
class RowFetch {
  readonly #reader: TreeReader;
  #past: VersionWalk | null = null;
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(this.bytes.buffer);
  contentAt = 0;
  from = 0;
  to = Number.POSITIVE_INFINITY;
  readonly #high = new Uint8Array(513);

  constructor(reader: TreeReader) {
    this.#reader = reader;
  }

  find(key: Uint8Array, versions: Versions | null): boolean {
    const reader = this.#reader;
    if (reader.get(tableTree.rows, key)) {
      const from = positionAt(reader.valueView, reader.valueStart);
      if (versions === null || from < versions.to) {
        this.bytes = reader.valueBytes;
        this.view = reader.valueView;
        this.contentAt = reader.valueStart + 8;
        this.from = from;
        this.to = Number.POSITIVE_INFINITY;
        return true;
      }
    }
    if (versions === null) return false;
    this.#past ??= new VersionWalk(reader, rowTrees);
    this.#high.set(key);
    const highLength = behindPrefix(this.#high, key.length);
    this.#past.open(key, key.length, this.#high, highLength, false, versions);
    if (!this.#past.next()) return false;
    this.bytes = this.#past.bytes;
    this.view = this.#past.view;
    this.contentAt = this.#past.contentAt;
    this.from = this.#past.from;
    this.to = this.#past.to;
    return true;
  }
}

/** The bytes between which a range lies; null for one that nothing can be in. */
function boundsOf(
  { from, to }: KeyRange,
  prefix: Uint8Array,
  codec: KeyCodec | null,
): { low: Uint8Array; high: Uint8Array | null } | null {
  const low = from === null ? prefix.slice() : boundBytes(from, prefix, codec, !from.isInclusive);
  const high = to === null ? behind(prefix) : boundBytes(to, prefix, codec, to.isInclusive);
  if (low === null) return null;
  return { low, high };
}

function boundBytes(
  { values }: KeyBound,
  prefix: Uint8Array,
  codec: KeyCodec | null,
  isBehind: boolean,
): Uint8Array | null {
  assert(codec !== null, "rows without a key are not looked for by key");
  const item = codec.encodeBound(values);
  const bytes = new Uint8Array(prefix.length + item.length);
  bytes.set(prefix);
  bytes.set(item, prefix.length);
  return isBehind ? behind(bytes) : bytes;
}

function behind(prefix: Uint8Array): Uint8Array | null {
  const bytes = prefix.slice();
  const length = behindPrefix(bytes, bytes.length);
  return length === 0 ? null : bytes.subarray(0, length);
}
