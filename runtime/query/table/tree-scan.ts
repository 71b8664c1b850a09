/**
 * One scan of a table in the store's trees: range after range, by row key or by an index, now or in the past. Rows that lie side by side are decoded
 * together, column by column, straight from the pages.
 */
import { itemAt, spaceTrees, TableKey, tableSpace, tableTree } from "../../store/table-trees.js";
import type { TreeReader } from "../../store/tree.js";
import { assert } from "../../types/assert.js";
import type { TableDefinition } from "../catalog/model.js";
import type { Datum } from "../types/datum.js";
import {
  batchRowsMax,
  type ColumnVector,
  fromPositionColumn,
  isNumberVector,
  type KeyRange,
  type ScanBatch,
  type ScanRequest,
  type TableScan,
  toPositionColumn,
  writerColumn,
} from "./access.js";
import type { ColumnCache } from "./column-cache.js";
import { indexCodecOf, indexContent, rowKeyCodecOf } from "./index-keys.js";
import { behind, boundsOf } from "./key-bounds.js";
import type { KeyCodec } from "./key-codec.js";
import { isKept, PageColumns } from "./page-columns.js";
import { PastRange } from "./past-range.js";
import { type ColumnPlace, type RowCodec, rowCodecOf } from "./row-codec.js";
import { RowFetch } from "./row-fetch.js";
import { isPointInTime, type Versions, VersionWalk } from "./version-walk.js";

/** Rows of a scan's first batch: most scans are for a few. Each batch is four times the one before. */
const firstBatchRows = 16;

/** From a batch of this size on, columns are decoded by whole pages and kept: a scan for a few rows does not pay for many. */
const keptBatchRows = 256;

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
  /** Whether that is a past from the beginning on, and not what a query that takes long goes on in. */
  readonly isPast: boolean;
  /** Columns that were decoded before; null when none are kept. */
  readonly cache: ColumnCache | null;
}

/** Told of each range of keys that is scanned. `high` is exclusive; null is without an end. */
export type Watch = (tree: number, low: Uint8Array, high: Uint8Array | null) => void;

interface Filler {
  readonly place: ColumnPlace | null;
  readonly number: number;
  readonly isNumbers: boolean;
}

/** A row as it lies in memory, and the positions between which it was true. */
type FoundRow = Pick<RowFetch, "bytes" | "view" | "contentAt" | "contentLength" | "from" | "to" | "isPending">;

export class TreeScan implements TableScan {
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
  #ranges: readonly KeyRange[];
  #fetch: RowFetch;
  #epoch: number;
  #range = -1;
  #isRangeOpen = false;
  /** Whether the range is read as of a point in time that was asked for, where it ends, and how many rows of it were given. */
  #isRangePast = false;
  #rangeHigh: Uint8Array | null = null;
  #rangeRows = 0;
  /** How a range of many rows as of a point in time goes on; null for any other. */
  #past: PastRange | null = null;
  /** A single row's key that is still to be looked up. */
  #point: Uint8Array | null = null;
  /** Rows that the next batch may have, and those that there is memory for. */
  #capacity = 0;
  #room = 0;
  /** Whether rows are read without their keys and positions, so that many can be read at once. */
  readonly #takesRuns: boolean;
  #starts: Int32Array = new Int32Array(0);
  /** Made when the scan turns out to be for many rows. */
  #pageColumns: PageColumns | null = null;
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
    this.#ranges = request.ranges;
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
    if (number === fromPositionColumn || number === toPositionColumn || number === writerColumn)
      return { place: null, number, isNumbers: false };
    const place = this.#codec.places[number - 1];
    const column = table.columns[number - 1];
    assert(place !== undefined && column !== undefined, "a scan asks for columns of its table");
    return { place, number, isNumbers: isNumberVector(column.type.oid) };
  }

  get #reader(): TreeReader {
    return this.#own === null ? this.#state.reader : this.#state.past;
  }

  get #walk(): VersionWalk {
    if (this.#made !== null) return this.#made;
    const walk = new VersionWalk(this.#reader, this.#request.index === null ? rowTrees : indexTrees);
    if (this.#pageColumns !== null && this.#state.cache !== null) walk.keepIn(this.#state.cache);
    this.#made = walk;
    return walk;
  }

  get #versions(): Versions | null {
    const { versions } = this.#state;
    // As of the newest position the state itself is read, as long as it is not gone on with in a later one.
    const isNewest = this.#own !== null && isPointInTime(this.#own) && this.#own.from >= this.#position;
    return isNewest && versions === null ? null : (this.#own ?? versions);
  }

  next(): ScanBatch | null {
    if (this.#past === null) this.#goByParts();
    if (this.#epoch !== this.#state.epoch) {
      this.#epoch = this.#state.epoch;
      this.#fetch = new RowFetch(this.#reader);
      if (this.#isWalking) this.#walk.resume(this.#reader, this.#versions);
      else this.#made = null;
    }
    this.#grow();
    const batch = this.#batch;
    batch.rows = 0;
    batch.keys.length = 0;
    while (batch.rows < this.#capacity) {
      if (this.#past !== null) {
        if (this.#nextPart(this.#past)) break;
        this.#past = null;
        this.#isRangeOpen = false;
      }
      if (!this.#isRangeOpen && !this.#openNextRange()) break;
      if (this.#point !== null) {
        this.#takePoint(this.#point);
        this.#point = null;
        this.#isRangeOpen = false;
        continue;
      }
      const before = batch.rows;
      if (!this.#takeSome()) this.#isRangeOpen = false;
      this.#rangeRows += batch.rows - before;
    }
    if (this.#isWalking) this.#made?.hold();
    return batch.rows === 0 ? null : batch;
  }

  /** Whether the walk stands somewhere that it goes on from. */
  get #isWalking(): boolean {
    return this.#isRangeOpen && this.#point === null && this.#past?.isWalked !== false;
  }

  /** The rows, or the row, that the walk comes to next. False when there is none. */
  #takeSome(): boolean {
    const found = this.#takesRuns ? this.#walk.run(this.#starts, this.#capacity - this.#batch.rows) : 0;
    if (found > 0) this.#fillRun(found);
    else if (this.#walk.next()) this.#take();
    else return false;
    return true;
  }

  /** Goes on by parts when what is read of the past turns out to be many rows. */
  #goByParts(): void {
    const { cache } = this.#state;
    const versions = this.#versions;
    if (cache === null || versions === null || this.#pageColumns === null || !this.#isRangePast) return;
    if (!this.#isRangeOpen || this.#point !== null || this.#rangeRows < keptBatchRows) return;
    if (versions.from > this.#position) return;
    const rows = cache.past(this.#tenant, this.#object, versions.from);
    this.#past = new PastRange(cache, rows, this.#behindLast(), this.#rangeHigh, this.#places);
  }

  get #places(): readonly ColumnPlace[] {
    return this.#fillers.flatMap(({ place }) => (place === null ? [] : [place]));
  }

  /** The place behind the row that the walk gave last. */
  #behindLast(): Uint8Array {
    const { key, keyLength } = this.#walk;
    const place = behind(key.subarray(0, keyLength));
    assert(place !== null, "a key begins with a tenant, so some key is behind it");
    return place;
  }

  /** A part of a range as of a point in time that has rows: one that is kept, or one that is walked and kept. False when there is none. */
  #nextPart(past: PastRange): boolean {
    const batch = this.#batch;
    while (batch.rows === 0) {
      if (!past.isWalked) {
        if (past.isDone) return false;
        const rows = past.take();
        if (rows !== null) {
          // Where a table had no rows for long, that is kept, too.
          if (rows > 0) past.fill(rows, batch.columns);
          batch.rows = rows;
          continue;
        }
        const { low, end } = past;
        this.#walk.open(low, low.length, end, end?.length ?? 0, false, this.#versions);
      }
      while (batch.rows < this.#capacity && this.#takeSome());
      past.keep(batch.rows, batch.columns, batch.rows < this.#capacity ? null : this.#behindLast());
    }
    return true;
  }

  restart(ranges: readonly KeyRange[]): boolean {
    // One that has read many rows goes by whole pages.
    if (this.#pageColumns !== null) return false;
    this.#ranges = ranges;
    this.#past = null;
    this.#range = -1;
    this.#isRangeOpen = false;
    this.#point = null;
    this.#capacity = 0;
    return true;
  }

  close(): void {
    this.#past = null;
    this.#isRangeOpen = false;
    this.#range = this.#ranges.length;
  }

  /** Rows that lie side by side, column by column. */
  #fillRun(found: number): void {
    const batch = this.#batch;
    const row = batch.rows;
    const walk = this.#walk;
    assert(row + found <= this.#capacity, "a run has no more rows than there is room for");
    this.#pageColumns?.begin();
    for (let index = 0; index < this.#fillers.length; index++) {
      const filler = this.#fillers[index];
      const column = batch.columns[index];
      assert(filler !== undefined && filler.place !== null && column !== undefined, "a run is of the table's columns");
      if (walk.page === null) this.#fillDecoded(filler.place, found, column, row);
      else this.#pageColumns?.fill(walk, walk.page, filler.place, this.#starts, found, column, row);
    }
    batch.rows = row + found;
  }

  #fillDecoded(place: ColumnPlace, found: number, column: ColumnVector, row: number): void {
    const { bytes, view } = this.#walk;
    const starts = this.#starts;
    if (column.kind === "numbers") {
      const { numbers, nulls } = column;
      if (this.#codec.readNumbers(view, starts, found, place, numbers, nulls, row)) column.hasNulls = true;
      return;
    }
    const { values } = column;
    for (let at = 0; at < found; at++) values[row + at] = this.#codec.read(bytes, view, starts[at] ?? 0, place);
  }

  #grow(): void {
    const capacity = this.#capacity === 0 ? firstBatchRows : Math.min(batchRowsMax, this.#capacity * 4);
    this.#capacity = capacity;
    if (capacity > this.#room) {
      const columns = this.#fillers.map(
        ({ isNumbers }): ColumnVector =>
          isNumbers
            ? { kind: "numbers", numbers: new Float64Array(capacity), nulls: new Uint8Array(capacity), hasNulls: false }
            : { kind: "values", values: new Array<Datum>(capacity).fill(null) },
      );
      this.#batch = { rows: 0, columns, keys: this.#batch.keys };
      this.#room = capacity;
      if (this.#takesRuns) this.#starts = new Int32Array(capacity);
    }
    if (capacity >= keptBatchRows) this.#keep();
    for (const column of this.#batch.columns) {
      if (column.kind !== "numbers" || !column.hasNulls) continue;
      column.nulls.fill(0);
      column.hasNulls = false;
    }
  }

  /** Looks for columns that were decoded before from now on, and keeps those that are decoded. */
  #keep(): void {
    const { cache } = this.#state;
    if (cache === null || !this.#takesRuns || this.#pageColumns !== null) return;
    if (!this.#fillers.every(({ place, isNumbers }) => place !== null && isKept(place, isNumbers))) return;
    this.#pageColumns = new PageColumns(cache, this.#codec);
    this.#made?.keepIn(cache);
  }

  #openNextRange(): boolean {
    const ranges = this.#ranges;
    const { isBackward } = this.#request;
    this.#range += 1;
    const range = ranges[isBackward ? ranges.length - 1 - this.#range : this.#range];
    if (range === undefined) return false;
    const bounds = boundsOf(range, this.#prefix.object(this.#tenant, this.#object), this.#keyCodec);
    this.#isRangeOpen = bounds !== null;
    if (bounds === null) return this.#openNextRange();
    const { low, high } = bounds;
    this.#isRangePast = this.#versions !== null && (this.#own !== null || this.#state.isPast);
    this.#rangeHigh = high;
    this.#rangeRows = 0;
    this.#watch?.(this.#request.index === null ? tableTree.rows : tableTree.index, low, high);
    if (this.#isPoint(range)) {
      this.#point = low;
      return true;
    }
    this.#walk.open(low, low.length, high, high?.length ?? 0, isBackward, this.#versions);
    return true;
  }

  /** Whether a range is one whole row key: looking it up costs less than a walk. */
  #isPoint({ from, to, isRowKey }: KeyRange): boolean {
    if (this.#request.index !== null || from === null || to === null) return false;
    if (this.#own !== null && !isPointInTime(this.#own)) return false;
    if (isRowKey === true) return true;
    if (!from.isInclusive || !to.isInclusive || from.values.length !== this.#keyCodec?.columns) return false;
    return from.values === to.values;
  }

  #takePoint(key: Uint8Array): void {
    const fetch = this.#fetch;
    if (!fetch.find(key, this.#versions)) return;
    const rowKey = this.#request.wantsKeys ? key.slice(itemAt) : null;
    this.#fill(fetch, rowKey);
  }

  /** Decodes the row that the walk stands on, or the one that its index entry leads to. */
  #take(): void {
    const walk = this.#walk;
    if (this.#request.index === null) {
      const key = this.#request.wantsKeys ? walk.key.slice(itemAt, walk.keyLength) : null;
      this.#fill(walk, key);
      return;
    }
    // Whoever only counts what is true now need not see the rows.
    if (this.#fillers.length === 0 && !this.#request.wantsKeys && this.#watch === null && this.#versions === null) {
      this.#batch.rows += 1;
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
    this.#fill(fetch, key);
  }

  #fill(found: FoundRow, key: Uint8Array | null): void {
    const { bytes, view, contentAt: at } = found;
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
      else if (filler.number === fromPositionColumn) column.values[row] = found.from;
      else if (filler.number === writerColumn) column.values[row] = this.#writerOf(found);
      else {
        const end = Math.min(found.to, this.#ends);
        column.values[row] = end > this.#position ? null : end;
      }
    }
    if (key !== null) batch.keys.push(key);
    batch.rows = row + 1;
  }

  #writerOf({ view, contentAt, contentLength, from, isPending }: FoundRow): number {
    if (isPending) return 0;
    const writer = this.#codec.writer(view, contentAt, contentLength);
    return writer > 0 ? -writer : from + 1;
  }
}
