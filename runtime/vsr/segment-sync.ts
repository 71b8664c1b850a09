/**
 * State sync: a replica that is behind by whole segments fetches them as they lie in the others' logs. Segments are the log itself, kept
 * for ever, so there is nothing that a replica could be "too far behind" for; this is only the fast way, and runs the slow one.
 *
 *   1. up to the end of the segment that its log stands in: by runs (`repair.ts`)
 *   2. seals: which complete segments follow. The first must be the child of this log's newest operation, each other one of the one before
 *   3. parts of them, by content hash, from anybody who has them: a few at a time, two segments at once
 *   4. a whole segment is verified (every prepare, their chain, the seal) off this thread, then installed by one rename
 *   5. behind the last complete segment: by runs again, and then the stream of prepares
 *
 * What is not installed does not exist: it is neither acknowledged (T17) nor counted in a view change, and an operation that this replica
 * once acknowledged leaves its log only by the rename that puts the committed log in its place (T21). An installed segment is part
 * of the log like any other, so a crash goes on behind it; segments under way are begun anew.
 */
import { segmentOf } from "../storage/log-geometry.js";
import type { FetchedSegment } from "../storage/seal-codec.js";
import { type SegmentSeal, unpackSeal } from "../storage/seal-codec.js";
import { assert } from "../types/assert.js";
import { isKimberliteError } from "../types/errors.js";
import type { Core } from "./core.js";
import { sameIdentity } from "./journal-slots.js";
import { mark } from "./marks.js";
import type { OpIdentity, SealsMessage, SegmentPartMessage } from "./messages.js";
import { pipelineMax } from "./ports.js";
import { fetchBytesPerTickMax, fetchBytesPerTickMin, fetchTicks, partTicks, sealsTicks } from "./timing.js";

/** Small enough that giving one holds up no commit. */
export const partBytes = 256 * 1024;
const partsUnderWay = 16;
const segmentsAtOnce = 2;
/** After a segment was given up: no space, or it came damaged. */
const pauseTicks = 100;
/** Missing operations from which on it is asked whether whole segments are missing. */
const farOps = 4 * pipelineMax;

type PartState = "missing" | "asked" | "storing" | "stored";

interface Part {
  state: PartState;
  askedAt: number;
}

interface Fetch {
  readonly seal: SegmentSeal;
  readonly parts: Part[];
  /** Verified and durable, not of the log yet. */
  fetched: FetchedSegment | null;
}

/**
 * How fast a replica fetches that misses so many bytes now and has fetched for so long: just so fast that it is in step in time, since what
 * it takes in haste it takes from those who commit. What they commit meanwhile makes it faster; behind its time it goes as fast as those who
 * give can bear.
 */
export function fetchBytesPerTick(missingBytes: number, sinceTicks: number): number {
  const left = fetchTicks - sinceTicks;
  if (left <= 0) return fetchBytesPerTickMax;
  return Math.min(Math.max(missingBytes / left, fetchBytesPerTickMin), fetchBytesPerTickMax);
}

export class SegmentSync {
  readonly #core: Core;
  readonly #choosePeer: (op: number) => number;
  /** By segment, in one chain. */
  #seals = new Map<number, SegmentSeal>();
  #fetches: Fetch[] = [];
  /** The write that installs the first of them; 0 for none. */
  #installing = 0;
  #sealsAskedAt = -sealsTicks;
  #pausedUntil = 0;
  /** Since when it is behind by whole segments; null while it is not. */
  #farSince: number | null = null;
  /** Bytes that may be asked for now. */
  #allowance = 0;
  /** Segments installed since the start. */
  installed = 0;

  constructor(core: Core, choosePeer: (op: number) => number) {
    this.#core = core;
    this.#choosePeer = choosePeer;
  }

  /** While true no runs are asked for: what they would bring is on its way. */
  get isFetching(): boolean {
    return this.#fetches.length > 0;
  }

  /** Where a run has to end, so that whole segments go on behind it; `until` itself when there are none. */
  runUntil(until: OpIdentity): OpIdentity {
    const { appended } = this.#core.journal;
    for (const seal of this.#seals.values()) {
      if (seal.firstOp > appended.op + 1 || seal.lastOp <= appended.op || seal.lastOp >= until.op) continue;
      mark("runStopsAtSegment");
      return { op: seal.lastOp, identity: seal.lastIdentity };
    }
    return until;
  }

  tick(until: OpIdentity | null): void {
    this.begin(until);
    if (this.#fetches.length === 0) {
      if (this.#isFar(until)) this.#askSeals();
      else this.#farSince = null;
      return;
    }
    this.#farSince ??= this.#core.ticks;
    if (until !== null) this.#prefetch(until);
    this.#allowance = Math.min(this.#allowance + this.#bytesPerTick(until), fetchBytesPerTickMax);
    this.#askParts();
  }

  /** More is missing than what is on its way while everything is in order. Whether whole segments are, the seals say. */
  #isFar(until: OpIdentity | null): boolean {
    const { journal, ticks } = this.#core;
    if (until === null || ticks < this.#pausedUntil) return false;
    return until.op - journal.appended.op > farOps;
  }

  /**
   * Begins with the segment that goes on exactly where this log ends, if it is known and worth it. Not beyond `until`: what others have
   * committed since may be of a view that this replica has not heard of.
   */
  begin(until: OpIdentity | null): void {
    if (until === null || this.#fetches.length > 0 || !this.#isFar(until)) return;
    const { appended } = this.#core.journal;
    for (const seal of this.#seals.values()) {
      if (seal.lastOp <= appended.op) this.#seals.delete(seal.segment);
      else if (seal.lastOp > until.op) return;
      else if (seal.firstOp === appended.op + 1 && sameIdentity(seal.firstParent, appended.parent)) this.#fetch(seal);
    }
  }

  #askSeals(): void {
    const core = this.#core;
    if (core.ticks - this.#sealsAskedAt < sealsTicks) return;
    this.#sealsAskedAt = core.ticks;
    mark("sealsAsked");
    const { appended } = core.journal;
    const segment = segmentOf(core.config.geometry, appended.address);
    core.send(this.#choosePeer(appended.op), { kind: "getSeals", segment });
  }

  seals(message: SealsMessage): void {
    const { config } = this.#core;
    const seals = new Map<number, SegmentSeal>();
    let before: SegmentSeal | null = null;
    for (const [index, packed] of message.seals.entries()) {
      const segment = message.segment + index;
      let seal: SegmentSeal;
      try {
        seal = unpackSeal(config.geometry, segment, packed);
      } catch (error) {
        if (!isKimberliteError(error)) throw error;
        break;
      }
      const isOurs = sameIdentity(seal.clusterId, config.clusterId);
      const isNext: boolean =
        before === null || (seal.firstOp === before.lastOp + 1 && sameIdentity(seal.firstParent, before.lastIdentity));
      if (!isOurs || !isNext) break;
      seals.set(segment, seal);
      before = seal;
    }
    if (this.#fetches.length === 0 && seals.size > 0) this.#seals = seals;
  }

  // ------------------------------------------------------------------ fetching

  #prefetch(until: OpIdentity): void {
    const last = this.#fetches.at(-1);
    if (last === undefined || this.#fetches.length >= segmentsAtOnce) return;
    const next = this.#seals.get(last.seal.segment + 1);
    if (next !== undefined && next.lastOp <= until.op) this.#fetch(next);
  }

  #fetch(seal: SegmentSeal): void {
    mark("segmentFetchBegins");
    const count = Math.ceil(seal.usedBytes / partBytes);
    assert(count > 0 && this.#fetches.length < segmentsAtOnce, "few segments are fetched at once, each with bytes");
    const parts = Array.from({ length: count }, (): Part => ({ state: "missing", askedAt: 0 }));
    this.#fetches.push({ seal, parts, fetched: null });
  }

  #bytesPerTick(until: OpIdentity | null): number {
    const { journal, ticks } = this.#core;
    const [first] = this.#fetches;
    if (until === null || first === undefined) return fetchBytesPerTickMin;
    const { seal } = first;
    const bytesPerOp = seal.usedBytes / (seal.lastOp - seal.firstOp + 1);
    return fetchBytesPerTick((until.op - journal.appended.op) * bytesPerOp, ticks - (this.#farSince ?? ticks));
  }

  #askParts(): void {
    const core = this.#core;
    let underWay = 0;
    for (const { seal, parts } of this.#fetches) {
      for (const [index, part] of parts.entries()) {
        if (part.state === "asked" && core.ticks - part.askedAt > partTicks) {
          mark("segmentPartElsewhere");
          part.state = "missing";
        }
        if (part.state === "asked" || part.state === "storing") underWay += 1;
        const offset = index * partBytes;
        const length = Math.min(partBytes, seal.usedBytes - offset);
        if (part.state !== "missing" || underWay >= partsUnderWay || length > this.#allowance) continue;
        part.state = "asked";
        part.askedAt = core.ticks;
        underWay += 1;
        this.#allowance -= length;
        const { segment, contentHash } = seal;
        core.send(this.#choosePeer(seal.lastOp - 1), { kind: "getSegmentPart", segment, contentHash, offset, length });
      }
    }
  }

  part(message: SegmentPartMessage): void {
    const fetch = this.#fetches.find(({ seal }) => seal.segment === message.segment);
    if (fetch === undefined || !sameIdentity(fetch.seal.contentHash, message.contentHash)) return;
    const { seal } = fetch;
    const part = fetch.parts[message.offset / partBytes];
    if (part === undefined || part.state === "storing" || part.state === "stored") return;
    if (message.bytes.length !== Math.min(partBytes, seal.usedBytes - message.offset)) {
      // Not to be had there: somebody else is asked with the next tick.
      mark("segmentPartElsewhere");
      part.state = "missing";
      return;
    }
    part.state = "storing";
    this.#core.effects.push({ kind: "storePart", seal, offset: message.offset, bytes: message.bytes });
  }

  partStored(segment: number, offset: number, isKept: boolean): void {
    const fetch = this.#fetches.find(({ seal }) => seal.segment === segment);
    if (fetch === undefined) return;
    if (!isKept) {
      mark("segmentGivenUp");
      this.#pausedUntil = this.#core.ticks + pauseTicks;
      this.#drop();
      this.#seals.clear();
      return;
    }
    const part = fetch.parts[offset / partBytes];
    if (part?.state === "storing") part.state = "stored";
  }

  segmentFetched(fetched: FetchedSegment): void {
    const fetch = this.#fetches.find(({ seal }) => seal.segment === fetched.seal.segment);
    if (fetch === undefined) return;
    assert(fetched.position.op === fetch.seal.lastOp, "a segment ends where its seal says");
    fetch.fetched = fetched;
  }

  /** Forgets what is under way. One that is being installed already is in the hands of the disk. */
  #drop(): void {
    const kept = this.#installing === 0 ? 0 : 1;
    for (const { seal } of this.#fetches.splice(kept)) {
      this.#core.effects.push({ kind: "dropSegment", segment: seal.segment });
    }
  }

  // ------------------------------------------------------------------ installing

  /** Installs what is ready and follows the log. Only while this replica has a log to complete. */
  install(): void {
    const core = this.#core;
    const [first] = this.#fetches;
    if (first === undefined || first.fetched === null || this.#installing !== 0) return;
    const { appended } = core.journal;
    const { seal, fetched } = first;
    if (seal.firstOp !== appended.op + 1 || !sameIdentity(seal.firstParent, appended.parent)) {
      // The log has come further by other ways, or a view change has taken its end back.
      mark("segmentOvertaken");
      this.#drop();
      return;
    }
    mark("segmentInstalled");
    this.installed += 1;
    this.#installing = core.nextId();
    core.journal.adopt(this.#installing, fetched);
    core.learnCommit(fetched.position.op);
    core.effects.push({ kind: "installSegment", id: this.#installing, before: appended, fetched });
  }

  written(id: number): void {
    if (id !== this.#installing || id === 0) return;
    this.#installing = 0;
    this.#fetches.shift();
  }
}
