/**
 * Page numbers: which are free, and when one that is no longer used may be used again.
 *
 * A page made in version b and given up in version w is reached from the versions b to w - 1, and from no other. It is recycled when
 * none of these is kept. Kept are: versions that readers pin, the published one and those sealed after it, the one that a running
 * checkpoint writes, and the last durable one (its pages are what a crash falls back to, so their places in the file are not
 * written either: they are freed in two steps, T30).
 *
 * A version's *batch* lists what it allocated and what it gave up. Batches of unpublished versions wait in order. Rolling back
 * drops the newest: what they allocated is free at once (nobody else ever saw it), what they gave up was never given up. On publishing,
 * each page given up goes to the free list, or into the *bucket* of one kept version that reaches it; a bucket is looked
 * through again when its version is let go.
 *
 * Invariant: each number below `pageCount` is exactly one of: page 0, free, reached from the working version, reached from a version
 * that is kept or unpublished, or part of the durable checkpoint's free list.
 */
import { assert } from "../types/assert.js";
import { BirthList, NumberList } from "./number-list.js";

interface Batch {
  version: number;
  readonly allocated: NumberList;
  readonly freed: BirthList;
}

/** What the allocator needs of the page cache. */
interface FrameKeeper {
  /** Forgets a page's frame. False when a running checkpoint still reads it. */
  release(number: number): boolean;
}

export class PageAllocator {
  /** Page numbers in use or free lie below this. */
  pageCount: number;
  readonly pagesMax: number;
  readonly #frames: FrameKeeper;
  readonly #free = new NumberList();
  /** Allocated and given up within the working version. */
  readonly #spare = new NumberList();
  #working: Batch;
  /** Sealed and not yet published, oldest first. */
  #sealed: Batch[] = [];
  readonly #idle: Batch[] = [];
  readonly #buckets = new Map<number, BirthList>();
  /** Versions that are kept, ascending. */
  #kept: number[] = [];
  #checkpointVersion = -1;

  constructor(frames: FrameKeeper, pagesMax: number, pageCount: number, working: number) {
    assert(pageCount >= 1 && pageCount <= pagesMax, "page 0 is never allocated, and pages stay within their bound");
    this.#frames = frames;
    this.pagesMax = pagesMax;
    this.pageCount = pageCount;
    this.#working = { version: working, allocated: new NumberList(), freed: new BirthList() };
  }

  /** Numbers that can still be allocated. */
  get available(): number {
    return this.#free.length + this.#spare.length + this.pagesMax - this.pageCount;
  }

  get freePages(): number {
    return this.#free.length + this.#spare.length;
  }

  /** Pages given up that a kept version still reaches. */
  get heldPages(): number {
    let held = 0;
    for (const bucket of this.#buckets.values()) held += bucket.length;
    return held;
  }

  #takeFree(): number {
    if (this.#free.length > 0) return this.#free.pop();
    assert(this.pageCount < this.pagesMax, "an operation made sure of its page numbers before it began");
    this.pageCount += 1;
    return this.pageCount - 1;
  }

  allocate(): number {
    if (this.#spare.length > 0) return this.#spare.pop();
    const number = this.#takeFree();
    this.#working.allocated.push(number);
    return number;
  }

  /** Gives up a page in the working version. */
  free(number: number, birth: number): void {
    assert(number > 0 && number < this.pageCount, "a page that is given up was allocated");
    assert(birth <= this.#working.version, "snapshot: a page is given up no earlier than it was made");
    if (birth < this.#working.version) {
      this.#working.freed.push(number, birth);
      return;
    }
    assert(this.#frames.release(number), "snapshot: no checkpoint reads a page of the working version");
    this.#spare.push(number);
  }

  #take(version: number): Batch {
    const batch = this.#idle.pop();
    if (batch === undefined) return { version, allocated: new NumberList(), freed: new BirthList() };
    batch.version = version;
    batch.allocated.length = 0;
    batch.freed.clear();
    return batch;
  }

  /** Ends the working version; `next` is the new one. */
  seal(next: number): void {
    const sealed = this.#working;
    assert(next > sealed.version, "order: versions only grow");
    // Nothing reaches these; they count as given up at once, so that they are free when this version is published or dropped.
    while (this.#spare.length > 0) sealed.freed.push(this.#spare.pop(), sealed.version);
    this.#sealed.push(sealed);
    this.#working = this.#take(next);
  }

  /** Drops the working version and all sealed ones after `version`. */
  rollback(version: number, next: number): void {
    assert(next > this.#working.version, "order: versions only grow");
    this.#drop(this.#working);
    this.#spare.length = 0; // dropped with the rest of what was allocated
    for (;;) {
      const last = this.#sealed.at(-1);
      if (last === undefined || last.version <= version) break;
      this.#sealed.pop();
      this.#drop(last);
    }
    this.#working = this.#take(next);
  }

  #drop(batch: Batch): void {
    const { items, length } = batch.allocated;
    for (let at = 0; at < length; at++) {
      assert(this.#frames.release(items[at]), "snapshot: no checkpoint reads a page of an unpublished version");
      this.#free.push(items[at]);
    }
    this.#idle.push(batch);
  }

  /** Sets the kept versions (ascending) after `published` became the one that readers take, and recycles what that allows. */
  publish(published: number, kept: readonly number[]): void {
    this.#setKept(kept);
    for (;;) {
      const first = this.#sealed[0];
      if (first === undefined || first.version > published) break;
      this.#sealed.shift();
      const { numbers, births } = first.freed;
      for (let at = 0; at < numbers.length; at++) this.#dispatch(numbers.items[at], births[at], first.version);
      this.#idle.push(first);
    }
  }

  /** Sets the kept versions, ascending, and recycles what was held only by those that are no longer among them. */
  keep(kept: readonly number[]): void {
    this.#setKept(kept);
  }

  #setKept(kept: readonly number[]): void {
    this.#kept = kept as number[];
    for (const [version, bucket] of this.#buckets) {
      if (kept.includes(version)) continue;
      this.#buckets.delete(version);
      for (let at = 0; at < bucket.length; at++) this.#dispatch(bucket.numbers.items[at], bucket.births[at], version);
    }
  }

  #dispatch(number: number, birth: number, before: number): void {
    let holder = -1;
    for (let at = this.#kept.length - 1; at >= 0; at--) {
      if (this.#kept[at] < before) {
        holder = this.#kept[at];
        break;
      }
    }
    if (holder >= birth) this.hold(number, birth, holder);
    else if (this.#frames.release(number)) this.#free.push(number);
    else this.hold(number, this.#checkpointVersion, this.#checkpointVersion);
  }

  /** Keeps a page from being recycled as long as `holder` is kept. */
  hold(number: number, birth: number, holder: number): void {
    assert(this.#kept.includes(holder), "snapshot: a page is held by a version that is kept");
    let bucket = this.#buckets.get(holder);
    if (bucket === undefined) {
      bucket = new BirthList();
      this.#buckets.set(holder, bucket);
    }
    bucket.push(number, birth);
  }

  /** The version that a running checkpoint writes; it must be kept. -1 when there is none. */
  setCheckpoint(version: number): void {
    assert(version === -1 || this.#kept.includes(version), "snapshot: a version that is being written is kept");
    this.#checkpointVersion = version;
  }

  /** Numbers that are free for whoever opens the store at the published version. */
  countFreeFor(): number {
    let count = this.#free.length + this.heldPages + this.#working.allocated.length;
    for (const batch of this.#sealed) count += batch.allocated.length;
    return count;
  }

  /** Takes the numbers for the pages of a checkpoint's free list; the caller has them held. */
  takeChain(length: number): Uint32Array<SharedArrayBuffer> {
    const chain = new Uint32Array(new SharedArrayBuffer(length * 4));
    for (let at = 0; at < length; at++) chain[at] = this.#takeFree();
    return chain;
  }

  /** Fills in the numbers that `countFreeFor` counted. Call it before the chain is held. */
  freeFor(): Uint32Array<SharedArrayBuffer> {
    const numbers = new Uint32Array(new SharedArrayBuffer(this.countFreeFor() * 4));
    let to = 0;
    const add = (list: NumberList): void => {
      numbers.set(list.items.subarray(0, list.length), to);
      to += list.length;
    };
    add(this.#free);
    for (const bucket of this.#buckets.values()) add(bucket.numbers);
    for (const batch of this.#sealed) add(batch.allocated);
    add(this.#working.allocated);
    assert(to === numbers.length, "a checkpoint's free list has all that was counted");
    return numbers;
  }

  /** On opening: numbers that the checkpoint lists as free. */
  addFree(number: number): void {
    assert(number > 0 && number < this.pageCount, "a free page number is within the file");
    this.#free.push(number);
  }
}
