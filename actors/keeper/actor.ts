/**
 * The keeper actor: a shard's slow disk work, in a thread of its own. Work is done in steps of a bounded size, one kind after the
 * other, checkpoints first: they decide how much a restart has to replay.
 */
import type { Actor, ActorContext, ActorDefinition } from "../../runtime/actor/definition.js";
import type { Envelope } from "../../runtime/actor/envelope.js";
import { join } from "../../runtime/storage/disk.js";
import { segmentPath } from "../../runtime/storage/log-geometry.js";
import { zeroPadding } from "../../runtime/storage/padding.js";
import { type FoundDamage, Scrubber } from "../../runtime/storage/scrubber.js";
import type { SegmentSeal } from "../../runtime/storage/seal-codec.js";
import { removeFetched, SegmentFetch } from "../../runtime/storage/segment-fetch.js";
import { sealSegment } from "../../runtime/storage/segment-seal.js";
import { prepareNextSegment } from "../../runtime/storage/segments.js";
import { type CheckpointJob, CheckpointWriter } from "../../runtime/store/checkpoint.js";
import { unreachable } from "../../runtime/types/assert.js";
import { hasCode, KimberliteError } from "../../runtime/types/errors.js";
import type { ReplicaMessage } from "../replica/messages.js";
import { type Machine, realMachine } from "../shard/machine.js";
import type { KeeperMessage } from "./messages.js";

export interface KeeperArgs {
  readonly directory: string;
  readonly clusterId: Uint8Array;
  readonly replica: string;
  /** Bytes that the scrubber reads a second; 0 switches it off. */
  readonly scrubBytesPerSecond: number;
}

interface Writing {
  readonly job: CheckpointJob;
  readonly writer: CheckpointWriter;
  readonly close: () => void;
  readonly envelope: Envelope;
}

/** Pages a step: 4 MiB, some milliseconds of disk. */
const pagesPerStep = 512;
const scrubMs = 1_000;
const sayAgainMs = 3_600_000;
const damagesRememberedMax = 1_024;

class Keeper implements Actor<KeeperMessage> {
  readonly #context: ActorContext;
  readonly #args: KeeperArgs;
  readonly #machine: Machine;
  #writing: Writing | null = null;
  readonly #toPrepare: number[] = [];
  readonly #toSeal: number[] = [];
  /** Full segments that could not be sealed, for want of space or because of damage: tried again when the scrubber has been round. */
  #unsealed: number[] = [];
  /** By segment: what gathers from other replicas. */
  readonly #fetching = new Map<number, SegmentFetch>();
  #fetchedBytes = 0;
  #isScheduled = false;
  #scrubber: Scrubber | null = null;
  /** The log up to where the scrubber may look: full segments. */
  #fullEnd = 0;
  #scrubbedBytes = 0;
  #tours = 0;
  #damage = 0;
  /** What was found, and when it was last said. */
  readonly #said = new Map<string, number>();
  #pages = 0;
  #segments = 0;
  #seals = 0;

  constructor(context: ActorContext, args: KeeperArgs, machine: Machine) {
    this.#context = context;
    this.#args = args;
    this.#machine = machine;
    removeFetched(machine.disk, args.directory);
    if (args.scrubBytesPerSecond > 0) context.after(scrubMs, { kind: "scrub" });
  }

  receive(message: KeeperMessage, envelope: Envelope): void {
    switch (message.kind) {
      case "logOpened":
        this.#opened(message.complete);
        break;
      case "prepareSegment":
        this.#toPrepare.push(message.segment);
        break;
      case "sealSegment":
        this.#toSeal.push(message.segment);
        break;
      case "writeCheckpoint":
        this.#begin(message.chunks, message.job, envelope);
        break;
      case "storePart":
        this.#store(message.seal, message.offset, message.bytes);
        return;
      case "dropSegment":
        this.#fetching.get(message.segment)?.discard();
        this.#fetching.delete(message.segment);
        return;
      case "work":
        this.#isScheduled = false;
        this.#step();
        break;
      case "scrub":
        this.#scrub();
        this.#context.after(scrubMs, { kind: "scrub" });
        return;
      default:
        unreachable(message);
    }
    this.#schedule();
  }

  /** A crash, or a full disk, may have come between the last prepare of a segment and its seal. */
  #opened(complete: number): void {
    const { directory } = this.#args;
    const { disk, geometry } = this.#machine;
    for (let segment = 0; segment < complete; segment++) {
      if (disk.status(segmentPath(directory, geometry, segment, "seal")) === null) this.#toSeal.push(segment);
    }
    this.#fullEnd = complete * geometry.segmentBytes;
  }

  // ------------------------------------------------------------------ segments from other replicas

  #store(seal: SegmentSeal, offset: number, bytes: Uint8Array): void {
    const { segment } = seal;
    const { disk, geometry } = this.#machine;
    let isKept = true;
    try {
      const fetch = this.#fetching.get(segment) ?? new SegmentFetch(disk, this.#args.directory, geometry, seal);
      this.#fetching.set(segment, fetch);
      fetch.write(offset, bytes);
      this.#fetchedBytes += bytes.length;
      if (fetch.isWhole) this.#finish(fetch);
    } catch (error) {
      // No space, a failed write, or bytes that are not what the seal names: the replica tries again later, or with somebody else.
      if (!(error instanceof KimberliteError)) throw error;
      isKept = false;
      this.#context.log.warn("a segment from another replica was given up", { segment, because: error.message });
      this.#fetching.get(segment)?.discard();
      this.#fetching.delete(segment);
    }
    this.#tellReplica({ kind: "partStored", segment, offset, isKept });
  }

  #finish(fetch: SegmentFetch): void {
    const fetched = fetch.finish();
    this.#fetching.delete(fetched.seal.segment);
    this.#tellReplica({ kind: "segmentFetched", fetched });
  }

  #tellReplica(message: ReplicaMessage): void {
    const replica = this.#context.port(this.#args.replica);
    if (replica !== null) this.#context.tell(replica, message);
  }

  #schedule(): void {
    if (this.#isScheduled || (this.#writing === null && this.#toPrepare.length + this.#toSeal.length === 0)) return;
    this.#isScheduled = true;
    this.#context.after(0, { kind: "work" });
  }

  #begin(chunks: readonly SharedArrayBuffer[], job: CheckpointJob, envelope: Envelope): void {
    if (this.#writing !== null) {
      this.#context.fail(envelope, new KimberliteError("internal", "a checkpoint is being written already"));
      return;
    }
    const file = this.#machine.disk.open(join(this.#args.directory, "pages"), "fdatasync");
    const writer = new CheckpointWriter({ chunks }, file);
    this.#writing = { job, writer, envelope, close: () => file.close() };
  }

  /** One piece of work. A segment ahead comes first when the replica may be about to need it. */
  #step(): void {
    const segment = this.#toPrepare.shift();
    if (segment !== undefined) {
      this.#prepare(segment);
      return;
    }
    if (this.#writing !== null) {
      this.#write(this.#writing);
      return;
    }
    const full = this.#toSeal.shift();
    if (full !== undefined) this.#seal(full);
  }

  #prepare(segment: number): void {
    const { disk, geometry } = this.#machine;
    let error: string | null = null;
    try {
      prepareNextSegment(disk, this.#args.directory, geometry, segment);
      this.#segments += 1;
    } catch (cause) {
      // The replica makes it itself when it comes to that, and refuses writes while it cannot.
      error = cause instanceof Error ? cause.message : String(cause);
    }
    this.#tellReplica({ kind: "segmentPrepared", segment, error });
  }

  #write(writing: Writing): void {
    try {
      if (!writing.writer.runSlice(writing.job, pagesPerStep)) return;
      this.#pages += writing.job.written;
      this.#context.reply(writing.envelope, writing.job);
    } catch (error) {
      if (!(error instanceof KimberliteError)) throw error;
      this.#context.fail(writing.envelope, error);
    }
    writing.close();
    this.#writing = null;
  }

  #seal(segment: number): void {
    const { directory, clusterId } = this.#args;
    const { disk, geometry } = this.#machine;
    const end = (segment + 1) * geometry.segmentBytes;
    this.#fullEnd = Math.max(this.#fullEnd, end);
    try {
      sealSegment(disk, directory, geometry, clusterId, segment, end);
      this.#seals += 1;
    } catch (error) {
      this.#unsealed.push(segment);
      if (hasCode(error, "diskFull")) {
        this.#context.log.warn("a full segment stays unsealed for now: the disk is full", { segment });
        return;
      }
      this.#found(error instanceof Error ? error.message : String(error));
    }
  }

  /**
   * Damage that is found before somebody needs the data is said out loud; a padding is set right here, and all else the replica repairs
   * from its peers, where it has some. What stays damaged is met again at every look: it is said again once an hour, so that the log can
   * still be read.
   */
  #found(what: string): void {
    const now = this.#context.monotonic();
    const known = this.#said.get(what);
    if (known === undefined) this.#damage += 1;
    if (known !== undefined && now - known < sayAgainMs) return;
    if (this.#said.size >= damagesRememberedMax) this.#said.clear();
    this.#said.set(what, now);
    this.#context.log.error("damage on disk", { directory: this.#args.directory, what });
  }

  #scrub(): void {
    const { directory, clusterId, scrubBytesPerSecond } = this.#args;
    if (this.#writing !== null) return;
    try {
      this.#scrubber ??= new Scrubber({
        disk: this.#machine.disk,
        directory,
        geometry: this.#machine.geometry,
        clusterId,
        end: () => this.#fullEnd,
        random: () => this.#context.random(),
      });
      const step = this.#scrubber.step(Math.ceil((scrubBytesPerSecond * scrubMs) / 1_000));
      this.#scrubbedBytes += step.bytes;
      for (const damage of step.damage) this.#meet(damage);
      if (step.tourDone) this.#endTour();
    } catch (error) {
      if (!(error instanceof KimberliteError)) throw error;
      this.#found(error.message);
    }
  }

  #meet({ file, address, what, before, padding }: FoundDamage): void {
    const { disk, geometry } = this.#machine;
    this.#found(`${file} at ${address ?? "all of it"}: ${what}`);
    if (padding !== null) zeroPadding(disk, this.#args.directory, geometry, padding);
    else if (before !== null) this.#tellReplica({ kind: "damaged", from: before });
  }

  #endTour(): void {
    this.#tours += 1;
    this.#toSeal.push(...this.#unsealed);
    this.#unsealed = [];
    this.#schedule();
  }

  stop(): void {
    for (const fetch of this.#fetching.values()) fetch.discard();
    this.#writing?.close();
    this.#scrubber?.close();
  }

  inspect(): Record<string, string | number> {
    return {
      pagesWritten: this.#pages,
      segmentsPrepared: this.#segments,
      segmentsSealed: this.#seals,
      fetchedBytes: this.#fetchedBytes,
      scrubbedBytes: this.#scrubbedBytes,
      scrubTours: this.#tours,
      damageFound: this.#damage,
    };
  }
}

export const keeperOn = (machine: Machine): ActorDefinition<KeeperArgs, KeeperMessage> => ({
  kind: "keeper",
  mailbox: { countMax: 10_000, bytesMax: 64 * 1024 * 1024, overflow: "reject" },
  create: (context, args) => new Keeper(context, args, machine),
});

export const keeperDefinition = keeperOn(realMachine);
