/**
 * The stupid twin of the store: sorted arrays of keys and values, with the same interface and the same refusals. For tests
 * of the store itself, and of whatever needs a `TreeWriter` without pages.
 */
import {
  type Cursor,
  type TreeWriter,
  treeInlineValueBytesMax,
  treeKeyBytesMax,
  treesMax,
  treeValueBytesMax,
} from "../../runtime/store/tree.js";
import { assert } from "../../runtime/types/assert.js";

interface Entries {
  keys: Uint8Array[];
  values: Uint8Array[];
}

const nothing = new Uint8Array(0);

export class ModelTree implements TreeWriter {
  #trees: Entries[];
  #writes = 0;
  #value: Uint8Array = nothing;
  #valueView: DataView = new DataView(nothing.buffer);

  constructor() {
    this.#trees = Array.from({ length: treesMax }, () => ({ keys: [], values: [] }));
  }

  get valueBytes(): Uint8Array {
    return this.#value;
  }
  get valueView(): DataView {
    return this.#valueView;
  }
  get valueStart(): number {
    return 0;
  }
  get valueLength(): number {
    return this.#value.length;
  }

  /** Number of puts, inserts, updates and deletes so far. */
  get writes(): number {
    return this.#writes;
  }

  entries(tree: number): Entries {
    const entries = this.#trees[tree];
    assert(entries !== undefined, "a tree number is from 0 to 31");
    return entries;
  }

  /** A deep copy, to be kept as a version. */
  clone(): ModelTree {
    const copy = new ModelTree();
    copy.#trees = this.#trees.map(({ keys, values }) => ({
      keys: [...keys],
      values: values.map((value) => value.slice()),
    }));
    return copy;
  }

  #show(value: Uint8Array): void {
    this.#value = value;
    this.#valueView = new DataView(value.buffer, value.byteOffset, value.byteLength);
  }

  get(tree: number, key: Uint8Array): boolean {
    const entries = this.entries(tree);
    const at = lowerBound(entries.keys, key);
    const found = entries.keys[at];
    const value = entries.values[at];
    if (found === undefined || value === undefined || Buffer.compare(found, key) !== 0) return false;
    this.#show(value);
    return true;
  }

  update(tree: number, key: Uint8Array): boolean {
    const found = this.get(tree, key);
    assert(
      !found || this.#value.length <= treeInlineValueBytesMax,
      "a value that is changed in place lies beside its key",
    );
    if (found) this.#writes += 1;
    return found;
  }

  put(tree: number, key: Uint8Array, value: Uint8Array): void {
    assert(key.length <= treeKeyBytesMax, "a key is at most as long as keys of trees may be");
    assert(value.length <= treeValueBytesMax, "a value is at most 1 MiB long");
    this.#writes += 1;
    const entries = this.entries(tree);
    const at = lowerBound(entries.keys, key);
    const found = entries.keys[at];
    if (found !== undefined && Buffer.compare(found, key) === 0) {
      entries.values[at] = value.slice();
      return;
    }
    entries.keys.splice(at, 0, key.slice());
    entries.values.splice(at, 0, value.slice());
  }

  insert(tree: number, key: Uint8Array, value: Uint8Array): boolean {
    if (this.get(tree, key)) return false;
    this.put(tree, key, value);
    return true;
  }

  insertVersion(
    tree: number,
    key: Uint8Array,
    keyLength: number,
    position: number,
    source: Uint8Array,
    _view: DataView,
    from: number,
    to: number,
  ): boolean {
    const value = new Uint8Array(8 + to - from);
    new DataView(value.buffer).setBigUint64(0, BigInt(position), true);
    value.set(source.subarray(from, to), 8);
    return this.insert(tree, key.subarray(0, keyLength), value);
  }

  delete(tree: number, key: Uint8Array): boolean {
    if (!this.get(tree, key)) return false;
    this.#writes += 1;
    const entries = this.entries(tree);
    const at = lowerBound(entries.keys, key);
    entries.keys.splice(at, 1);
    entries.values.splice(at, 1);
    return true;
  }

  cursor(tree: number): Cursor {
    return new ModelCursor(this, tree);
  }
}

class ModelCursor implements Cursor {
  readonly #owner: ModelTree;
  readonly #tree: number;
  #at = -1;
  #writes = -1;

  constructor(owner: ModelTree, tree: number) {
    this.#owner = owner;
    this.#tree = tree;
  }

  get #entries(): Entries {
    assert(
      this.#at === -1 || this.#writes === this.#owner.writes,
      "a cursor is moved only when nothing was written since its seek",
    );
    return this.#owner.entries(this.#tree);
  }

  #stand(at: number): boolean {
    this.#at = at >= 0 && at < this.#owner.entries(this.#tree).keys.length ? at : -1;
    this.#writes = this.#owner.writes;
    return this.#at !== -1;
  }

  seek(key: Uint8Array): boolean {
    return this.#stand(lowerBound(this.#owner.entries(this.#tree).keys, key));
  }
  seekFloor(key: Uint8Array): boolean {
    const { keys } = this.#owner.entries(this.#tree);
    const at = lowerBound(keys, key);
    const found = keys[at];
    return this.#stand(found !== undefined && Buffer.compare(found, key) === 0 ? at : at - 1);
  }
  next(): boolean {
    return this.#at !== -1 && this.#entries.keys.length > 0 && this.#stand(this.#at + 1);
  }
  previous(): boolean {
    return this.#at !== -1 && this.#entries.keys.length > 0 && this.#stand(this.#at - 1);
  }
  /** Values lie apart here, so each run is of one entry. */
  run(starts: Int32Array, most: number, high: Uint8Array | null, highLength: number): number {
    assert(most > 0, "a run has room");
    if (high !== null && Buffer.compare(this.#key, high.subarray(0, highLength)) >= 0) return 0;
    starts[0] = 0;
    return 1;
  }
  get valid(): boolean {
    return this.#at !== -1;
  }
  get #key(): Uint8Array {
    const key = this.#entries.keys[this.#at];
    assert(key !== undefined, "a key is read where the cursor stands on an entry");
    return key;
  }
  get valueBytes(): Uint8Array {
    const value = this.#entries.values[this.#at];
    assert(value !== undefined, "a value is read where the cursor stands on an entry");
    return value;
  }
  get valueView(): DataView {
    const value = this.valueBytes;
    return new DataView(value.buffer, value.byteOffset, value.byteLength);
  }
  get valueStart(): number {
    return 0;
  }
  get valueLength(): number {
    return this.valueBytes.length;
  }
  keyInto(target: Uint8Array): number {
    const key = this.#key;
    target.set(key);
    return key.length;
  }
  get keyLength(): number {
    return this.#key.length;
  }
}

/** Index of the first key that is not less than the given one. */
function lowerBound(keys: readonly Uint8Array[], key: Uint8Array): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const candidate = keys[middle];
    assert(candidate !== undefined, "a binary search stays inside its array");
    if (Buffer.compare(candidate, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
