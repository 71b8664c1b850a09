/**
 * A cursor: a place in one tree of one version. It remembers the path by page numbers, so it survives frames changing hands: it then
 * looks its leaf up again. It shows values straight from the page, and copies long ones only when they are asked for.
 */
import { assert } from "../types/assert.js";
import { ordinaryLevels } from "./frame-pool.js";
import { birthOf, countOf, leafCellHead, levelOf, overflowMark, prefixOf, treeHeightMax } from "./layout.js";
import { firstTrue, positionsOf, type Truth, trueInPast, valueStartsOf } from "./leaf-entries.js";
import { readOverflow } from "./overflow.js";
import type { PageSource } from "./page-source.js";
import { baseOf, chunkOf } from "./page-space.js";
import {
  childOf,
  compareSlot,
  copyKey,
  lengthFieldOf,
  searchBranch,
  searchLeaf,
  suffixLengthOf,
  valueStartOf,
} from "./slotted-page.js";
import { type Cursor, type PlaceInPage, treeValueBytesMax } from "./tree.js";

const empty = new Uint8Array(0);
const emptyView = new DataView(empty.buffer);

export class TreeCursor implements Cursor, PlaceInPage {
  readonly #source: PageSource;
  readonly #tree: number;
  #numbers = new Int32Array(ordinaryLevels);
  #indexes = new Int32Array(ordinaryLevels);
  #height = 0;
  #valid = false;
  #writes = -1;
  #generation = -1;
  // The leaf and the place in it.
  #u8: Uint8Array = empty;
  #i32: Int32Array = new Int32Array(0);
  #view: DataView = emptyView;
  #base = 0;
  #count = 0;
  #index = 0;
  readonly #one = new Int32Array(1);
  // The value; a long one is read when it is first asked for.
  #start = 0;
  #length = 0;
  #isLong = false;
  #isShown = false;
  #isLongRead = false;
  #long: Uint8Array = empty;
  #longView: DataView = emptyView;

  constructor(source: PageSource, tree: number) {
    this.#source = source;
    this.#tree = tree;
  }

  get valid(): boolean {
    return this.#valid;
  }

  #fresh(): void {
    assert(
      this.#writes === this.#source.writes,
      "snapshot: a cursor is moved only in the version that it was placed in",
    );
  }

  #begin(): boolean {
    this.#source.prepare();
    this.#valid = false;
    this.#writes = this.#source.writes;
    this.#generation = this.#source.generation;
    this.#height = this.#source.heightOf(this.#tree);
    if (this.#height > this.#numbers.length) {
      this.#numbers = new Int32Array(treeHeightMax);
      this.#indexes = new Int32Array(treeHeightMax);
    }
    return this.#source.rootOf(this.#tree) !== 0;
  }

  /** Looks at the leaf at the end of the path. */
  #enterLeaf(): void {
    const frame = this.#source.frameOf(this.#numbers[0]);
    const chunk = chunkOf(frame);
    this.#u8 = this.#source.space.u8[chunk];
    this.#i32 = this.#source.space.i32[chunk];
    this.#view = this.#source.space.view[chunk];
    this.#base = baseOf(frame);
    assert(levelOf(this.#i32, this.#base) === 0, "a descent ends at a leaf");
    this.#count = countOf(this.#i32, this.#base);
    assert(this.#count > 0, "a leaf that is reached has entries");
  }

  /** Looks the leaf up again when its frame may have changed hands. */
  #refresh(): void {
    this.#source.prepare();
    if (this.#generation === this.#source.generation) return;
    this.#enterLeaf();
    this.#generation = this.#source.generation;
  }

  #show(): boolean {
    this.#valid = true;
    this.#isShown = true;
    this.#isLongRead = false;
    const length = lengthFieldOf(this.#u8, this.#i32, this.#base, this.#index);
    this.#start = valueStartOf(this.#i32, this.#base, this.#index);
    this.#isLong = length === overflowMark;
    this.#length = this.#isLong ? this.#view.getUint32(this.#start, true) : length;
    return true;
  }

  #descend(key: Uint8Array): number {
    let number = this.#source.rootOf(this.#tree);
    for (let level = this.#height - 1; level > 0; level--) {
      const frame = this.#source.frameOf(number);
      const chunk = chunkOf(frame);
      const i32 = this.#source.space.i32[chunk];
      const base = baseOf(frame);
      assert(levelOf(i32, base) === level, "a child lies one level below its branch");
      const index = searchBranch(this.#source.space.u8[chunk], i32, base, key, key.length);
      this.#numbers[level] = number;
      this.#indexes[level] = index;
      number = childOf(i32, base, index);
    }
    this.#numbers[0] = number;
    this.#enterLeaf();
    return searchLeaf(this.#u8, this.#i32, this.#base, key, key.length, this.#count);
  }

  /** Where the key is among the entries of the leaf that the cursor stands in (as `searchLeaf`), when it lies between two of them. */
  #inLeaf(key: Uint8Array): number | null {
    this.#source.prepare();
    if (!this.#valid || this.#writes !== this.#source.writes || this.#generation !== this.#source.generation)
      return null;
    const u8 = this.#u8;
    const i32 = this.#i32;
    const base = this.#base;
    const { length } = key;
    if (compareSlot(u8, i32, base, this.#count - 1, leafCellHead, key, length) < 0) return null;
    if (compareSlot(u8, i32, base, 0, leafCellHead, key, length) > 0) return null;
    return searchLeaf(u8, i32, base, key, length, this.#index + 1);
  }

  seek(key: Uint8Array): boolean {
    const near = this.#inLeaf(key);
    if (near !== null) {
      this.#index = near < 0 ? ~near : near;
      assert(this.#index < this.#count, "a key that is not behind the last entry of a leaf has its place there");
      return this.#show();
    }
    if (!this.#begin()) return false;
    const at = this.#descend(key);
    this.#index = at < 0 ? ~at : at;
    this.#generation = this.#source.generation;
    if (this.#index < this.#count) return this.#show();
    return this.#step(1);
  }

  seekFloor(key: Uint8Array): boolean {
    if (!this.#begin()) return false;
    const at = this.#descend(key);
    this.#index = at < 0 ? ~at - 1 : at;
    this.#generation = this.#source.generation;
    if (this.#index >= 0) return this.#show();
    return this.#step(-1);
  }

  next(): boolean {
    if (!this.#valid) return false;
    this.#fresh();
    this.#refresh();
    this.#index += 1;
    return this.#index < this.#count ? this.#show() : this.#step(1);
  }

  previous(): boolean {
    if (!this.#valid) return false;
    this.#fresh();
    this.#refresh();
    this.#index -= 1;
    return this.#index >= 0 ? this.#show() : this.#step(-1);
  }

  run(starts: Int32Array, most: number, high: Uint8Array | null, highLength: number): number {
    assert(this.#valid && most > 0 && most <= starts.length, "a run begins on an entry and has room");
    const end = Math.min(this.endBelow(high, highLength), this.#index + most);
    const found = valueStartsOf(this.#u8, this.#i32, this.#base, this.#index, end, starts);
    if (found === 0) return 0;
    this.#index += found - 1;
    this.#show();
    return found;
  }

  path(places: Int32Array, counts: Int32Array): number {
    assert(
      this.#valid && places.length >= treeHeightMax && counts.length >= treeHeightMax,
      "a way has an end and room",
    );
    this.#fresh();
    this.#refresh();
    places[0] = this.#index;
    counts[0] = this.#count;
    for (let level = 1; level < this.#height; level++) {
      const frame = this.#source.frameOf(this.#numbers[level]);
      places[level] = this.#indexes[level];
      counts[level] = countOf(this.#source.space.i32[chunkOf(frame)], baseOf(frame));
    }
    return Math.max(1, this.#height);
  }

  countsBeneath(level: number, place: number, counts: Int32Array): void {
    assert(this.#valid && level > 0 && level < this.#height, "what is beneath a place is a page");
    this.#fresh();
    this.#refresh();
    const { space } = this.#source;
    let frame = this.#source.frameOf(this.#numbers[level]);
    let at = place;
    for (let below = level - 1; below >= 0; below--) {
      const number = childOf(space.i32[chunkOf(frame)], baseOf(frame), at);
      frame = this.#source.frameOf(number);
      const count = countOf(space.i32[chunkOf(frame)], baseOf(frame));
      counts[below] = count;
      at = count >> 1;
    }
  }

  seekBeneath(level: number, place: number): void {
    assert(this.#valid && level > 0 && level < this.#height, "what is beneath a place is a page");
    this.#fresh();
    this.#refresh();
    const { space } = this.#source;
    let at = place;
    for (let above = level; above > 0; above--) {
      const frame = this.#source.frameOf(this.#numbers[above]);
      const number = childOf(space.i32[chunkOf(frame)], baseOf(frame), at);
      this.#indexes[above] = at;
      this.#numbers[above - 1] = number;
      const child = this.#source.frameOf(number);
      at = countOf(space.i32[chunkOf(child)], baseOf(child)) >> 1;
    }
    this.#enterLeaf();
    this.#generation = this.#source.generation;
    this.#index = 0;
    this.#show();
  }

  /** This cursor as a place in a page that never changes; null when the page may still change. */
  get place(): PlaceInPage | null {
    return this.#source.isPublished ? this : null;
  }

  get pageNumber(): number {
    return this.#numbers[0];
  }

  get pageBirth(): number {
    this.#stand();
    return birthOf(this.#i32, this.#base);
  }

  get pageEntries(): number {
    this.#stand();
    return this.#count;
  }

  get pageIndex(): number {
    return this.#index;
  }

  standAt(index: number): void {
    assert(this.#valid && index >= 0 && index < this.#count, "a cursor stands on one of its page's entries");
    this.#fresh();
    this.#refresh();
    this.#index = index;
    // Its value is looked at when it is asked for: most places are only passed.
    this.#isShown = false;
  }

  startsInPage(starts: Int32Array): number {
    this.#stand();
    assert(starts.length >= this.#count, "there is room for where each of a page's values begins");
    return valueStartsOf(this.#u8, this.#i32, this.#base, 0, this.#count, starts);
  }

  positionsInPage(starts: Int32Array, from: Float64Array): void {
    this.#stand();
    positionsOf(this.#view, this.#count, starts, from);
  }

  endBelow(high: Uint8Array | null, highLength: number): number {
    this.#fresh();
    this.#refresh();
    if (high === null) return this.#count;
    // Most pages lie below the end of what is read as a whole: the last entry tells.
    const at = searchLeaf(this.#u8, this.#i32, this.#base, high, highLength, this.#count - 1);
    return at < 0 ? ~at : at;
  }

  toTrue(position: number, truth: Truth, high: Uint8Array | null, highLength: number): void {
    assert(this.#valid, "what is true is looked for from an entry on");
    const end = this.endBelow(high, highLength);
    const found = truth === "now" ? this.#firstTrue(position, end) : this.#firstInPast(position, end);
    const index = Math.min(found, end - 1);
    if (index <= this.#index) return;
    this.#index = index;
    this.#show();
  }

  /** The first entry that is true, or of which that cannot be told; `end` when there is none. */
  #firstTrue(position: number, end: number): number {
    const found = firstTrue(this.#view, this.#u8, this.#i32, this.#base, this.#index, end, position);
    return found < 0 ? ~found : found;
  }

  #firstInPast(position: number, end: number): number {
    const one = this.#one;
    const found = trueInPast(this.#view, this.#u8, this.#i32, this.#base, this.#index, end, position, one, 1);
    return found === 0 ? end : (one[0] ?? 0);
  }

  runPast(position: number, starts: Int32Array, most: number, high: Uint8Array | null, highLength: number): number {
    assert(this.#valid && most > 0 && most <= starts.length, "a run begins on an entry and has room");
    const end = this.endBelow(high, highLength);
    const told = trueInPast(this.#view, this.#u8, this.#i32, this.#base, this.#index, end, position, starts, most);
    const found = told < 0 ? ~told : told;
    if (found === 0) return told;
    this.#index = starts[found - 1] ?? 0;
    this.#isShown = false;
    for (let at = 0; at < found; at++) starts[at] = valueStartOf(this.#i32, this.#base, starts[at] ?? 0);
    return told;
  }

  /** To the nearest entry of the leaf after (1) or before (-1) this one. */
  #step(direction: 1 | -1): boolean {
    this.#valid = false;
    this.#source.prepare();
    let level = 1;
    let number = 0;
    for (; level < this.#height; level++) {
      const frame = this.#source.frameOf(this.#numbers[level]);
      const i32 = this.#source.space.i32[chunkOf(frame)];
      const index = this.#indexes[level] + direction;
      if (index < 0 || index >= countOf(i32, baseOf(frame))) continue;
      this.#indexes[level] = index;
      number = childOf(i32, baseOf(frame), index);
      break;
    }
    if (level >= this.#height) return false;
    for (level -= 1; level > 0; level--) {
      const frame = this.#source.frameOf(number);
      const i32 = this.#source.space.i32[chunkOf(frame)];
      const base = baseOf(frame);
      assert(levelOf(i32, base) === level, "a child lies one level below its branch");
      const index = direction === 1 ? 0 : countOf(i32, base) - 1;
      this.#numbers[level] = number;
      this.#indexes[level] = index;
      number = childOf(i32, base, index);
    }
    this.#numbers[0] = number;
    this.#enterLeaf();
    this.#generation = this.#source.generation;
    this.#index = direction === 1 ? 0 : this.#count - 1;
    this.#valid = true;
    this.#isShown = false;
    return true;
  }

  #stand(): void {
    assert(this.#valid, "a cursor is read where it stands on an entry");
    this.#fresh();
    if (this.#generation !== this.#source.generation) {
      this.#refresh();
      this.#isShown = false;
    }
  }

  #look(): void {
    this.#stand();
    if (!this.#isShown) this.#show();
  }

  get keyLength(): number {
    this.#stand();
    return prefixOf(this.#i32, this.#base) + suffixLengthOf(this.#i32, this.#base, this.#index);
  }

  keyInto(target: Uint8Array): number {
    this.#stand();
    assert(target.length >= this.keyLength, "a key fits where it is copied to");
    return copyKey(this.#u8, this.#i32, this.#base, this.#index, leafCellHead, target);
  }

  get valueLength(): number {
    this.#look();
    return this.#length;
  }

  get valueStart(): number {
    this.#look();
    return this.#isLong ? 0 : this.#start;
  }

  get valueBytes(): Uint8Array {
    this.#look();
    if (!this.#isLong) return this.#u8;
    this.#readLong();
    return this.#long;
  }

  get valueView(): DataView {
    this.#look();
    if (!this.#isLong) return this.#view;
    this.#readLong();
    return this.#longView;
  }

  #readLong(): void {
    if (this.#isLongRead) return;
    assert(this.#length <= treeValueBytesMax, "a value is at most 1 MiB long");
    if (this.#long.length < this.#length) {
      this.#long = new Uint8Array(treeValueBytesMax);
      this.#longView = new DataView(this.#long.buffer);
    }
    const head = this.#view.getUint32(this.#start + 4, true);
    readOverflow(this.#source, head, this.#length, this.#long);
    this.#isLongRead = true;
  }
}
