/**
 * Carries out what the protocol core decides, on this thread's log and superblock, and feeds back what came of it. Keeps the rules of
 * `runtime/vsr/ports.ts`: writes one after the other, each durable before it is reported; nothing leaves before the writes that it
 * has to follow.
 *
 * What needs no write of this step leaves first: the copies of a prepare are on their way to the other disks while this one writes.
 */
import type { LogPosition } from "../../runtime/storage/log-position.js";
import type { LogWriter } from "../../runtime/storage/log-writer.js";
import type { SegmentSeal } from "../../runtime/storage/seal-codec.js";
import type { Superblock } from "../../runtime/storage/superblock.js";
import { assert } from "../../runtime/types/assert.js";
import { hasCode, KimberliteError } from "../../runtime/types/errors.js";
import type { Message } from "../../runtime/vsr/messages.js";
import type { Effect, Input } from "../../runtime/vsr/ports.js";
import type { Replica } from "../../runtime/vsr/replica.js";

/** Whom the shell talks to. */
export interface ShellOutlets {
  send(to: number, message: Message): void;
  committed(position: LogPosition): void;
  lead(view: number, head: LogPosition): void;
  follow(view: number, primary: number): void;
  confirmed(token: number, isPrimary: boolean, commit: number): void;
  /** A replica that was replaced waits for another view: `abdicate`, when nothing is under way. */
  renewView(): void;
  /** So many replicas vote from now on. */
  configured(configuration: number, voters: number): void;
  /** All programs know the log's next release. */
  upgrade(release: number): void;
  /** A part of a segment that is fetched from other replicas, to be kept beside the log; answered by the inputs of that. */
  storePart(seal: SegmentSeal, offset: number, bytes: Uint8Array): void;
  dropSegment(segment: number): void;
  /** No space for a write that has to be made: it is tried again by `retry`. */
  diskFull(error: KimberliteError): void;
}

const writesWhileFull = 16;
const codeOfHalt = { broken: "dataCorrupt", lostDisk: "dataMissing", release: "formatUnsupported" } as const;

const bringsWrites = (input: Input): boolean =>
  input.kind === "message" && (input.message.kind === "prepare" || input.message.kind === "run");

type WriteEffect = Effect & {
  readonly kind: "writePrepares" | "repair" | "truncate" | "writeState" | "installSegment";
};
type SendEffect = Effect & { readonly kind: "send" };

export class ProtocolShell {
  readonly #core: Replica;
  readonly #log: LogWriter;
  readonly #superblock: Superblock;
  readonly #outlets: ShellOutlets;
  readonly #inputs: Input[] = [];
  readonly #writes: WriteEffect[] = [];
  #waiting: SendEffect[] = [];
  readonly #pendingIds = new Set<number>();
  #isRunning = false;
  #isFull = false;
  #isPaused = false;
  /** Syncs of the disk so far. */
  syncs = 0;

  constructor(core: Replica, log: LogWriter, superblock: Superblock, outlets: ShellOutlets) {
    this.#core = core;
    this.#log = log;
    this.#superblock = superblock;
    this.#outlets = outlets;
  }

  /** Works an input through, with everything that follows from it at once. Throws `storageFailed`: then the replica is dead. */
  step(input: Input): void {
    // While the disk is full nothing that would have to be written is taken: it is sent again.
    if (this.#isFull && this.#writes.length > writesWhileFull && bringsWrites(input)) return;
    this.#inputs.push(input);
    this.#run();
  }

  #run(): void {
    if (this.#isRunning || this.#isPaused) return;
    this.#isRunning = true;
    try {
      if (!this.#isFull) this.#writeAll();
      for (let next = this.#nextInput(); next !== undefined; next = this.#nextInput()) {
        const effects: Effect[] = [];
        this.#core.step(next, effects);
        for (const effect of effects) this.#begin(effect);
        if (!this.#isFull && !this.#isPaused) this.#writeAll();
      }
    } finally {
      this.#isRunning = false;
    }
  }

  #nextInput(): Input | undefined {
    return this.#isPaused ? undefined : this.#inputs.shift();
  }

  /** Writes nothing and works nothing through until `resume`: somebody else still writes into the log's memory. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#run();
  }

  /** Tries again what found no space. */
  retry(): void {
    this.#isFull = false;
    this.#run();
  }

  #begin(effect: Effect): void {
    switch (effect.kind) {
      case "send":
        if (effect.after.some((id) => this.#pendingIds.has(id))) this.#waiting.push(effect);
        else this.#outlets.send(effect.to, effect.message);
        return;
      case "writePrepares":
      case "repair":
      case "truncate":
      case "writeState":
      case "installSegment":
        this.#pendingIds.add(effect.id);
        this.#writes.push(effect);
        return;
      case "readPrepare":
        this.#inputs.push({
          kind: "prepareRead",
          token: effect.token,
          prepare: this.#log.readPrepare(effect.header),
        });
        return;
      case "readRun":
        this.#inputs.push({
          kind: "runRead",
          token: effect.token,
          prepares: this.#log.readRun(effect.from, effect.untilOp, effect.bytesMax),
        });
        return;
      case "readSeals": {
        const { token, segment, countMax } = effect;
        this.#inputs.push({ kind: "sealsRead", token, segment, seals: this.#log.source.readSeals(segment, countMax) });
        return;
      }
      case "readSegmentPart": {
        const { token, segment, contentHash, offset, length } = effect;
        const bytes = this.#log.source.readPart(segment, contentHash, offset, length);
        this.#inputs.push({ kind: "segmentPartRead", token, bytes });
        return;
      }
      case "storePart":
        this.#outlets.storePart(effect.seal, effect.offset, effect.bytes);
        return;
      case "dropSegment":
        this.#outlets.dropSegment(effect.segment);
        return;
      case "committed":
        this.#log.publishCommitted(effect.position);
        this.#outlets.committed(effect.position);
        return;
      case "lead":
        this.#outlets.lead(effect.view, effect.head);
        return;
      case "follow":
        this.#outlets.follow(effect.view, effect.primary);
        return;
      case "confirmed":
        this.#outlets.confirmed(effect.token, effect.isPrimary, effect.commit);
        return;
      case "renewView":
        this.#outlets.renewView();
        return;
      case "configured":
        this.#outlets.configured(effect.configuration, effect.voters);
        return;
      case "upgrade":
        this.#outlets.upgrade(effect.release);
        return;
      case "halt":
        throw new KimberliteError(codeOfHalt[effect.because], `the replica stops: ${effect.reason}`, {
          detail: { because: effect.because },
        });
    }
  }

  #writeAll(): void {
    for (let write = this.#writes[0]; write !== undefined; write = this.#writes[0]) {
      try {
        this.#write(write);
      } catch (error) {
        // Only a segment that could not be made is `diskFull`: nothing of the write was begun. A write that failed is never repeated.
        if (!hasCode(error, "diskFull") || !(error instanceof KimberliteError)) throw error;
        this.#isFull = true;
        this.#outlets.diskFull(error);
        return;
      }
      this.#writes.shift();
      assert(this.#pendingIds.delete(write.id), "a write is reported once");
      this.#sendWhatWaited();
      this.#inputs.push({ kind: "written", id: write.id });
    }
  }

  #write(write: WriteEffect): void {
    this.syncs += 2;
    switch (write.kind) {
      case "writePrepares":
        this.#log.writePrepares(write.prepares, write.before);
        return;
      case "repair":
        this.#log.repair(write.prepare);
        return;
      case "truncate":
        this.#log.truncate(write.before.op, write.before.address, write.end, write.before);
        return;
      case "writeState":
        this.#superblock.writeState(write.state);
        return;
      case "installSegment":
        this.#log.installSegment(write.fetched, write.before);
        return;
    }
  }

  #sendWhatWaited(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const effect of waiting) {
      if (effect.after.some((id) => this.#pendingIds.has(id))) this.#waiting.push(effect);
      else this.#outlets.send(effect.to, effect.message);
    }
  }
}
