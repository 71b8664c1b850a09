/**
 * What an open transaction has written, over the state that others see: a few entries in memory that stand before the trees' own. Whoever
 * reads through it sees the trees as they would be if the transaction had ended.
 *
 * Values begin with `pendingPosition` where a position stands in the trees: below no bound of a past, so a transaction that reads its
 * snapshot sees its own writes too (`Versions` of such a reader end behind it).
 *
 * Savepoints: each change notes what was there before, so that a part can be taken back.
 *
 * Rows that came in numbers stand beside the entries (`load`). They become entries as soon as anything else looks at the trees of tables or
 * marks a place to come back to, so whoever reads never misses one, and what is loaded is always behind every mark.
 */
import { spaceTrees, tableTree } from "../../store/table-trees.js";
import type { Cursor, TreeReader } from "../../store/tree.js";
import { assert } from "../../types/assert.js";
import { compareBytes, KeyBuffer } from "./key-buffer.js";
import type { LoadedEntries } from "./loaded-entries.js";
import { SortedNames } from "./sorted-names.js";

/** Null: removed. */
type Entry = { readonly key: Uint8Array; readonly value: Uint8Array | null };

interface Undo {
  readonly tree: number;
  readonly name: string;
  readonly entry: Entry | null;
}

class OverlayTree {
  readonly entries = new Map<string, Entry>();
  /** Names in order, once somebody has asked for it. */
  #order: SortedNames | null = null;

  put(name: string, entry: Entry): void {
    if (this.#order !== null && !this.entries.has(name)) this.#order.add(name);
    this.entries.set(name, entry);
  }

  delete(name: string): void {
    if (this.entries.delete(name)) this.#order?.remove(name);
  }

  get order(): SortedNames {
    this.#order ??= new SortedNames(this.entries.keys());
    return this.#order;
  }
}

/** Most keys fit: what is made a string of in here needs no view of its own. */
const nameBytes = Buffer.alloc(1_024);

/** Content as a tree's value of a transaction that has no position yet. */
export function pending(content: Uint8Array): Uint8Array {
  const value = new Uint8Array(8 + content.length);
  value.set(content, 8);
  return value;
}

/** One char a byte: the order of such strings is the order of the bytes. */
export function nameOfKey(key: Uint8Array): string {
  const { length } = key;
  if (length > nameBytes.length) return Buffer.from(key).toString("latin1");
  for (let at = 0; at < length; at++) nameBytes[at] = key[at] ?? 0;
  return nameBytes.toString("latin1", 0, length);
}

export interface OverlayChange {
  readonly tree: number;
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}

export class Overlay {
  readonly #trees = new Map<number, OverlayTree>();
  readonly #undo: Undo[] = [];
  /** Grows with each change: cursors over it are as stale as those over a written tree. */
  changes = 0;
  #bytes = 0;
  #loaded: LoadedEntries | null = null;

  get isEmpty(): boolean {
    return this.#undo.length === 0 && this.#loaded === null;
  }

  /** Bytes of keys and values, roughly what it holds of memory. */
  get bytes(): number {
    return this.#bytes + (this.#loaded?.bytes ?? 0);
  }

  /** What came in numbers and is not among the entries yet. */
  get loaded(): LoadedEntries | null {
    return this.#loaded;
  }

  /** Whether it says something of rows or entries of indexes, and not of definitions alone. */
  get hasRows(): boolean {
    if (this.#loaded !== null) return true;
    for (const [tree, { entries }] of this.#trees) if (isLoadedTree(tree) && entries.size > 0) return true;
    return false;
  }

  /** Whether it may say something of rows of these objects of the store. What was loaded stays as it is. */
  touches(objects: ReadonlySet<number>): boolean {
    if (this.#loaded?.objects.some((object) => objects.has(object)) === true) return true;
    for (const { key } of this.#trees.get(tableTree.rows)?.entries.values() ?? [])
      if (objects.has(objectOf(key))) return true;
    return false;
  }

  /** Takes rows that nothing in here, and nothing in the state, has the keys of. They may grow until they are looked at. */
  load(loaded: LoadedEntries): void {
    assert(this.#loaded === null, "what was loaded before has become entries");
    this.#loaded = loaded;
  }

  /** Makes entries of what was loaded. No cursor stands in their trees yet: to be placed there it would have settled them. */
  settle(): void {
    const loaded = this.#loaded;
    if (loaded === null) return;
    const { changes } = this;
    this.#loaded = null;
    loaded.pour((tree, key, value) => this.set(tree, key, value));
    this.changes = changes;
  }

  /** Whether a single entry says something of a key; what was loaded is not asked. */
  hasEntry(tree: number, key: Uint8Array): boolean {
    const entries = this.#trees.get(tree)?.entries;
    return entries !== undefined && entries.size > 0 && entries.has(nameOfKey(key));
  }

  /** What a single entry says of a key: null for one that was removed, undefined when none says anything. What was loaded is not asked. */
  entryValue(tree: number, key: Uint8Array): Uint8Array | null | undefined {
    const entries = this.#trees.get(tree)?.entries;
    if (entries === undefined || entries.size === 0) return undefined;
    return entries.get(nameOfKey(key))?.value;
  }

  #tree(tree: number): OverlayTree {
    let found = this.#trees.get(tree);
    if (found === undefined) {
      found = new OverlayTree();
      this.#trees.set(tree, found);
    }
    return found;
  }

  tree(tree: number): OverlayTree | null {
    if (isLoadedTree(tree)) this.settle();
    return this.#trees.get(tree) ?? null;
  }

  /** @param value what the tree is to hold, its position included; null removes */
  set(tree: number, key: Uint8Array, value: Uint8Array | null): void {
    if (isLoadedTree(tree)) this.settle();
    const name = nameOfKey(key);
    const target = this.#tree(tree);
    const before = target.entries.get(name) ?? null;
    this.#undo.push({ tree, name, entry: before });
    const entry = { key: before === null ? key.slice() : before.key, value };
    target.put(name, entry);
    this.#bytes += sizeOf(entry) - sizeOf(before);
    this.changes += 1;
  }

  /** @param content what the tree is to hold behind the position, which is not known yet */
  put(tree: number, key: Uint8Array, content: Uint8Array): void {
    this.set(tree, key, pending(content));
  }

  remove(tree: number, key: Uint8Array): void {
    this.set(tree, key, null);
  }

  /** What it holds now, to be read while more is written. */
  copy(): Overlay {
    this.settle();
    const copy = new Overlay();
    for (const [tree, { entries }] of this.#trees) {
      const target = copy.#tree(tree);
      for (const [name, entry] of entries) target.put(name, entry);
    }
    return copy;
  }

  /** Whether both say the same of a key. */
  agreesWith(other: Overlay, tree: number, key: Uint8Array): boolean {
    this.settle();
    const name = nameOfKey(key);
    return this.#trees.get(tree)?.entries.get(name) === other.#trees.get(tree)?.entries.get(name);
  }

  /** How many changes it holds, to be compared with a mark. What was loaded stays as it is, and so is nothing to come back to. */
  get written(): number {
    return this.#undo.length + (this.#loaded?.entries ?? 0);
  }

  /** A place to come back to; as far as `written` says. */
  mark(): number {
    this.settle();
    return this.#undo.length;
  }

  rollbackTo(mark: number): void {
    assert(mark >= 0 && mark <= this.#undo.length, "a transaction is rolled back to a place that it has passed");
    this.#loaded = null;
    while (this.#undo.length > mark) {
      const undo = this.#undo.pop();
      assert(undo !== undefined, "what is undone was done");
      const target = this.#tree(undo.tree);
      this.#bytes += sizeOf(undo.entry) - sizeOf(target.entries.get(undo.name) ?? null);
      if (undo.entry === null) target.delete(undo.name);
      else target.put(undo.name, undo.entry);
    }
    this.changes += 1;
  }

  /** Forgets what was written of objects of the store; for good, no rollback brings it back. */
  forget(objects: ReadonlySet<number>): void {
    this.settle();
    for (const tree of [tableTree.rows, tableTree.index]) {
      const target = this.#trees.get(tree);
      for (const [name, { key }] of [...(target?.entries ?? [])]) if (objects.has(objectOf(key))) target?.delete(name);
    }
    this.changes += 1;
  }

  /** For the next transaction. */
  clear(): void {
    this.#trees.clear();
    this.#undo.length = 0;
    this.#loaded = null;
    this.#bytes = 0;
    this.changes += 1;
  }

  /** Entries of one tree whose keys begin so, in no order. */
  *under(tree: number, prefix: Uint8Array): Iterable<Pick<OverlayChange, "key" | "value">> {
    for (const entry of this.tree(tree)?.entries.values() ?? []) {
      if (startsWith(entry.key, prefix)) yield entry;
    }
  }

  /** Everything, tree by tree, in the order of keys. */
  all(): Iterable<OverlayChange> {
    this.settle();
    return this.single();
  }

  /** Every single entry, tree by tree, in the order of keys; not what was loaded. */
  *single(): Iterable<OverlayChange> {
    for (const [tree, { entries, order }] of [...this.#trees].sort(([a], [b]) => a - b)) {
      for (const name of order) {
        const entry = entries.get(name);
        assert(entry !== undefined, "a name in the order is an entry's");
        yield { tree, key: entry.key, value: entry.value };
      }
    }
  }
}

function startsWith(key: Uint8Array, prefix: Uint8Array): boolean {
  for (let at = prefix.length - 1; at >= 0; at--) if (key[at] !== prefix[at]) return false;
  return key.length >= prefix.length;
}

/** Definitions are never loaded: they are read and written beside what is. */
const isLoadedTree = (tree: number): boolean => tree === tableTree.rows || tree === tableTree.index;

/** A key begins with its tenant; the object follows. */
const tenantBytes = 8;

/** Which object of the store a key of the trees of tables is about. */
export const objectOf = (key: Uint8Array): number => {
  let object = 0;
  for (let at = tenantBytes; at < tenantBytes + 4; at += 1) object = object * 256 + (key[at] ?? 0);
  return object;
};

const entryOverheadBytes = 150;
const sizeOf = (entry: Entry | null): number =>
  entry === null ? 0 : entryOverheadBytes + 2 * entry.key.length + (entry.value?.length ?? 0);

const isTableTree = (tree: number): boolean => Object.values(spaceTrees).some(({ now }) => now === tree);

/** The state with a transaction's own writes. */
export class OverlayReader implements TreeReader {
  readonly #state: TreeReader;
  readonly #overlay: Overlay;
  valueBytes: Uint8Array = new Uint8Array(0);
  valueView: DataView = new DataView(this.valueBytes.buffer);
  valueStart = 0;
  valueLength = 0;
  isPending = false;

  constructor(state: TreeReader, overlay: Overlay) {
    this.#state = state;
    this.#overlay = overlay;
  }

  /** What it is laid over. */
  get beneath(): TreeReader {
    return this.#state;
  }

  /** Entries of a tree that the overlay has. */
  entriesOf(tree: number): number {
    return this.#overlay.tree(tree)?.entries.size ?? 0;
  }

  get(tree: number, key: Uint8Array): boolean {
    const own = this.#overlay.tree(tree);
    if (own !== null && own.entries.size > 0) {
      const entry = own.entries.get(nameOfKey(key));
      if (entry !== undefined) {
        if (entry.value === null) return false;
        this.valueBytes = entry.value;
        this.valueView = new DataView(entry.value.buffer, entry.value.byteOffset, entry.value.byteLength);
        this.valueStart = 0;
        this.valueLength = entry.value.length;
        this.isPending = true;
        return true;
      }
    }
    const state = this.#state;
    if (!state.get(tree, key)) return false;
    this.valueBytes = state.valueBytes;
    this.valueView = state.valueView;
    this.valueStart = state.valueStart;
    this.valueLength = state.valueLength;
    this.isPending = false;
    return true;
  }

  cursor(tree: number): Cursor {
    const base = this.#state.cursor(tree);
    return isTableTree(tree) ? new OverlayCursor(base, this.#overlay, tree) : base;
  }
}

const noNames = new SortedNames([]);

/** A merge of a tree's cursor and the overlay's entries; where both have a key, the overlay's counts. */
class OverlayCursor implements Cursor {
  readonly #base: Cursor;
  readonly #overlay: Overlay;
  readonly #tree: number;
  readonly #baseKey = new KeyBuffer();
  #hasBase = false;
  /** Place in the overlay's order of the entry at or behind this place in the way of the walk; beyond its ends for none. */
  #index = 0;
  #changes = -1;
  #order: SortedNames = noNames;
  #own: Entry | null = null;
  #ownView: DataView = new DataView(new ArrayBuffer(0));
  #direction: 1 | -1 = 1;
  valid = false;

  constructor(base: Cursor, overlay: Overlay, tree: number) {
    this.#base = base;
    this.#overlay = overlay;
    this.#tree = tree;
  }

  #entry(index: number): Entry | null {
    const name = this.#order.at(index);
    return name === undefined ? null : (this.#overlay.tree(this.#tree)?.entries.get(name) ?? null);
  }

  seek(key: Uint8Array): boolean {
    return this.#begin(key, 1);
  }

  seekFloor(key: Uint8Array): boolean {
    return this.#begin(key, -1);
  }

  #begin(key: Uint8Array, direction: 1 | -1): boolean {
    this.#direction = direction;
    this.#changes = this.#overlay.changes;
    this.#order = this.#overlay.tree(this.#tree)?.order ?? noNames;
    this.#hasBase = direction === 1 ? this.#base.seek(key) : this.#base.seekFloor(key);
    const name = nameOfKey(key);
    const at = this.#order.firstFrom(name);
    this.#index = direction === 1 || this.#order.at(at) === name ? at : this.#order.step(at, -1);
    return this.#settle();
  }

  next(): boolean {
    return this.#move(1);
  }

  previous(): boolean {
    return this.#move(-1);
  }

  #move(direction: 1 | -1): boolean {
    if (!this.valid) return false;
    assert(this.#changes === this.#overlay.changes, "a cursor is moved only in the version that it was placed in");
    if (direction !== this.#direction) {
      // Both sides stand for the other way: place them anew around the key.
      const key = this.#own === null ? this.#baseKey.bytes.slice(0, this.#baseKey.length) : this.#own.key;
      if (!this.#begin(key, direction)) return false;
    }
    this.#stepOver();
    return this.#settle();
  }

  #stepOver(): void {
    const hadBase = this.#own === null || this.#hasBothAt();
    if (this.#own !== null) this.#index = this.#order.step(this.#index, this.#direction);
    if (hadBase && this.#hasBase) this.#stepBase();
  }

  #stepBase(): void {
    this.#hasBase = this.#direction === 1 ? this.#base.next() : this.#base.previous();
  }

  #hasBothAt(): boolean {
    if (!this.#hasBase || this.#own === null) return false;
    return compareBytes(this.#own.key, this.#own.key.length, this.#baseKey.bytes, this.#baseKey.length) === 0;
  }

  /** Chooses the side that comes first, passing over what the overlay has removed. */
  #settle(): boolean {
    for (;;) {
      if (this.#hasBase) this.#baseKey.take(this.#base);
      const own = this.#entry(this.#index);
      if (own === null) {
        this.#own = null;
        this.valid = this.#hasBase;
        return this.valid;
      }
      const order = this.#hasBase
        ? compareBytes(own.key, own.key.length, this.#baseKey.bytes, this.#baseKey.length) * this.#direction
        : -1;
      if (order > 0) {
        this.#own = null;
        this.valid = true;
        return true;
      }
      if (own.value !== null) {
        this.#own = own;
        this.#ownView = new DataView(own.value.buffer, own.value.byteOffset, own.value.byteLength);
        this.valid = true;
        return true;
      }
      this.#index = this.#order.step(this.#index, this.#direction);
      if (order === 0) this.#stepBase();
    }
  }

  keyInto(target: Uint8Array): number {
    assert(this.valid, "a cursor is read where it stands on an entry");
    if (this.#own !== null) {
      target.set(this.#own.key);
      return this.#own.key.length;
    }
    target.set(this.#baseKey.bytes.subarray(0, this.#baseKey.length));
    return this.#baseKey.length;
  }

  get keyLength(): number {
    return this.#own === null ? this.#baseKey.length : this.#own.key.length;
  }

  get isPending(): boolean {
    return this.#own !== null;
  }

  get valueBytes(): Uint8Array {
    return this.#own?.value ?? this.#base.valueBytes;
  }

  get valueView(): DataView {
    return this.#own === null ? this.#base.valueView : this.#ownView;
  }

  get valueStart(): number {
    return this.#own === null ? this.#base.valueStart : 0;
  }

  get valueLength(): number {
    return this.#own?.value?.length ?? this.#base.valueLength;
  }
}
