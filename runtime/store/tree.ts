/**
 * What the rest of the program sees of the store: 32 ordered maps from bytes to bytes in one version of the state.
 *
 * Keys are at most `treeKeyBytesMax` long and ordered as `memcmp` does (shorter first among equal prefixes), values at most
 * `treeValueBytesMax`. Nothing here allocates on a hit: a value is described by four fields, valid until the next call on the
 * same reader or cursor:
 *
 *   valueBytes, valueView   the memory that holds it (a whole chunk of pages, far more than the value)
 *   valueStart              index of its first byte in both
 *   valueLength             its length
 *
 * Keys and values that are passed in are copied before the call returns, and may lie in any buffer.
 */

import type { Truth } from "./leaf-entries.js";

/** Trees of a store are numbered from 0 to this, exclusive. */
export const treesMax = 32;
/**
 * What PostgreSQL lets an index's row take, 2,704 bytes, and what stands around it in the trees of tables, 52 (table-trees.ts). So long a key and
 * a value of `treeInlineValueBytesMax` are less than half a page, so that every page that has no room can be split (page-builder.ts).
 */
export const treeKeyBytesMax = 2756;
export const treeValueBytesMax = 1024 * 1024;
/** Values up to this length lie beside their key; longer ones in pages of their own, and cannot be changed in place. */
export const treeInlineValueBytesMax = 1024;

export interface ValueView {
  readonly valueBytes: Uint8Array;
  readonly valueView: DataView;
  readonly valueStart: number;
  readonly valueLength: number;
  /** Whether the value is of a transaction that is open and has no position; absent where there is none such. */
  readonly isPending?: boolean;
}

export interface TreeReader extends ValueView {
  /** True on a hit; then the value fields describe the value until the next call on this reader. O(log n). */
  get(tree: number, key: Uint8Array): boolean;
  /** A cursor over one tree. Creating one allocates: keep it and seek again. It starts out not valid. */
  cursor(tree: number): Cursor;
}

/**
 * A place in one tree. After a `seek…`, `next` or `previous` that answers true it stands on an entry; after false it is not
 * valid, and `next` and `previous` answer false until the next seek. On a writer, any put, insert, update, delete or roll back
 * ends its validity (an assertion fails when it is moved on without a new seek): seek again from the key.
 */
export interface Cursor extends ValueView {
  /** To the first entry with key >= the given one. */
  seek(key: Uint8Array): boolean;
  /** To the last entry with key <= the given one. */
  seekFloor(key: Uint8Array): boolean;
  next(): boolean;
  previous(): boolean;
  /**
   * Entries from this one on that lie side by side in one page, whose keys are below `high` (null: no end) and whose values need not be
   * gathered: where their values begin in `valueBytes` goes to `starts`, at most `most` of them, and the cursor stands on the last of them.
   * Returns how many there are; 0 when even this one is to be read by itself. A cursor that cannot do it has no such method.
   */
  run?(starts: Int32Array, most: number, high: Uint8Array | null, highLength: number): number;
  /**
   * The way here, from the leaf up: at each level the place within the page, and how many places that page has. Returns the number of levels.
   * A cursor that cannot do it has no such method.
   */
  path?(places: Int32Array, counts: Int32Array): number;
  /**
   * How many places the pages have that lie beneath a place of the way here: of the page there, and of one in the midst of each page on the way down.
   * A cursor with a `path` has it.
   *
   * @param level 1 and up: of the way's page of which `place` is one
   * @param counts gets those of the levels below `level`
   */
  countsBeneath?(level: number, place: number, counts: Int32Array): void;
  /**
   * To the first entry of a leaf beneath a place of the way here, in the midst of what is there. The way stays as it is above that place. A cursor with a
   * `path` has it.
   *
   * @param level 1 and up: of the way's page of which `place` is one
   */
  seekBeneath?(level: number, place: number): void;
  /**
   * In a tree of positions (table-trees.ts), among the entries of this page from this one on whose keys are below `high` (null: no end): to the
   * first that is true at a position, or cannot be told to be without being read. To the last of them when there is none. A cursor that cannot
   * do it has no such method, nor the next.
   */
  toTrue?(position: number, truth: Truth, high: Uint8Array | null, highLength: number): void;
  /**
   * As `run`, of the entries of a tree of the past that are true at a position. Among the versions of an item only some are looked at. `~count` when it
   * ended before one of which that cannot be told.
   */
  runPast?(position: number, starts: Int32Array, most: number, high: Uint8Array | null, highLength: number): number;
  /** Null, or not there, when what it says would not last. */
  readonly place?: PlaceInPage | null;
  readonly valid: boolean;
  /** Copies the key to the start of `target` and returns its length. */
  keyInto(target: Uint8Array): number;
  readonly keyLength: number;
}

/**
 * The page that a cursor of a published version stands in. Such a page never changes: its number and birth together name its content for as long as
 * the store is open. All of this holds while the cursor is valid.
 */
export interface PlaceInPage {
  readonly pageNumber: number;
  /** The version that made the page. */
  readonly pageBirth: number;
  readonly pageEntries: number;
  /** Which of the page's entries the cursor stands on. */
  readonly pageIndex: number;
  /** Moves to another entry of the page. */
  standAt(index: number): void;
  /** Where the page's entries that are below `high` (null: no end) end. */
  endBelow(high: Uint8Array | null, highLength: number): number;
  /** Where the values of the page's entries begin, from the first on. Returns how many there are before one that has to be gathered. */
  startsInPage(starts: Int32Array): number;
  /** From when on the page's entries are true. `starts` has the beginnings of all values. */
  positionsInPage(starts: Int32Array, from: Float64Array): void;
}

export interface TreeWriter extends TreeReader {
  /** Puts, inserts, updates, deletes and roll-backs so far: what was read when it was the same still stands. */
  readonly writes: number;
  /** Inserts or replaces. */
  put(tree: number, key: Uint8Array, value: Uint8Array): void;
  /**
   * As `get`, but on a hit the value may be changed in place (same length) through the value fields: one descent for
   * read-modify-write. Only for values of at most `treeInlineValueBytesMax` bytes.
   */
  update(tree: number, key: Uint8Array): boolean;
  /** Inserts and returns true, or leaves the existing value, describes it in the value fields and returns false. */
  insert(tree: number, key: Uint8Array, value: Uint8Array): boolean;
  /**
   * As `insert`, of an entry of a tree of positions (table-trees.ts): its value is the position that writes it, and the bytes [from, to) of
   * `source`. Neither key nor value is made a view of, and one behind the entry put last takes no search: for whoever inserts many.
   *
   * @param sourceView of all that `source` is
   */
  insertVersion(
    tree: number,
    key: Uint8Array,
    keyLength: number,
    position: number,
    source: Uint8Array,
    sourceView: DataView,
    from: number,
    to: number,
  ): boolean;
  /** True when there was such an entry. */
  delete(tree: number, key: Uint8Array): boolean;
}
