/**
 * A walk over the entries of one space (runtime/store/table-trees.ts) between two keys, in the order of their items: those that are true
 * now, those that were true at a position, or all versions that were true at some position of a range.
 *
 * What is true now needs one cursor. The past is a merge of two: where both stand on the same item, the versions of the past come before the
 * one of now. A position in time has at most one version of an item, and the entries of the past lie by their ends: the first one that ends
 * behind the position is the only candidate, so a row that has changed a thousand times costs a seek and not a thousand steps.
 */
import { fromBytes, itemAt, positionAt, type SpaceTrees, toBytes } from "../../store/table-trees.js";
import type { Cursor, PlaceInPage, TreeReader } from "../../store/tree.js";
import { assert } from "../../types/assert.js";
import type { CachedPage } from "./cached-page.js";
import type { ColumnCache } from "./column-cache.js";
import { isLastOfPage, keptPage, toTrue } from "./kept-pages.js";
import { compareBytes, KeyBuffer, lastKey, positionOf, setPosition } from "./key-buffer.js";
import { behindPrefix } from "./key-codec.js";
import { WalkBounds } from "./walk-bounds.js";

/** Versions that were true at some position p with `from <= p < to`; null is what is true now. */
export interface Versions {
  readonly from: number;
  /** Infinity: up to now. */
  readonly to: number;
}

export const isPointInTime = ({ from, to }: Versions): boolean => to === from + 1;

export class VersionWalk {
  readonly #trees: SpaceTrees;
  #now: Cursor;
  #before: Cursor;
  #reader: TreeReader;
  readonly #bounds = new WalkBounds();
  #isBackward = false;
  #versions: Versions | null = null;
  /** Whether that is one position. */
  #isPoint = false;
  readonly #nowBuffer = new KeyBuffer();
  /** Whether that is the key of where the cursor of the present stands. */
  #hasNowKey = false;
  readonly #beforeBuffer = new KeyBuffer();
  /** Whether that is the key of where the cursor of the past stands. */
  #hasBeforeKey = false;
  /** Whether the last run gave all that is true in its page of the past, which comes before the next entry of the present. */
  #isPageDone = false;
  /** Whether the two stand on an entry within the bounds that is still to be given. */
  #hasNow = false;
  #hasBefore = false;
  /** Whether the entry that was given last is still to be stepped over, and on which side. */
  #given: "none" | "now" | "before" = "none";
  #isOpen = false;
  /** Where pages that were decoded before are found; null when they are not looked for. */
  #cache: ColumnCache | null = null;
  /** The page that the last run lies in, if it is kept; null when not. */
  page: CachedPage | null = null;
  /** Where in that page the run begins, if all of it lies side by side; -1 when not. */
  first = -1;
  /** Of a walk that goes on in the midst of an item's versions: those up to this end (backward: from it on) were given before. */
  readonly #passedKey = new KeyBuffer();
  #passedTo = -1;

  constructor(reader: TreeReader, trees: SpaceTrees) {
    this.#trees = trees;
    this.#reader = reader;
    this.#now = reader.cursor(trees.now);
    this.#before = reader.cursor(trees.before);
  }

  /**
   * Begins a walk over keys of the present's form from `low` (inclusive) to `high` (exclusive; null is without an end).
   */
  open(
    low: Uint8Array,
    lowLength: number,
    high: Uint8Array | null,
    highLength: number,
    isBackward: boolean,
    versions: Versions | null,
  ): void {
    this.#begin(low, lowLength, high, highLength, isBackward, versions, -1);
  }

  #begin(
    low: Uint8Array,
    lowLength: number,
    high: Uint8Array | null,
    highLength: number,
    isBackward: boolean,
    versions: Versions | null,
    passedTo: number,
  ): void {
    this.#passedTo = passedTo;
    this.#bounds.set(low, lowLength, high, highLength);
    this.#isBackward = isBackward;
    this.#versions = versions;
    this.#isPoint = versions !== null && isPointInTime(versions);
    this.#given = "none";
    this.#isPageDone = false;
    this.#isOpen = true;
    this.#hasNow = isBackward ? this.#toHigh(this.#now) : this.#now.seek(this.#bounds.lowKey);
    this.#checkNow();
    this.#hasBefore = false;
    if (versions === null) return;
    this.#hasBefore = isBackward ? this.#toHigh(this.#before) : this.#before.seek(this.#bounds.lowKey);
    this.#settleBefore();
  }

  /** Goes on in another version of the state (a later one), behind the item that was given last. */
  resume(reader: TreeReader, versions: Versions | null): void {
    assert(this.#isOpen, "a walk that goes on was begun");
    if (this.#reader !== reader) {
      this.#reader = reader;
      this.#now = reader.cursor(this.#trees.now);
      this.#before = reader.cursor(this.#trees.before);
    }
    let low = this.#bounds.lowKey.slice();
    let high = this.#bounds.highKey?.slice() ?? null;
    this.#passedTo = -1;
    if (this.#given !== "none") {
      const key = this.key.slice(0, this.keyLength);
      const behind = key.slice();
      const behindLength = behindPrefix(behind, behind.length);
      assert(behindLength > 0, "a key begins with a tenant, so some key is behind it");
      // One version of an item was given and others may follow: they are told apart by their ends.
      const isMidst = versions !== null && !isPointInTime(versions) && this.#given === "before";
      if (isMidst) {
        this.#passedKey.set(key, key.length);
        this.#passedTo = this.to;
      }
      if (!this.#isBackward) low = isMidst ? key : behind.subarray(0, behindLength);
      else high = isMidst ? behind.subarray(0, behindLength) : key;
    }
    const passedTo = this.#passedTo;
    this.#begin(low, low.length, high, high?.length ?? 0, this.#isBackward, versions, passedTo);
  }

  #toHigh(cursor: Cursor): boolean {
    const high = this.#bounds.highKey;
    if (high === null) return cursor.seekFloor(lastKey);
    if (!cursor.seekFloor(high)) return false;
    // The bound itself is excluded.
    const key = cursor === this.#now ? this.#nowBuffer : this.#beforeBuffer;
    key.take(cursor);
    return compareBytes(key.bytes, key.length, high, high.length) < 0 || cursor.previous();
  }

  /** Next entry; then the fields below describe it until the next call. */
  next(): boolean {
    this.#stepGiven();
    if (this.#isPoint && !this.#isBackward) this.#settleNow();
    for (;;) {
      if (!this.#hasNow && !this.#hasBefore) return false;
      if (this.#isBeforeFirst()) {
        this.#given = "before";
        return true;
      }
      if (this.#versions === null || this.#fromOf(this.#now) < this.#versions.to) {
        this.#given = "now";
        return true;
      }
      this.#stepNow();
    }
  }

  /** From now on, pages that are walked as a whole are looked for, and kept, there. */
  keepIn(cache: ColumnCache): void {
    this.#cache = cache;
  }

  /**
   * Many entries at once: those that lie side by side, of the present or of the past, and are true at the walk's position in time. Of a `page`
   * that is kept, their places in it go to `found` unless they lie side by side from `first` on; of any other where their contents begin; at most
   * `most`. The walk then stands on the last of them, or behind it in the same page. 0 when the next entry has to be asked for by `next`, which also tells whether there is one.
   */
  run(found: Int32Array, most: number): number {
    if (this.#isBackward || this.#now.run === undefined) return 0;
    if (!this.#isPoint && (this.#hasBefore || this.#given === "before")) return 0;
    if (this.#isPageDone) {
      const count = this.#runNextPage(found, most);
      if (count > 0) return count;
    }
    for (;;) {
      this.#stepGiven();
      if (this.#isPoint) this.#settleNow();
      if (this.#isBeforeFirst()) return this.#runBefore(found, most);
      if (!this.#hasNow) return 0;
      // Up to the next entry of the past, which is settled on one that is to be given.
      const high = this.#hasBefore ? this.#beforeKey.bytes : this.#bounds.high;
      const highLength = this.#hasBefore ? this.#beforeKey.length - toBytes : this.#bounds.highLength;
      const kept = this.#runNow(found, most, high, highLength);
      if (kept !== 0) return Math.max(0, kept);
    }
  }

  /** -1 when the next entry has to be asked for by `next`. */
  #runNow(found: Int32Array, most: number, high: Uint8Array | null, highLength: number): number {
    const { place = null } = this.#now;
    this.page = keptPage(this.#cache, this.#now, this.#bounds);
    let count: number;
    if (this.page === null || place === null) {
      const met = this.#now.run?.(found, most, high, highLength) ?? 0;
      if (met === 0) return -1;
      count = this.#keepTrue(found, met);
    } else {
      const from = place.pageIndex;
      const end = Math.min(place.endBelow(high, highLength), from + most);
      const isWhole = this.page.isTrue(this.#last);
      this.first = isWhole ? from : -1;
      count = isWhole ? end - from : this.page.allTrue(from, end, this.#last, found);
      place.standAt(end - 1);
    }
    this.#hasNowKey = false;
    this.#given = "now";
    return count;
  }

  /** The last position that is read. */
  get #last(): number {
    return this.#versions === null ? Number.POSITIVE_INFINITY : this.#versions.to - 1;
  }

  /** The entries of the past that are true and come before the next one of the present. */
  #runBefore(found: Int32Array, most: number): number {
    assert(this.#isPoint, "many entries of the past are given of one point in time");
    const { place = null } = this.#before;
    if (place !== null && this.#isFirst(place)) return this.#runPast(found, most, null, 0);
    const high = this.#hasNow ? this.#nowKey.bytes : this.#bounds.high;
    return this.#runPast(found, most, high, this.#hasNow ? this.#nowKey.length : this.#bounds.highLength);
  }

  /** `high` is null when all of the page comes next. */
  #runPast(found: Int32Array, most: number, high: Uint8Array | null, length: number): number {
    const versions = this.#versions;
    assert(versions !== null, "the past is walked when it is asked for");
    const { place = null } = this.#before;
    const told = this.#before.runPast?.(versions.from, found, most, high, length) ?? 0;
    const count = told < 0 ? ~told : told;
    if (count === 0) return 0;
    for (let index = 0; index < count; index++) found[index] = (found[index] ?? 0) + fromBytes;
    this.page = null;
    this.#hasBeforeKey = false;
    this.#given = "before";
    this.#isPageDone = high === null && told >= 0 && count < most && place !== null;
    return count;
  }

  /**
   * What is true in the page of the past behind the one that was given to its end, when all of it comes before the next entry of the present. 0 when that is
   * to be found out entry by entry.
   */
  #runNextPage(found: Int32Array, most: number): number {
    const before = this.#before;
    const { place = null } = before;
    assert(place !== null && this.#given === "before", "a page that was given to its end is one that never changes");
    place.standAt(place.pageEntries - 1);
    this.#isPageDone = false;
    this.#given = "none";
    this.#hasBeforeKey = false;
    this.#hasBefore = before.next();
    if (!this.#hasBefore) return 0;
    let count = 0;
    if (this.#isFirst(place) || (this.#hasNow && (this.#settleNow(), this.#isFirst(place))))
      count = this.#runPast(found, most, null, 0);
    if (count === 0) this.#settleBefore();
    return count;
  }

  /** Whether all of a page of the past comes before the next entry of the present, and within bounds. */
  #isFirst(place: PlaceInPage): boolean {
    const high = this.#hasNow ? this.#nowKey.bytes : this.#bounds.high;
    const length = this.#hasNow ? this.#nowKey.length : this.#bounds.highLength;
    return place.endBelow(high, length) === place.pageEntries;
  }

  /** What is read of the page that the last run lies in. */
  get place(): PlaceInPage {
    const { place = null } = this.#cursor;
    assert(place !== null, "a page that is kept never changes");
    return place;
  }

  /** Contents instead of values, and only those that are true at the walk's position. */
  #keepTrue(starts: Int32Array, found: number): number {
    const versions = this.#versions;
    const view = this.#now.valueView;
    let kept = 0;
    for (let index = 0; index < found; index++) {
      const start = starts[index] ?? 0;
      if (versions !== null && positionAt(view, start) >= versions.to) continue;
      starts[kept] = start + fromBytes;
      kept += 1;
    }
    return kept;
  }

  /** Steps over the entry that was given last. */
  #stepGiven(): void {
    if (this.#given === "now") this.#stepNow();
    else if (this.#given === "before") {
      this.#hasBefore = this.#isBackward ? this.#before.previous() : this.#before.next();
      this.#settleBefore();
    }
    this.#given = "none";
    this.#isPageDone = false;
  }

  /**
   * Moves the cursor of the present on to an entry that is true at the walk's point in time, or at least behind the page that the cursor of the past
   * stands in: what is true there comes first, and the rest of the way is for later.
   */
  #settleNow(): void {
    const versions = this.#versions;
    assert(versions !== null, "a point in time has a position");
    while (this.#hasNow && this.#fromOf(this.#now) >= versions.to) {
      toTrue(this.#cache, this.#now, versions.from, this.#bounds);
      this.#hasNowKey = false;
      if (this.#fromOf(this.#now) < versions.to) this.#checkNow();
      else if (this.#hasBefore && this.#isBehindPast()) return;
      else this.#stepNow();
    }
  }

  /** Whether the cursor of the present stands behind all that the page of the other one has. */
  #isBehindPast(): boolean {
    const { bytes, length } = this.#nowKey;
    const { place = null } = this.#before;
    if (place === null) return this.#isBeforeFirst();
    return place.endBelow(bytes, length) === place.pageEntries;
  }

  #stepNow(): void {
    this.#hasNow = this.#isBackward ? this.#now.previous() : this.#now.next();
    this.#checkNow();
  }

  #isBeforeFirst(): boolean {
    if (!this.#hasBefore) return false;
    if (!this.#hasNow) return true;
    const { bytes, length } = this.#beforeKey;
    const order = compareBytes(bytes, length - toBytes, this.#nowKey.bytes, this.#nowKey.length);
    return this.#isBackward ? order > 0 : order <= 0;
  }

  /** The key of where the cursor of the present stands: copied when somebody asks, as most pages are passed without. */
  get #nowKey(): KeyBuffer {
    if (!this.#hasNowKey) this.#nowBuffer.take(this.#now);
    this.#hasNowKey = true;
    return this.#nowBuffer;
  }

  get #beforeKey(): KeyBuffer {
    if (!this.#hasBeforeKey) this.#beforeBuffer.take(this.#before);
    this.#hasBeforeKey = true;
    return this.#beforeBuffer;
  }

  /** The version of the state is let go of: what `resume` has to know of it is kept. */
  hold(): void {
    if (this.#given !== "none") assert(this.keyLength > 0, "an entry that was given has a key");
  }

  /** Whether the cursor of the present stands within the bounds. */
  #checkNow(): void {
    if (!this.#hasNow) return;
    this.#hasNowKey = false;
    const { place = null } = this.#now;
    this.#hasNow =
      place === null || this.#cache === null || this.#isBackward
        ? this.#isWithin(this.#nowKey.bytes, this.#nowKey.length)
        : this.#bounds.endIn(place) > place.pageIndex;
  }

  #isWithin(bytes: Uint8Array, length: number): boolean {
    return this.#isBackward ? this.#bounds.isFromLow(bytes, length) : this.#bounds.isBelowHigh(bytes, length);
  }

  /** Moves the cursor of the past on to an entry that is to be given. */
  #settleBefore(): void {
    const versions = this.#versions;
    assert(versions !== null, "the past is walked when it is asked for");
    const cursor = this.#before;
    const key = this.#beforeBuffer;
    const isForwardPoint = this.#isPoint && !this.#isBackward;
    let hasStepped = false;
    while (this.#hasBefore) {
      if (isForwardPoint) cursor.toTrue?.(versions.from, "past", this.#bounds.high, this.#bounds.highLength);
      key.take(cursor);
      this.#hasBeforeKey = true;
      const itemLength = key.length - toBytes;
      if (!this.#isWithin(key.bytes, itemLength)) {
        this.#hasBefore = false;
        return;
      }
      const to = positionOf(key);
      if (to <= versions.from && isForwardPoint && !hasStepped && isLastOfPage(cursor)) {
        // The next page most likely has one that is true; if it has not, an item of very many versions is passed over by a search.
        hasStepped = true;
        this.#hasBefore = cursor.next();
      } else if (to <= versions.from) {
        // Forward, to the first version that ends behind it; backward, nothing before it does.
        setPosition(key, this.#isBackward ? 0 : versions.from + 1);
        const place = key.bytes.subarray(0, key.length);
        this.#hasBefore = this.#isBackward ? cursor.seekFloor(place) : cursor.seek(place);
      } else if (this.#fromOf(cursor) >= versions.to) {
        this.#hasBefore = this.#isBackward ? cursor.previous() : cursor.next();
      } else if (this.#passedTo >= 0 && this.#wasGiven(key, itemLength, to)) {
        this.#hasBefore = this.#isBackward ? cursor.previous() : cursor.next();
      } else return;
    }
  }

  #wasGiven(key: KeyBuffer, itemLength: number, to: number): boolean {
    const passed = this.#passedKey;
    if (compareBytes(key.bytes, itemLength, passed.bytes, passed.length) !== 0) return false;
    return this.#isBackward ? to >= this.#passedTo : to <= this.#passedTo;
  }

  #fromOf(cursor: Cursor): number {
    return positionAt(cursor.valueView, cursor.valueStart);
  }

  get #cursor(): Cursor {
    return this.#given === "before" ? this.#before : this.#now;
  }

  /** The whole key, tenant and object included. */
  get key(): Uint8Array {
    return this.#given === "before" ? this.#beforeKey.bytes : this.#nowKey.bytes;
  }

  get keyLength(): number {
    return this.#given === "before" ? this.#beforeKey.length - toBytes : this.#nowKey.length;
  }

  get itemLength(): number {
    return this.keyLength - itemAt;
  }

  get from(): number {
    return this.#fromOf(this.#cursor);
  }

  /** Whether it is of a transaction that has no position. */
  get isPending(): boolean {
    return this.#cursor.isPending === true;
  }

  /** Infinity while it is true. */
  get to(): number {
    return this.#given === "before" ? positionOf(this.#beforeKey) : Number.POSITIVE_INFINITY;
  }

  get bytes(): Uint8Array {
    return this.#cursor.valueBytes;
  }

  get view(): DataView {
    return this.#cursor.valueView;
  }

  /** Where the content begins, and how long it is. */
  get contentAt(): number {
    return this.#cursor.valueStart + fromBytes;
  }

  get contentLength(): number {
    return this.#cursor.valueLength - fromBytes;
  }
}
