import { fromBytes, itemAt, positionAt, spaceTrees, tableSpace, tableTree, toBytes } from "../../store/table-trees.js";
import type { Cursor, TreeReader } from "../../store/tree.js";
import { assert } from "../../types/assert.js";
import { KeyBuffer, positionOf, setPosition } from "./key-buffer.js";
import { isPointInTime, type Versions } from "./version-walk.js";

const rowTrees = spaceTrees[tableSpace.rows];
assert(rowTrees !== undefined, "rows have their trees");
const historyTree = rowTrees.before;

/** Finds one row by its key, now or at a point in time. */
export class RowFetch {
  readonly #reader: TreeReader;
  #past: Cursor | null = null;
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(this.bytes.buffer);
  contentAt = 0;
  contentLength = 0;
  from = 0;
  /** Whether it is of a transaction that has no position. */
  isPending = false;
  to = Number.POSITIVE_INFINITY;
  readonly #sought = new KeyBuffer();
  readonly #found = new KeyBuffer();

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
        this.contentAt = reader.valueStart + fromBytes;
        this.contentLength = reader.valueLength - fromBytes;
        this.from = from;
        this.isPending = reader.isPending === true;
        this.to = Number.POSITIVE_INFINITY;
        return true;
      }
    }
    return versions !== null && this.#findBefore(key, versions);
  }

  /** The versions of a row lie by their ends: the first one that ends behind the position is the only one that may have been true. */
  #findBefore(key: Uint8Array, versions: Versions): boolean {
    assert(isPointInTime(versions) && key.length > itemAt, "a row is looked up at a point in time, by its whole key");
    this.#past ??= this.#reader.cursor(historyTree);
    const past = this.#past;
    const sought = this.#sought;
    sought.set(key, key.length);
    sought.length += toBytes;
    setPosition(sought, versions.from + 1);
    if (!past.seek(sought.bytes.subarray(0, sought.length)) || past.keyLength !== sought.length) return false;
    const found = this.#found;
    found.take(past);
    for (let at = key.length - 1; at >= 0; at--) if (found.bytes[at] !== key[at]) return false;
    const from = positionAt(past.valueView, past.valueStart);
    if (from > versions.from) return false;
    this.bytes = past.valueBytes;
    this.view = past.valueView;
    this.contentAt = past.valueStart + fromBytes;
    this.contentLength = past.valueLength - fromBytes;
    this.from = from;
    this.isPending = false;
    this.to = positionOf(found);
    return true;
  }
}
