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
import type { PrepareHeader } from "../storage/frame.js";
import { headerSlotsOf, type LogGeometry } from "../storage/log-geometry.js";
import { type LogPosition, logBeginning, positionBehind } from "../storage/log-position.js";
import type { FetchedSegment } from "../storage/seal-codec.js";
import { assert } from "../types/assert.js";
import { recoverHead, recoverSlots } from "./journal-recovery.js";
import { JournalSlots, type Slot, sameIdentity } from "./journal-slots.js";
import { entryOf, suffixOf } from "./journal-votes.js";
import { JournalWrites } from "./journal-writes.js";
import { mark } from "./marks.js";
import type { OpIdentity, Prepare, SuffixEntry, SuffixHeader } from "./messages.js";
import type { DurableState, Effect, RecoveredLog, StoredHeader } from "./ports.js";

export class Journal {
  readonly #root: LogPosition;
  /** The checkpoint that this replica started from: its header may be in no ring any more. */
  readonly #base: LogPosition;
  /** Headers of that many newest operations are kept in memory: as many as the header ring has slots. */
  readonly #windowOps: number;
  readonly #slots = new JournalSlots();
  readonly #writes: JournalWrites;
  /** Appended operations that were found damaged while running. */
  readonly #damaged = new Set<number>();
  #oldest: number;
  #head: number;

  constructor(
    clusterId: Uint8Array,
    geometry: LogGeometry,
    state: DurableState,
    log: RecoveredLog,
    replicas: number,
    nextId: () => number,
  ) {
    this.#windowOps = headerSlotsOf(geometry);
    this.#root = logBeginning(clusterId);
    this.#base = log.from;
    this.#oldest = log.headers[0]?.header.op ?? log.sound.op + 1;
    const proved = recoverSlots(this.#slots, state, log, replicas);
    const appended = proved === log.sound.op ? log.sound : this.#positionAt(proved);
    this.#head = Math.max(proved, recoverHead(this.#slots, state, replicas));
    const end = Math.max(log.end, log.sound.address);
    this.#writes = new JournalWrites(this.#slots, geometry, { appended, soundOp: log.sound.op, end }, nextId);
  }

  // ------------------------------------------------------------------ what is known

  get appended(): LogPosition {
    return this.#writes.appended;
  }

  /** Newest operation that is durable and proved, with everything before it. */
  get durableOp(): number {
    return this.#writes.durableOp;
  }

  /** Bytes of bodies held in memory behind `appended`. */
  get heldBytes(): number {
    return this.#slots.heldBytes;
  }

  get head(): number {
    return this.#head;
  }

  get isWhole(): boolean {
    return this.durableOp === this.#head;
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
    if (op === this.appended.op) return this.appended.parent;
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
    assert(op <= this.appended.op, "order: a position lies within the appended log");
    return op === this.appended.op ? this.appended : this.#positionAt(op);
  }

  holds({ op, identity }: OpIdentity): boolean {
    const known = op <= this.appended.op ? this.identity(op) : null;
    return known !== null && sameIdentity(known, identity);
  }

  /** The headers from the head down to the first operation that is not above `commit`. */
  suffix(commit: number): StoredHeader[] {
    return suffixOf(this.#slots, this.#head, commit);
  }

  /** What to say of an operation in a view change, whose header was stored with the view as `named`. */
  entry(op: number, named: SuffixHeader | null): SuffixEntry {
    return entryOf(op, this.#slots.get(op), named);
  }

  // ------------------------------------------------------------------ what becomes known

  /** The next prepare of this view behind the head. Its parent is the head: the caller has checked that. */
  extend(prepare: Prepare): void {
    const { header, frame } = prepare;
    assert(header.op === this.#head + 1, "order: the head grows by one");
    const slot = this.#slots.put(header, frame.slice(0, 256), "wanted");
    slot.isCanonical = true;
    this.#slots.hold(slot, frame);
    this.#head = header.op;
  }

  /** A body that was asked for. False when it is not wanted here. */
  fill(prepare: Prepare, effects: Effect[]): boolean {
    const slot = this.#slots.get(prepare.header.op);
    if (slot === undefined) return false;
    if (slot.op <= this.appended.op) return this.#repairDamage(slot, prepare, effects);
    if (slot.isFaulty && !slot.isCanonical) return this.#fillUnnamed(prepare);
    if (slot.header === null) return false;
    if (slot.state !== "wanted" && slot.state !== "faulty") return false;
    if (!sameIdentity(slot.header.identity, prepare.header.identity)) return false;
    this.#slots.hold(slot, prepare.frame);
    return true;
  }

  /** A damaged operation of which no copy of the header was left: its child says which it is. */
  #fillUnnamed(prepare: Prepare): boolean {
    const { header, frame } = prepare;
    const named = this.#slots.namedByChild(header.op);
    if (named === null || !sameIdentity(named, header.identity)) return false;
    mark("journalNamesByChild");
    const slot = this.#slots.put(header, frame.slice(0, 256), "faulty");
    slot.isFaulty = true;
    slot.isCanonical = true;
    this.#slots.hold(slot, frame);
    this.#slots.proveBackwards(this.#head, this.appended.op);
    return true;
  }

  /**
   * The next committed operation behind `appended`, from a peer. False when it does not follow, or when the log of this replica's view has
   * another there: whoever gave it has come further, to a view that discarded that, and will be heard of.
   */
  integrate(prepare: Prepare): boolean {
    const { header, frame } = prepare;
    const slot = this.#slots.get(header.op);
    const before = header.op - 1;
    const parent = before === this.appended.op ? this.appended.parent : this.canonicalIdentity(before);
    if (parent === null || !sameIdentity(parent, header.parent)) return false;
    if (slot?.header && sameIdentity(slot.header.identity, header.identity)) {
      slot.isCanonical = true;
      if (slot.state === "wanted" || slot.state === "faulty") this.#slots.hold(slot, frame);
      return true;
    }
    if (slot?.isCanonical === true && slot.header !== null) return false;
    const isFaulty = slot?.isFaulty ?? false;
    const fresh = this.#slots.put(header, frame.slice(0, 256), "wanted");
    fresh.isCanonical = true;
    fresh.isFaulty = isFaulty;
    this.#slots.hold(fresh, frame);
    if (header.op > this.#head) this.#head = header.op;
    return true;
  }

  canonicalIdentity(op: number): Uint8Array | null {
    return this.#slots.canonicalIdentity(op);
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
      if (this.appended.op > 0) this.#rewind(0);
      this.#forgetBehind(0);
      return;
    }
    // What was proved for the former view is proved for this one only as far as it is committed or named here.
    for (const slot of this.#slots.values()) {
      if (slot.op > this.appended.op) slot.isCanonical = false;
    }
    const keeps = this.#agreement(suffix, committed);
    if (keeps < this.appended.op) this.#rewind(keeps);
    // A log that is told late may end before what has been committed of it since, which this replica can hold already.
    const head = Math.max(newest.header.op, committed);
    this.#forgetBehind(head);
    for (const { header, headerBytes } of suffix) {
      if (header.op <= this.appended.op) {
        this.#learnName(header, headerBytes);
        continue;
      }
      const slot = this.#slots.get(header.op);
      if (slot?.header && sameIdentity(slot.header.identity, header.identity)) {
        slot.isCanonical = true;
        continue;
      }
      const isFaulty = slot !== undefined && slot.isFaulty && slot.header === null;
      const wanted = this.#slots.put(header, headerBytes, isFaulty ? "faulty" : "wanted");
      wanted.isFaulty = isFaulty;
      wanted.isCanonical = true;
    }
    this.#head = head;
    this.#slots.proveBackwards(this.#head, this.appended.op);
  }

  /** The header of what is appended here already: this replica knew it by a checkpoint alone, which does not say it, and a head has one. */
  #learnName(header: PrepareHeader, headerBytes: Uint8Array): void {
    const known = this.identity(header.op);
    if (this.header(header.op) !== null || known === null || !sameIdentity(known, header.identity)) return;
    mark("journalLearnsName");
    const slot = this.#slots.put(header, headerBytes, header.op <= this.durableOp ? "durable" : "writing");
    slot.isCanonical = true;
    this.#oldest = Math.min(this.#oldest, header.op);
  }

  /**
   * For a replica that has forgotten what it acknowledged: of what this log's end names and is not here, none is denied (T3). What arrives
   * is acknowledged as usual, and known from then on.
   */
  distrust(): void {
    for (const slot of this.#slots.values()) {
      if (slot.op <= this.appended.op || slot.state !== "wanted") continue;
      slot.state = "faulty";
      slot.isFaulty = true;
      slot.isUndeniable = true;
    }
  }

  /**
   * Newest appended operation that is proved for the new log too: a header named there is ours, and with it everything before; or it was
   * committed. What was appended behind that, even if it ends below the lowest header named, may be of a log that was discarded.
   */
  #agreement(suffix: readonly SuffixHeader[], committed: number): number {
    let keeps = Math.min(this.appended.op, committed);
    for (let index = suffix.length - 1; index >= 0; index--) {
      const named = suffix[index];
      if (named === undefined || named.header.op > this.appended.op) break;
      const known = this.identity(named.header.op);
      if (known === null || !sameIdentity(known, named.header.identity)) break;
      keeps = Math.max(keeps, named.header.op);
    }
    return keeps;
  }

  /** Takes back what was appended behind `op`: a decision named another log. The disk is truncated when the first of it is written. */
  #rewind(op: number): void {
    mark("journalRewinds");
    for (let at = op + 1; at <= this.appended.op; at++) {
      const slot = this.#slots.get(at);
      if (slot === undefined) continue;
      slot.isCanonical = false;
      if (slot.state === "durable" || slot.state === "writing") slot.state = "kept";
      this.#slots.drop(slot, this.appended.op);
    }
    this.#writes.rewind(this.#positionAt(op));
  }

  #forgetBehind(head: number): void {
    for (const slot of this.#slots.list()) {
      if (slot.op <= head) continue;
      this.#slots.drop(slot, this.appended.op);
      this.#slots.delete(slot.op);
    }
    this.#head = Math.min(this.#head, head);
  }

  /** It is known that `point` is committed: what is kept on disk below it may be proved by that. */
  prove(point: OpIdentity): void {
    const slot = this.#slots.get(point.op);
    if (point.op <= this.appended.op || slot === undefined || slot.header === null || slot.isCanonical) return;
    if (!sameIdentity(slot.header.identity, point.identity)) return;
    slot.isCanonical = true;
    this.#slots.proveBackwards(this.#head, this.appended.op);
  }

  /**
   * A whole segment that follows the log goes into it, by the write `id`. It holds the committed log of its addresses: what was known of
   * those operations, and what lay there on the disk, has no meaning any more.
   */
  adopt(id: number, { position, headers }: FetchedSegment): void {
    assert(position.op > this.appended.op && headers.length > 0, "order: an adopted segment goes on with the log");
    const known = this.#slots.get(position.op);
    assert(
      known === undefined ||
        !known.isCanonical ||
        known.header === null ||
        sameIdentity(known.header.identity, position.parent),
      "hash chain: a segment holds what is known to be committed",
    );
    // What is still on its way to the disk before the segment (a full disk may hold it up for long) is told as committed one by one.
    const oldest = Math.min(position.op - this.#windowOps, this.durableOp);
    for (const slot of this.#slots.list()) {
      if (slot.op <= position.op) {
        if (slot.op > this.appended.op) this.#slots.drop(slot, this.appended.op);
        if (slot.op > this.appended.op || slot.op < oldest) this.#slots.delete(slot.op);
        continue;
      }
      // Of a discarded log: it lay where the segment lies now.
      const isOverwritten = slot.header !== null && slot.header.address < position.address;
      if (!isOverwritten || (slot.state !== "kept" && slot.state !== "faulty")) continue;
      if (slot.isCanonical) slot.state = "wanted";
      else this.#slots.delete(slot.op);
    }
    for (const { header, headerBytes } of headers) {
      const slot = this.#slots.put(header, headerBytes, "writing");
      slot.isCanonical = true;
    }
    this.#oldest = Math.max(this.#oldest, oldest);
    this.#head = Math.max(this.#head, position.op);
    this.#writes.adopt(id, position);
  }

  // ------------------------------------------------------------------ writing

  /** Goes on as far as it can: takes over what is kept on disk and proved, writes what is held. */
  advance(effects: Effect[]): void {
    this.#writes.advance(effects);
  }

  /** The disk reports a write. True when it was one of the log's. */
  written(id: number): boolean {
    return this.#writes.written(id, this.#oldest);
  }

  /** Forgets bodies of committed operations, and headers that fell out of the window. */
  release(commit: number): void {
    for (let op = Math.min(commit, this.durableOp); op > 0; op--) {
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
      const slot = this.#slots.get(op);
      // It is forgotten, or another view's log has a whole one in its place.
      if (slot?.isFaulty !== true) this.#damaged.delete(op);
      else if (isDamaged(slot) && slot.header && found.length < max) found.push({ op, identity: slot.header.identity });
    }
    for (let op = this.appended.op + 1; op <= this.#head && found.length < max; op++) {
      const slot = this.#slots.get(op);
      if (slot === undefined) {
        // Far behind, nothing is known of most operations up to the head's neighbourhood.
        if (this.#head - op > 2 * this.#windowOps) op = this.#head - 2 * this.#windowOps;
        continue;
      }
      if (slot.state !== "wanted" && slot.state !== "faulty") continue;
      const identity = slot.isCanonical && slot.header ? slot.header.identity : null;
      const known = identity ?? (slot.isFaulty ? this.#slots.namedByChild(op) : null);
      if (known !== null) found.push({ op, identity: known });
    }
    return found;
  }

  /** Whether the body of an operation is still missing, or damaged. */
  isWanted(op: number): boolean {
    const slot = this.#slots.get(op);
    if (slot === undefined) return false;
    return op > this.appended.op ? slot.state === "wanted" || slot.state === "faulty" : isDamaged(slot);
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
    if (!isDamaged(slot) || slot.header === null) return false;
    if (!sameIdentity(slot.header.identity, prepare.header.identity)) return false;
    this.#writes.rewrite(prepare, effects);
    this.#damaged.delete(slot.op);
    slot.isFaulty = false;
    return true;
  }
}

/** Its damage was found when it had been appended: it is asked for by the name that is known. */
const isDamaged = (slot: Slot): boolean => slot.isFaulty && slot.state === "durable";
