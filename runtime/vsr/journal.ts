/**
 * A replica's picture of its own log. The log is one byte space in which every prepare has its place for ever, so it is written strictly in
 * order; what this picture adds is what is *known* beyond what is written.
 *
 *   appended   the end of the stretch without a gap that is proved to belong to the log of `logView` and is on disk or on its way to it
 *   durable    how far of that the disk has reported; what a replica acknowledges
 *   head       the newest operation of the log of `logView`, whether its body is here or not
 *
 * Behind `appended` an operation is in one of these states:
 *
 *   wanted    its header is known (from a startView or a decision), its body is not here
 *   held      header and body are in memory, and will be written once everything before is
 *   kept      on disk since before a crash or view change, not proved to be of this log yet
 *   faulty    on disk once, damaged now; its header may be known
 *
 * Invariants: 1. An operation is written only behind everything before it. 2. What is on disk is overwritten only by an operation that is
 * proved to belong there. 3. The head's header is never blank.
 */
import { type PrepareHeader, sameBytes } from "../storage/frame.js";
import { headerSlotsOf, type LogGeometry, nextSegmentStart } from "../storage/log-geometry.js";
import { type LogPosition, logBeginning, positionBehind } from "../storage/log-position.js";
import type { FetchedSegment } from "../storage/seal-codec.js";
import { assert } from "../types/assert.js";
import { mark } from "./marks.js";
import type { OpIdentity, Prepare, SuffixEntry, SuffixHeader } from "./messages.js";
import { type DurableState, type Effect, type RecoveredLog, type StoredHeader } from "./ports.js";

export type SlotState = "wanted" | "held" | "writing" | "durable" | "kept" | "faulty";

export interface Slot {
  readonly op: number;
  state: SlotState;
  header: PrepareHeader | null;
  headerBytes: Uint8Array | null;
  /** Header and body while they are needed in memory. */
  frame: Uint8Array | null;
  /** Proved to belong to the log of `logView`. */
  isCanonical: boolean;
  /** A fault, not a crash, is why its body is not here: it may have been acknowledged, so it is never a vote against itself. */
  isFaulty: boolean;
}

const writeBytesMax = 8 * 1024 * 1024;

export const sameIdentity = (left: Uint8Array, right: Uint8Array): boolean => sameBytes(left, 0, right, 0, left.length);

interface Write {
  readonly id: number;
  /** Newest operation of the write; 0 for a truncation or a repair in place. */
  readonly op: number;
}

export class Journal {
  readonly #geometry: LogGeometry;
  readonly #root: LogPosition;
  /** The checkpoint that this replica started from: its header may be in no ring any more. */
  readonly #base: LogPosition;
  /** Headers of that many newest operations are kept in memory: as many as the header ring has slots. */
  readonly #windowOps: number;
  readonly #slots = new Map<number, Slot>();
  readonly #writes: Write[] = [];
  /** Appended operations that were found damaged while running. */
  readonly #damaged = new Set<number>();
  readonly #nextId: () => number;
  #oldest: number;
  #appended: LogPosition;
  #durable: number;
  #head: number;
  /** Address behind everything on disk that may not be zero. */
  #end: number;
  /** Bytes of bodies held in memory behind `appended`. */
  heldBytes = 0;

  constructor(
    clusterId: Uint8Array,
    geometry: LogGeometry,
    state: DurableState,
    log: RecoveredLog,
    replicas: number,
    nextId: () => number,
  ) {
    this.#geometry = geometry;
    this.#windowOps = headerSlotsOf(geometry);
    this.#root = logBeginning(clusterId);
    this.#base = log.from;
    this.#nextId = nextId;
    this.#end = Math.max(log.end, log.sound.address);
    this.#oldest = log.headers[0]?.header.op ?? log.sound.op + 1;
    for (const { header, headerBytes } of log.headers) this.#put(header, headerBytes, "kept");
    for (const slot of log.beyond) {
      this.#slots.set(slot.op, {
        op: slot.op,
        state: slot.state === "sound" ? "kept" : "faulty",
        header: slot.header,
        headerBytes: slot.headerBytes,
        frame: null,
        isCanonical: false,
        isFaulty: slot.state === "faulty",
      });
    }
    const proved = replicas === 1 ? log.sound.op : this.#proveRecovered(state, log);
    this.#appended = proved === log.sound.op ? log.sound : this.#positionAt(proved);
    this.#durable = proved;
    for (let op = this.#oldest; op <= proved; op++) {
      const slot = this.#slots.get(op);
      if (slot === undefined) continue;
      slot.state = "durable";
      slot.isCanonical = true;
    }
    this.#head = Math.max(proved, this.#recoveredHead(state, replicas));
  }

  // ------------------------------------------------------------------ recovery

  /**
   * How far the recovered log is proved to be that of `logView`: it meets a header that the superblock names, or lies below an operation
   * that one of its own headers states as committed.
   */
  #proveRecovered(state: DurableState, log: RecoveredLog): number {
    let proved = Math.min(log.commit, log.sound.op);
    const newest = state.suffix[0]?.header.op ?? 0;
    for (const stored of state.suffix) this.#storeRecovered(stored);
    for (const { header } of state.suffix) {
      const slot = this.#slots.get(header.op);
      if (header.op > log.sound.op || slot === undefined || slot.state !== "kept") continue;
      proved = Math.max(proved, header.op);
      break;
    }
    if (newest > log.sound.op || (newest > 0 && proved < newest)) return proved;
    // Behind the stored end only what was prepared since, in that very view, belongs to it.
    for (let op = proved + 1; op <= log.sound.op; op++) {
      const header = this.#slots.get(op)?.header;
      if (header === undefined || header === null || header.view < state.logView) break;
      proved = op;
    }
    return proved;
  }

  /** Lays a header that the superblock names over what the disk shows. */
  #storeRecovered({ header, headerBytes, wasDurable }: StoredHeader): void {
    const slot = this.#slots.get(header.op);
    if (slot?.header && sameIdentity(slot.header.identity, header.identity)) {
      slot.isCanonical = true;
      return;
    }
    const isFaulty = wasDurable || (slot !== undefined && slot.isFaulty && slot.header === null);
    if (wasDurable) mark("recoveryLostDurable");
    const stored = this.#put(header, headerBytes, isFaulty ? "faulty" : "wanted");
    stored.isCanonical = true;
    stored.isFaulty = isFaulty;
  }

  #recoveredHead(state: DurableState, replicas: number): number {
    if (replicas === 1) return 0;
    let head = state.suffix[0]?.header.op ?? 0;
    for (const slot of this.#slots.values()) {
      if (slot.op <= head) continue;
      // What an older view prepared behind the stored end was discarded by the decision that stored it.
      const isOfView = slot.header !== null && slot.header.view >= state.logView;
      if (isOfView || (slot.header === null && slot.isFaulty)) head = slot.op;
    }
    for (const op of [...this.#slots.keys()]) if (op > head) this.#slots.delete(op);
    return head;
  }

  // ------------------------------------------------------------------ what is known

  get appended(): LogPosition {
    return this.#appended;
  }

  /** Newest operation that is durable and proved, with everything before it. */
  get durableOp(): number {
    return this.#durable;
  }

  get head(): number {
    return this.#head;
  }

  get isWhole(): boolean {
    return this.#durable === this.#head;
  }

  slot(op: number): Slot | null {
    return this.#slots.get(op) ?? null;
  }

  header(op: number): PrepareHeader | null {
    return this.#slots.get(op)?.header ?? null;
  }

  /** Identity of an operation's prepare where it is still in memory; the root for op 0. */
  identity(op: number): Uint8Array | null {
    if (op === 0) return this.#root.parent;
    if (op === this.#appended.op) return this.#appended.parent;
    const header = this.header(op);
    if (header === null && op === this.#base.op) return this.#base.parent;
    return header?.identity ?? null;
  }

  /** Where the log stands behind an operation that is appended and in memory. */
  #positionAt(op: number): LogPosition {
    if (op === 0) return this.#root;
    const header = this.header(op);
    if (header === null && op === this.#base.op) return this.#base;
    assert(header !== null, "a position is asked of an operation whose header is in memory");
    return positionBehind(header);
  }

  positionOf(op: number): LogPosition {
    assert(op <= this.#appended.op, "order: a position lies within the appended log");
    return op === this.#appended.op ? this.#appended : this.#positionAt(op);
  }

  holds({ op, identity }: OpIdentity): boolean {
    const known = op <= this.#appended.op ? this.identity(op) : null;
    return known !== null && sameIdentity(known, identity);
  }

  /** The headers from the head down to the first operation that is not above `commit`. */
  suffix(commit: number): StoredHeader[] {
    const headers: StoredHeader[] = [];
    for (let op = this.#head; op > 0; op--) {
      const slot = this.#slots.get(op);
      if (slot?.header && slot.headerBytes) {
        headers.push({
          header: slot.header,
          headerBytes: slot.headerBytes,
          wasDurable: slot.state === "durable" || slot.state === "kept" || slot.isFaulty,
        });
      }
      if (op <= commit) break;
    }
    return headers;
  }

  /**
   * What to say of an operation in a view change. `named` is the header that was stored with the view: it does not change between
   * two sends, the bits may.
   */
  entry(op: number, named: SuffixHeader | null): SuffixEntry {
    const slot = this.#slots.get(op);
    const header = named?.header ?? null;
    const headerBytes = named?.headerBytes ?? null;
    const isSame =
      slot?.header !== undefined &&
      slot.header !== null &&
      header !== null &&
      sameIdentity(slot.header.identity, header.identity);
    const isFaulty = slot?.isFaulty ?? false;
    const isHere = isSame && slot !== undefined && (slot.state === "durable" || slot.state === "kept");
    const present = !isFaulty && isSame && slot !== undefined && slot.state !== "wanted";
    const nack = !isFaulty && !isHere;
    if (isFaulty) mark("faultyIsNoNack");
    return { op, header, headerBytes, present, nack };
  }

  // ------------------------------------------------------------------ what becomes known

  #put(header: PrepareHeader, headerBytes: Uint8Array, state: SlotState): Slot {
    const old = this.#slots.get(header.op);
    if (old?.frame) this.heldBytes -= old.frame.length;
    const slot: Slot = {
      op: header.op,
      state,
      header,
      headerBytes,
      frame: null,
      isCanonical: false,
      isFaulty: false,
    };
    this.#slots.set(header.op, slot);
    return slot;
  }

  #hold(slot: Slot, frame: Uint8Array): void {
    assert(slot.frame === null && slot.header !== null, "a body is held once, for a header that is known");
    slot.frame = frame;
    slot.state = "held";
    this.heldBytes += frame.length;
  }

  /** The next prepare of this view behind the head. Its parent is the head: the caller has checked that. */
  extend(prepare: Prepare): void {
    const { header, frame } = prepare;
    assert(header.op === this.#head + 1, "order: the head grows by one");
    const slot = this.#put(header, frame.slice(0, 256), "wanted");
    slot.isCanonical = true;
    this.#hold(slot, frame);
    this.#head = header.op;
  }

  /** A body that was asked for. False when it is not wanted here. */
  fill(prepare: Prepare, effects: Effect[]): boolean {
    const slot = this.#slots.get(prepare.header.op);
    if (slot === undefined) return false;
    if (slot.op <= this.#appended.op) return this.#repairDamage(slot, prepare, effects);
    if (slot.isFaulty && !slot.isCanonical) return this.#fillUnnamed(prepare);
    if (slot.header === null) return false;
    if (slot.state !== "wanted" && slot.state !== "faulty") return false;
    if (!sameIdentity(slot.header.identity, prepare.header.identity)) return false;
    this.#hold(slot, prepare.frame);
    return true;
  }

  /** Identity that a damaged operation must have, as its child names it; null while the child is not proved. */
  #namedByChild(op: number): Uint8Array | null {
    const child = this.#slots.get(op + 1);
    return child?.isCanonical && child.header ? child.header.parent : null;
  }

  /** A damaged operation of which no copy of the header was left: its child says which it is. */
  #fillUnnamed(prepare: Prepare): boolean {
    const { header, frame } = prepare;
    const named = this.#namedByChild(header.op);
    if (named === null || !sameIdentity(named, header.identity)) return false;
    mark("journalNamesByChild");
    const slot = this.#put(header, frame.slice(0, 256), "faulty");
    slot.isFaulty = true;
    slot.isCanonical = true;
    this.#hold(slot, frame);
    this.#proveBackwards();
    return true;
  }

  /** The next committed operation behind `appended`, from a peer. False when it does not follow. */
  integrate(prepare: Prepare): boolean {
    const { header, frame } = prepare;
    const slot = this.#slots.get(header.op);
    const before = header.op - 1;
    const parent = before === this.#appended.op ? this.#appended.parent : this.canonicalIdentity(before);
    if (parent === null || !sameIdentity(parent, header.parent)) return false;
    if (slot?.header && sameIdentity(slot.header.identity, header.identity)) {
      slot.isCanonical = true;
      if (slot.state === "wanted" || slot.state === "faulty") this.#hold(slot, frame);
      return true;
    }
    assert(slot === undefined || !slot.isCanonical, "order: one log has one prepare of an operation");
    const isFaulty = slot?.isFaulty ?? false;
    const fresh = this.#put(header, frame.slice(0, 256), "wanted");
    fresh.isCanonical = true;
    fresh.isFaulty = isFaulty;
    this.#hold(fresh, frame);
    if (header.op > this.#head) this.#head = header.op;
    return true;
  }

  /** Identity of an operation that is proved to be of this log. */
  canonicalIdentity(op: number): Uint8Array | null {
    const slot = this.#slots.get(op);
    return slot?.isCanonical && slot.header ? slot.header.identity : null;
  }

  /**
   * The log of a new view, from its head down to an operation known to be committed. What lies behind the head, or disagrees with a
   * header named here, is of another log from now on.
   *
   * @param committed newest operation that this replica knew to be committed in its own log
   */
  install(suffix: readonly SuffixHeader[], committed: number): void {
    const newest = suffix[0];
    const oldest = suffix.at(-1);
    if (newest === undefined || oldest === undefined) {
      assert(committed === 0, "durability: an empty log replaces no committed operation");
      if (this.#appended.op > 0) this.#rewind(0);
      this.#forgetBehind(0);
      return;
    }
    // What was proved for the former view is proved for this one only as far as it is committed or named here.
    for (const slot of this.#slots.values()) {
      if (slot.op > this.#appended.op) slot.isCanonical = false;
    }
    const keeps = this.#agreement(suffix, committed);
    if (keeps < this.#appended.op) this.#rewind(keeps);
    this.#forgetBehind(newest.header.op);
    for (const { header, headerBytes } of suffix) {
      if (header.op <= this.#appended.op) continue;
      const slot = this.#slots.get(header.op);
      if (slot?.header && sameIdentity(slot.header.identity, header.identity)) {
        slot.isCanonical = true;
        continue;
      }
      const isFaulty = slot !== undefined && slot.isFaulty && slot.header === null;
      const wanted = this.#put(header, headerBytes, isFaulty ? "faulty" : "wanted");
      wanted.isFaulty = isFaulty;
      wanted.isCanonical = true;
    }
    this.#head = newest.header.op;
    this.#proveBackwards();
  }

  /**
   * For a replica that has forgotten what it acknowledged: of what this log's end names and is not here, none is denied (T3). What arrives
   * is acknowledged as usual, and known from then on.
   */
  distrust(): void {
    for (const slot of this.#slots.values()) {
      if (slot.op <= this.#appended.op || slot.state !== "wanted") continue;
      slot.state = "faulty";
      slot.isFaulty = true;
    }
  }

  /**
   * Newest appended operation that is proved for the new log too: a header named there is ours, and with it everything before; or it was
   * committed. What was appended behind that, even if it ends below the lowest header named, may be of a log that was discarded.
   */
  #agreement(suffix: readonly SuffixHeader[], committed: number): number {
    let keeps = Math.min(this.#appended.op, committed);
    for (let index = suffix.length - 1; index >= 0; index--) {
      const named = suffix[index];
      if (named === undefined || named.header.op > this.#appended.op) break;
      const known = this.identity(named.header.op);
      if (known === null || !sameIdentity(known, named.header.identity)) break;
      keeps = Math.max(keeps, named.header.op);
    }
    return keeps;
  }

  /** Takes back what was appended behind `op`: a decision named another log. The disk is truncated when the first of it is written. */
  #rewind(op: number): void {
    mark("journalRewinds");
    for (let at = op + 1; at <= this.#appended.op; at++) {
      const slot = this.#slots.get(at);
      if (slot === undefined) continue;
      slot.isCanonical = false;
      if (slot.state === "durable" || slot.state === "writing") slot.state = "kept";
      this.#drop(slot);
    }
    this.#appended = this.#positionAt(op);
    this.#durable = Math.min(this.#durable, op);
    for (let index = 0; index < this.#writes.length; index++) {
      const write = this.#writes[index];
      if (write !== undefined && write.op > op) this.#writes[index] = { id: write.id, op };
    }
  }

  #drop(slot: Slot): void {
    if (slot.frame === null) return;
    if (slot.op > this.#appended.op) this.heldBytes -= slot.frame.length;
    slot.frame = null;
  }

  #forgetBehind(head: number): void {
    for (const slot of [...this.#slots.values()]) {
      if (slot.op <= head) continue;
      this.#drop(slot);
      this.#slots.delete(slot.op);
    }
    this.#head = Math.min(this.#head, head);
  }

  /** A proved operation proves its parent, and so on down to what is appended. */
  #proveBackwards(): void {
    for (let op = this.#head; op > this.#appended.op + 1; op--) {
      const slot = this.#slots.get(op);
      const parent = this.#slots.get(op - 1);
      if (slot === undefined || !slot.isCanonical || slot.header === null) continue;
      if (parent === undefined || parent.header === null) continue;
      if (sameIdentity(slot.header.parent, parent.header.identity)) parent.isCanonical = true;
    }
  }

  /** It is known that `point` is committed: what is kept on disk below it may be proved by that. */
  prove(point: OpIdentity): void {
    const slot = this.#slots.get(point.op);
    if (point.op <= this.#appended.op || slot === undefined || slot.header === null || slot.isCanonical) return;
    if (!sameIdentity(slot.header.identity, point.identity)) return;
    slot.isCanonical = true;
    this.#proveBackwards();
  }

  /**
   * A whole segment that follows the log goes into it, by the write `id`. It holds the committed log of its addresses: what was known of
   * those operations, and what lay there on the disk, has no meaning any more.
   */
  adopt(id: number, { position, headers }: FetchedSegment): void {
    assert(position.op > this.#appended.op && headers.length > 0, "order: an adopted segment goes on with the log");
    const known = this.#slots.get(position.op);
    assert(
      known === undefined ||
        !known.isCanonical ||
        known.header === null ||
        sameIdentity(known.header.identity, position.parent),
      "hash chain: a segment holds what is known to be committed",
    );
    for (const slot of [...this.#slots.values()]) {
      if (slot.op <= position.op) {
        if (slot.frame !== null && slot.op > this.#appended.op) this.heldBytes -= slot.frame.length;
        if (slot.op > this.#appended.op || slot.op < position.op - this.#windowOps) this.#slots.delete(slot.op);
        continue;
      }
      // Of a discarded log: it lay where the segment lies now.
      const isOverwritten = slot.header !== null && slot.header.address < position.address;
      if (!isOverwritten || (slot.state !== "kept" && slot.state !== "faulty")) continue;
      if (slot.isCanonical) slot.state = "wanted";
      else this.#slots.delete(slot.op);
    }
    for (const { header, headerBytes } of headers) {
      const slot = this.#put(header, headerBytes, "writing");
      slot.isCanonical = true;
    }
    this.#oldest = Math.max(this.#oldest, position.op - this.#windowOps);
    this.#appended = position;
    this.#head = Math.max(this.#head, position.op);
    this.#end = Math.max(this.#end, position.address);
    this.#writes.push({ id, op: position.op });
  }

  // ------------------------------------------------------------------ writing

  /** Goes on as far as it can: takes over what is kept on disk and proved, writes what is held. */
  advance(effects: Effect[]): void {
    for (;;) {
      const slot = this.#slots.get(this.#appended.op + 1);
      if (slot === undefined || !slot.isCanonical || slot.header === null) return;
      if (!sameIdentity(slot.header.parent, this.#appended.parent)) return;
      if (slot.state === "kept") {
        this.#takeOver(slot, slot.header);
        continue;
      }
      if (slot.state !== "held") return;
      if (this.#end > this.#appended.address && !this.#makeRoom(slot, slot.header, effects)) continue;
      this.#writeHeld(effects);
    }
  }

  #takeOver(slot: Slot, header: PrepareHeader): void {
    mark("journalTakesOver");
    slot.state = "durable";
    this.#appended = positionBehind(header);
    // Writes are reported in order: what is under way before it must land first.
    if (this.#writes.length === 0) this.#durable = header.op;
    else this.#writes.push({ id: this.#writes[this.#writes.length - 1]?.id ?? 0, op: header.op });
  }

  /** True when nothing of another log lies where the operation goes; false when it was written in place of a damaged one. */
  #makeRoom(slot: Slot, header: PrepareHeader, effects: Effect[]): boolean {
    const end = positionBehind(header).address;
    if (slot.isFaulty && this.#fitsBefore(header.op, end) && slot.frame !== null) {
      mark("journalRepairsInPlace");
      const id = this.#nextId();
      effects.push({ kind: "repair", id, prepare: { header, frame: slot.frame } });
      this.heldBytes -= slot.frame.length;
      this.#append(slot, header, id);
      return false;
    }
    mark("journalTruncates");
    for (const other of this.#slots.values()) {
      if (other.op <= this.#appended.op || (other.state !== "kept" && other.state !== "faulty")) continue;
      if (other.isCanonical && other.header !== null) other.state = "wanted";
      else this.#slots.delete(other.op);
      other.isFaulty = false;
    }
    const id = this.#nextId();
    effects.push({ kind: "truncate", id, before: this.#appended, end: this.#end });
    this.#writes.push({ id, op: 0 });
    this.#end = this.#appended.address;
    return true;
  }

  /** Whether operations kept on disk behind the damaged one can stay where they are. */
  #fitsBefore(op: number, end: number): boolean {
    let isFollowed = false;
    for (const slot of this.#slots.values()) {
      if (slot.op <= op || slot.header === null || (slot.state !== "kept" && slot.state !== "faulty")) continue;
      isFollowed = true;
      if (slot.header.address < end) return false;
    }
    return isFollowed || this.#end <= end;
  }

  #writeHeld(effects: Effect[]): void {
    const prepares: Prepare[] = [];
    const slots: Slot[] = [];
    let bytes = 0;
    let parent = this.#appended.parent;
    for (let op = this.#appended.op + 1; bytes < writeBytesMax; op++) {
      const slot = this.#slots.get(op);
      if (slot === undefined || slot.state !== "held" || !slot.isCanonical) break;
      if (slot.header === null || slot.frame === null || !sameIdentity(slot.header.parent, parent)) break;
      prepares.push({ header: slot.header, frame: slot.frame });
      slots.push(slot);
      parent = slot.header.identity;
      bytes += slot.frame.length;
    }
    assert(prepares.length > 0, "a write has something to write");
    const id = this.#nextId();
    effects.push({ kind: "writePrepares", id, before: this.#appended, prepares });
    for (const slot of slots) {
      if (slot.header === null || slot.frame === null) continue;
      this.heldBytes -= slot.frame.length;
      this.#append(slot, slot.header, id);
    }
    this.#end = Math.max(this.#end, this.#appended.address);
  }

  #append(slot: Slot, header: PrepareHeader, id: number): void {
    assert(header.op === this.#appended.op + 1, "the log is written in order");
    const here = this.#appended.address;
    assert(
      header.address === here || header.address === nextSegmentStart(this.#geometry, here),
      "order: a prepare lies behind its parent or at the next segment",
    );
    slot.state = "writing";
    slot.isFaulty = false;
    this.#appended = positionBehind(header);
    const last = this.#writes.at(-1);
    if (last !== undefined && last.id === id) this.#writes[this.#writes.length - 1] = { id, op: header.op };
    else this.#writes.push({ id, op: header.op });
  }

  /** The disk reports a write. True when it was one of the log's. */
  written(id: number): boolean {
    let isOurs = false;
    while (this.#writes.length > 0 && this.#writes[0]?.id === id) {
      const write = this.#writes.shift();
      isOurs = true;
      if (write === undefined || write.op === 0) continue;
      for (let op = Math.max(this.#durable + 1, this.#oldest); op <= write.op; op++) {
        const slot = this.#slots.get(op);
        if (slot?.state === "writing") slot.state = "durable";
      }
      this.#durable = Math.max(this.#durable, write.op);
    }
    assert(this.#durable <= this.#appended.op, "only what was appended is durable");
    return isOurs;
  }

  /** Forgets bodies of committed operations, and headers that fell out of the window. */
  release(commit: number): void {
    for (let op = Math.min(commit, this.#durable); op > 0; op--) {
      const slot = this.#slots.get(op);
      if (slot === undefined || slot.frame === null) break;
      slot.frame = null;
    }
    for (; this.#oldest < commit - this.#windowOps; this.#oldest++) this.#slots.delete(this.#oldest);
  }

  /** Forgets bodies in memory that are also on disk: their memory is about to be used for others. */
  releaseDurable(): void {
    for (const slot of this.#slots.values()) if (slot.state === "durable") slot.frame = null;
  }

  /** Operations behind `appended`, up to the head, whose bodies have to be asked for. */
  wanted(max: number): OpIdentity[] {
    const found: OpIdentity[] = [];
    for (const op of this.#damaged) {
      const header = this.header(op);
      if (header !== null && found.length < max) found.push({ op, identity: header.identity });
    }
    for (let op = this.#appended.op + 1; op <= this.#head && found.length < max; op++) {
      const slot = this.#slots.get(op);
      if (slot === undefined) {
        // Far behind, nothing is known of most operations up to the head's neighbourhood.
        if (this.#head - op > 2 * this.#windowOps) op = this.#head - 2 * this.#windowOps;
        continue;
      }
      if (slot.state !== "wanted" && slot.state !== "faulty") continue;
      const identity = slot.isCanonical && slot.header ? slot.header.identity : null;
      const known = identity ?? (slot.isFaulty ? this.#namedByChild(op) : null);
      if (known !== null) found.push({ op, identity: known });
    }
    return found;
  }

  /** Whether the body of an operation behind `appended` is still missing. */
  isWanted(op: number): boolean {
    const state = this.#slots.get(op)?.state;
    return op > this.#appended.op && (state === "wanted" || state === "faulty");
  }

  /** Damage found while running: the operation is asked for again, and rewritten in place. */
  damage(op: number): void {
    const slot = this.#slots.get(op);
    if (slot === undefined || slot.state !== "durable" || slot.isFaulty) return;
    mark("journalDamaged");
    slot.isFaulty = true;
    this.#damaged.add(op);
  }

  #repairDamage(slot: Slot, prepare: Prepare, effects: Effect[]): boolean {
    if (!slot.isFaulty || slot.state !== "durable" || slot.header === null) return false;
    if (!sameIdentity(slot.header.identity, prepare.header.identity)) return false;
    const id = this.#nextId();
    effects.push({ kind: "repair", id, prepare });
    this.#writes.push({ id, op: 0 });
    this.#damaged.delete(slot.op);
    slot.isFaulty = false;
    return true;
  }
}
