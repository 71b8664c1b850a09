import { positionAt, spaceTrees, tableSpace, tableTree } from "../../store/table-trees.js";
import type { TreeReader } from "../../store/tree.js";
import { assert } from "../../types/assert.js";
import { behindPrefix } from "./key-codec.js";
import { type Versions, VersionWalk } from "./version-walk.js";

const rowTrees = spaceTrees[tableSpace.rows];
assert(rowTrees !== undefined, "rows have their trees");

/** Finds one row by its key, now or at a point in time. */
export class RowFetch {
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
