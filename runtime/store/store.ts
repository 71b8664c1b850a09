/**
 * The store of a shard, on its single writer's side.
 *
 * Life of a version: the *working* version takes the writes; `seal` ends it and gives it a root page (speculative: decided, not
 * committed); `publish` makes a sealed version the snapshot that readers take; `rollbackTo` drops what is newer than a version.
 * A checkpoint freezes the published version and writes it to the page file, from where `Store.open` takes it up again.
 *
 * Invariants:
 *   1. versions grow: durable <= published <= sealed < working. Their numbers are never used twice.
 *   2. a page that a kept, sealed or pinned version reaches is neither changed nor recycled (allocator.ts).
 *   3. nothing of an unpublished version is visible to readers, or in a checkpoint.
 */
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import { PageAllocator } from "./allocator.js";
import { type CheckpointJob, entryFrame, entryNumber, freeListEntries, jobEntry } from "./checkpoint.js";
import { type CheckpointRecord, decodeCheckpointRecord } from "./checkpoint-record.js";
import { Control, snapshotSlots } from "./control.js";
import { checkFileHead, writeFileHead } from "./file-head.js";
import { FramePool, framesMin } from "./frame-pool.js";
import { readFreeList } from "./free-list.js";
import type { StoreHandle } from "./handle.js";
import { pageBytes, pageKindRoot } from "./layout.js";
import { type PageFile, pageCorrupt } from "./page-file.js";
import { allocateChunks, baseOf, chunkOf, PageSpace } from "./page-space.js";
import { allocatePageTable, pagesMaxDefault } from "./page-table.js";
import { copyUserHeader, emptyRoots, readRoot, type TreeRoots, userHeaderBytesMax, writeRoot } from "./root-page.js";
import { WriterTrees } from "./writer-trees.js";

export interface StoreOptions {
  readonly file: PageFile;
  /** The cluster's id, 16 bytes: pages state it, so that another cluster's are noticed. */
  readonly clusterId: Uint8Array;
  /** Bound of the page cache, allocated as address space at once. */
  readonly cacheBytes: number;
  /** Bound of the page file in pages; 8 bytes of address space each. */
  readonly pagesMax?: number;
  /** Waits a moment for readers to let go of frames; false when it has been long enough. The default sleeps 1 ms, 200 times. */
  readonly pause?: () => boolean;
}

/**
 * A version that the working one may build on. Its trees and header are kept here too, so that rolling back reads no page: it must not
 * be refused for want of a frame.
 */
interface SealedVersion {
  version: number;
  root: number;
  readonly trees: TreeRoots;
  readonly header: Uint8Array;
  headerLength: number;
}

const emptyVersion = (): SealedVersion => ({
  version: -1,
  root: 0,
  trees: emptyRoots(),
  header: new Uint8Array(userHeaderBytesMax),
  headerLength: 0,
});

function copyRoots(from: TreeRoots, to: TreeRoots): void {
  to.roots.set(from.roots);
  to.heights.set(from.heights);
  to.counts.set(from.counts);
}

export interface StoreStatus {
  readonly frames: number;
  readonly freeFrames: number;
  readonly limboFrames: number;
  readonly dirtyPages: number;
  readonly dirtyPagesMax: number;
  readonly pageCount: number;
  readonly freePages: number;
  readonly heldPages: number;
  readonly loads: number;
  readonly evictions: number;
  readonly spilled: number;
  readonly readers: number;
  readonly pinned: number;
}

const pauseMs = 1;
const pausesMax = 200;

function sleeper(): () => boolean {
  const words = new Int32Array(new SharedArrayBuffer(4));
  let pauses = 0;
  return () => {
    pauses = pauses >= pausesMax ? 0 : pauses + 1;
    if (pauses === 0) return false;
    Atomics.wait(words, 0, 0, pauseMs);
    return true;
  };
}

export const clusterShort = (clusterId: Uint8Array): number => {
  assert(clusterId.length === 16, "a cluster id is 16 bytes long");
  return new DataView(clusterId.buffer, clusterId.byteOffset).getInt32(0, true);
};

interface Parts {
  readonly handle: StoreHandle;
  readonly control: Control;
  readonly pool: FramePool;
  readonly allocator: PageAllocator;
  readonly working: number;
}

function makeParts(options: StoreOptions, pageCount: number, working: number): Parts {
  const frames = Math.max(framesMin, Math.floor(options.cacheBytes / pageBytes));
  const pagesMax = options.pagesMax ?? pagesMaxDefault;
  const handle: StoreHandle = {
    kind: "storeHandle",
    pageBytes,
    cluster: clusterShort(options.clusterId),
    chunks: allocateChunks(frames),
    table: allocatePageTable(pagesMax),
    reference: new SharedArrayBuffer(frames),
    control: Control.allocate(),
  };
  const control = new Control(handle.control);
  const pool = new FramePool(
    new PageSpace(handle.chunks),
    new Int32Array(handle.table),
    new Uint8Array(handle.reference),
    control,
    handle.cluster,
    options.file,
    options.pause ?? sleeper(),
  );
  return { handle, control, pool, allocator: new PageAllocator(pool, pagesMax, pageCount, working), working };
}

export class Store extends WriterTrees {
  readonly handle: StoreHandle;
  readonly #control: Control;
  #published: SealedVersion = emptyVersion();
  /** Sealed and not yet published, oldest first. */
  #sealed: SealedVersion[] = [];
  /** Of versions that were dropped or passed over, to be used again. */
  readonly #idle: SealedVersion[] = [];
  #durableVersion = -1;
  #job: CheckpointJob | null = null;
  /** Version in each snapshot slot, or -1. */
  readonly #slotVersions = new Float64Array(snapshotSlots).fill(-1);
  readonly #pins = new Uint8Array(snapshotSlots);

  private constructor(parts: Parts) {
    super(parts.pool, parts.allocator, parts.working);
    this.handle = parts.handle;
    this.#control = parts.control;
  }

  /** A new, empty store over a page file without content that matters. Version 1, empty, is published. */
  static create(options: StoreOptions): Store {
    writeFileHead(options.file, clusterShort(options.clusterId));
    const store = new Store(makeParts(options, 1, 1));
    store.publish(store.seal(new Uint8Array(0)));
    return store;
  }

  /**
   * The store as a checkpoint left it; its version is published. Reads the head of the file, the root page and the free list; all
   * other pages when they are first needed. Throws `dataCorrupt`, `dataMissing`, `formatUnsupported`.
   */
  static open(options: StoreOptions, recordBytes: Uint8Array): Store {
    const record = decodeCheckpointRecord(recordBytes);
    const cluster = clusterShort(options.clusterId);
    if (record.cluster !== cluster)
      throw pageCorrupt(options.file, 0, "checkpoint record", "it belongs to another cluster");
    if (record.pageCount > (options.pagesMax ?? pagesMaxDefault)) {
      throw new KimberliteError(
        "configurationInvalid",
        `the page file has ${record.pageCount} pages, more than its bound`,
      );
    }
    checkFileHead(options.file, cluster);
    const store = new Store(makeParts(options, record.pageCount, record.version + 1));
    store.#takeUp(record);
    return store;
  }

  #takeUp(record: CheckpointRecord): void {
    const { file } = this.pool;
    const checksum = new Uint32Array(1);
    file.read(new Uint8Array(checksum.buffer), 0, 4, record.rootPage * pageBytes);
    if (checksum[0] !== record.rootChecksum) {
      throw pageCorrupt(file, record.rootPage, "root", "it is not the page that the checkpoint record names");
    }
    const frame = this.pool.frameOf(record.rootPage);
    const i32 = this.pool.space.i32[chunkOf(frame)];
    const opened = this.#published;
    opened.version = record.version;
    opened.root = record.rootPage;
    readRoot(i32, baseOf(frame), opened.trees);
    opened.headerLength = copyUserHeader(this.pool.space.u8[chunkOf(frame)], i32, baseOf(frame), opened.header);
    this.#restore(opened);
    this.#durableVersion = record.version;
    this.#showSnapshot(this.#published);
    this.allocator.keep(this.#kept());
    readFreeList(
      file,
      record,
      (number) => this.allocator.hold(number, record.version, record.version),
      (number) => this.allocator.addFree(number),
    );
    assert(this.allocator.freePages === record.freePages, "an opened store has the free pages of its checkpoint");
  }

  /** Makes the working version a copy of another. */
  #restore(from: SealedVersion): void {
    copyRoots(from.trees, this.shape);
    this.shape.dropFingers();
    this.writes += 1;
  }

  get publishedVersion(): number {
    return this.#published.version;
  }

  /** The newest sealed version: the one that the working version builds on. */
  get sealedVersion(): number {
    return (this.#sealed.at(-1) ?? this.#published).version;
  }

  /** The version of the last checkpoint that was completed (or opened), or -1. */
  get durableVersion(): number {
    return this.#durableVersion;
  }

  /** Pages that a checkpoint would write; those that were spilled before are in the page file already. */
  get dirtyPages(): number {
    return this.pool.dirtyFrames;
  }

  /** From 0 to 1: how much of what the cache can take of changes is used. Start a checkpoint well before 1; there pages are spilled. */
  get cachePressure(): number {
    return Math.min(1, this.pool.dirtyFrames / this.dirtyFramesMax);
  }

  status(): StoreStatus {
    const census = this.#control.census();
    return {
      frames: this.pool.frames,
      freeFrames: this.pool.freeFrames,
      limboFrames: this.pool.limboFrames,
      dirtyPages: this.pool.dirtyFrames,
      dirtyPagesMax: this.dirtyFramesMax,
      pageCount: this.allocator.pageCount,
      freePages: this.allocator.freePages,
      heldPages: this.allocator.heldPages,
      loads: this.pool.loads,
      evictions: this.pool.evictions,
      spilled: this.pool.spilled,
      readers: census.attached,
      pinned: census.pinned,
    };
  }

  /** Ends the working version and returns its number. `header` (at most 512 bytes) is kept with it. */
  seal(header: Uint8Array): number {
    assert(header.length <= userHeaderBytesMax, "a user header is at most 512 bytes long");
    if (this.pool.freeFrames === 0) this.pool.makeRoom(1);
    const version = this.shape.working;
    const base = this.#sealed.at(-1) ?? this.#published;
    assert(version > base.version, "the working version follows the sealed ones");
    const root = this.allocator.allocate();
    const frame = this.pool.create(root, version, pageKindRoot, 0, 0);
    writeRoot(
      this.pool.space.u8[chunkOf(frame)],
      this.pool.space.i32[chunkOf(frame)],
      baseOf(frame),
      this.shape,
      header,
    );
    if (base.root !== 0) this.allocator.free(base.root, base.version);
    this.allocator.seal(version + 1);
    this.shape.working = version + 1;
    const sealed = this.#idle.pop() ?? emptyVersion();
    sealed.version = version;
    sealed.root = root;
    copyRoots(this.shape, sealed.trees);
    for (let at = 0; at < header.length; at++) sealed.header[at] = header[at];
    sealed.headerLength = header.length;
    this.#sealed.push(sealed);
    return version;
  }

  /** Copies the user header of the newest sealed version to the start of `target` and returns its length. */
  headerInto(target: Uint8Array): number {
    const { header, headerLength } = this.#sealed.at(-1) ?? this.#published;
    assert(headerLength <= target.length, "a user header fits where it is copied to");
    for (let at = 0; at < headerLength; at++) target[at] = header[at];
    return headerLength;
  }

  /** Makes a sealed version the snapshot that readers take. Sealed versions before it are passed over. */
  publish(version: number): void {
    const at = this.#sealed.findIndex((sealed) => sealed.version === version);
    assert(at >= 0, "snapshot: only a sealed version is published");
    const next = this.#sealed[at];
    assert(next.version > this.#published.version, "published versions only grow");
    this.#idle.push(this.#published, ...this.#sealed.splice(0, at + 1).slice(0, at));
    this.#published = next;
    this.#showSnapshot(next);
    this.allocator.publish(version, this.#kept());
  }

  #showSnapshot({ version, root }: SealedVersion): void {
    this.#control.markPins(this.#pins);
    let slot = 0;
    while (slot < snapshotSlots && (this.#pins[slot] === 1 || slot === this.#control.publishedSlot)) slot++;
    assert(slot < snapshotSlots, "there are more snapshot slots than readers can pin");
    this.#control.publish(slot, root, version);
    this.#slotVersions[slot] = version;
  }

  /** Versions that must stay readable, ascending. Looks for pins, so it comes after a new snapshot was shown. */
  #kept(): number[] {
    this.#control.markPins(this.#pins);
    const kept = [this.#published.version];
    for (let slot = 0; slot < snapshotSlots; slot++) {
      const version = this.#slotVersions[slot];
      if (this.#pins[slot] === 1 && !kept.includes(version)) kept.push(version);
    }
    if (this.#durableVersion >= 0 && !kept.includes(this.#durableVersion)) kept.push(this.#durableVersion);
    if (this.#job !== null && !kept.includes(this.#job.version)) kept.push(this.#job.version);
    return kept.sort((a, b) => a - b);
  }

  /** Recycles what readers have let go of since the last publish. */
  reclaim(): void {
    this.allocator.keep(this.#kept());
  }

  /** Drops the working version and all sealed ones after `version`, which is the published one or a sealed one. Never refused. */
  rollbackTo(version: number): void {
    const target =
      version === this.#published.version ? this.#published : this.#sealed.find((sealed) => sealed.version === version);
    assert(target !== undefined, "snapshot: the state is rolled back to the published version or a sealed one");
    const next = this.shape.working + 1;
    while ((this.#sealed.at(-1)?.version ?? version) > version) this.#idle.push(...this.#sealed.splice(-1));
    this.allocator.rollback(version, next);
    this.shape.working = next;
    this.pool.generation += 1;
    this.#restore(target);
    assert(this.sealedVersion === version, "after a roll back the newest version is the one that was named");
  }

  // Readers.

  /** Frees the slot of a reader that died. True when that owner still held it. */
  clearReader(slot: number, owner: number): boolean {
    return this.#control.clear(slot, owner);
  }

  /** Frees all slots of an owner that died (an actor's epoch); returns how many. */
  clearReadersOf(owner: number): number {
    return this.#control.clearAllOf(owner);
  }

  /** Tells readers that nothing more will come; they pin no more. */
  close(): void {
    this.#control.close();
  }

  // Checkpoints.

  /**
   * Freezes the published version and lists what of it the page file does not have yet. Null when it is durable already. One checkpoint runs
   * at a time. The job is plain data: write it with a `CheckpointWriter`, here or in another thread.
   */
  beginCheckpoint(): CheckpointJob | null {
    assert(this.#job === null, "durability: one checkpoint runs at a time");
    const { version, root } = this.#published;
    if (version === this.#durableVersion) return null;
    // From here on the version counts as kept, and what a reader lets go of while its page is being listed is held by it.
    this.reclaim();
    this.allocator.setCheckpoint(version);
    const entries = this.#takeDirty(version);
    // The chain's own numbers leave the list, so counting first may leave the last page a little emptier.
    const chain = this.allocator.takeChain(Math.ceil(this.allocator.countFreeFor() / freeListEntries));
    const freeNumbers = this.allocator.freeFor();
    const job: CheckpointJob = {
      version,
      cluster: this.handle.cluster,
      rootPage: root,
      pageCount: this.allocator.pageCount,
      entries,
      freeNumbers,
      chain,
      isSorted: false,
      written: 0,
      chainWritten: 0,
      isSynced: false,
      rootChecksum: 0,
    };
    this.#job = job;
    for (let at = 0; at < chain.length; at++) this.allocator.hold(chain[at], version, version);
    return job;
  }

  /** All dirty pages made up to a version: those it reaches, and the few that only readers still reach. */
  #takeDirty(version: number): Float64Array<SharedArrayBuffer> {
    const { pool } = this;
    let count = 0;
    for (let frame = 0; frame < pool.frames; frame++) {
      if (!pool.isDirty(frame) || pool.birth[frame] > version) continue;
      pool.inCheckpoint[frame] = 1;
      count += 1;
    }
    const entries = new Float64Array(new SharedArrayBuffer(count * 8));
    for (let frame = 0, to = 0; to < count; frame++) {
      if (pool.inCheckpoint[frame] === 0) continue;
      entries[to] = jobEntry(pool.number[frame], frame);
      to += 1;
    }
    return entries;
  }

  /** After the superblock names the checkpoint durably: it is now what a crash falls back to. */
  completeCheckpoint(job: CheckpointJob): void {
    const mine = this.#job;
    assert(
      mine !== null && mine.version === job.version,
      "durability: the checkpoint that is completed is the one that runs",
    );
    assert(job.isSynced, "durability: a checkpoint is completed only when its pages are synced");
    assert(job.version > this.#durableVersion, "durable versions only grow");
    const { pool } = this;
    for (let at = 0; at < mine.entries.length; at++) {
      const frame = entryFrame(mine.entries[at]);
      assert(
        pool.number[frame] === entryNumber(mine.entries[at]),
        "durability: a frame keeps its page while a checkpoint reads it",
      );
      pool.inCheckpoint[frame] = 0;
      pool.markClean(frame);
    }
    this.#durableVersion = job.version;
    this.#endCheckpoint();
  }

  /** Gives a checkpoint up, after a failed write for instance. What was written does no harm. */
  abortCheckpoint(): void {
    const mine = this.#job;
    assert(mine !== null, "durability: a checkpoint is given up while it runs");
    for (let at = 0; at < mine.entries.length; at++) this.pool.inCheckpoint[entryFrame(mine.entries[at])] = 0;
    this.#endCheckpoint();
  }

  #endCheckpoint(): void {
    this.#job = null;
    this.allocator.setCheckpoint(-1);
    this.reclaim();
  }
}
