/**
 * The replica actor: a log on disk, in a thread where blocking on it holds up nothing else. It opens and recovers the log and the
 * superblock when it is made, so that a replica that serves is a replica whose log is sound.
 *
 * Everything that arrives while a write is under way is gathered by the shard; here one `propose` is one durable group.
 */
import type { Actor, ActorContext, ActorDefinition } from "../../runtime/actor/definition.js";
import type { Envelope } from "../../runtime/actor/envelope.js";
import { defaultGeometry, segmentOf } from "../../runtime/storage/log-geometry.js";
import type { LogWriter } from "../../runtime/storage/log-writer.js";
import { RealDisk } from "../../runtime/storage/real-disk.js";
import { openReplica, type ReplicaStorage, recordCheckpoint } from "../../runtime/storage/replica-storage.js";
import { assert, unreachable } from "../../runtime/types/assert.js";
import { hasCode } from "../../runtime/types/errors.js";
import type { ReplicaMessage, ReplicaOpened } from "./messages.js";

export interface ReplicaArgs {
  readonly directory: string;
  readonly shard: string;
  readonly keeper: string;
}

class Replica implements Actor<ReplicaMessage> {
  readonly #context: ActorContext;
  readonly #args: ReplicaArgs;
  readonly #storage: ReplicaStorage;
  readonly #log: LogWriter;
  /** The segment that the keeper was last asked to make ready. */
  #asked = -1;
  #sealed: number;
  #syncs = 0;
  #bytesWritten = 0;
  #slowestMs = 0;

  constructor(context: ActorContext, args: ReplicaArgs) {
    this.#context = context;
    this.#args = args;
    this.#storage = openReplica({ disk: new RealDisk(), directory: args.directory });
    this.#log = this.#storage.log;
    this.#sealed = segmentOf(defaultGeometry, Math.max(0, this.#log.end - 1));
  }

  receive(message: ReplicaMessage, envelope: Envelope): void {
    switch (message.kind) {
      case "propose":
        this.#append(message.op, message.address, message.bodyBytes, message.recordCount, message.time);
        return;
      case "openLog":
        this.#context.reply(envelope, this.#opened());
        this.#keepAhead();
        return;
      case "saveCheckpoint": {
        const { point } = message;
        assert(point.position.op <= this.#log.op, "durability: a checkpoint never holds what the log does not");
        recordCheckpoint(this.#storage, { ...point.position, root: point.record }, this.#log.op);
        this.#context.reply(envelope, true);
        return;
      }
      case "segmentPrepared":
        if (message.error !== null) {
          this.#asked = -1;
          this.#context.log.warn("no segment ahead", { segment: message.segment, error: message.error });
        }
        return;
      default:
        unreachable(message);
    }
  }

  #opened(): ReplicaOpened {
    const { report } = this.#log;
    const { root, ...position } = this.#storage.superblock.content.checkpoint;
    const recovery: string[] = [];
    if (report.cutBytes > 0) recovery.push(`cut ${report.cutBytes} bytes of a write that was never acknowledged`);
    if (report.repairedSlots > 0) recovery.push(`repaired ${report.repairedSlots} header slots`);
    return {
      tail: this.#log.tail.handle,
      head: this.#log.position(),
      checkpoint: root.length === 0 ? null : { position, record: root },
      writeMode: this.#log.mode,
      recovery,
    };
  }

  #append(op: number, address: number, bodyBytes: number, recordCount: number, time: number): void {
    const shard = this.#context.port(this.#args.shard);
    // Nobody waits for it any more: whether it is written makes no difference, and the group is about to be started anew.
    if (shard === null) return;
    assert(op > this.#log.op, "order: an op is proposed once");
    // Behind one that a full disk refused: the shard takes it back when it hears of that.
    if (op !== this.#log.op + 1) return;
    const began = this.#context.monotonic();
    try {
      this.#log.append(address, bodyBytes, recordCount, time, this.#log.op);
    } catch (error) {
      if (!hasCode(error, "diskFull")) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      this.#context.tell(shard, { kind: "refused", address, message: reason });
      return;
    }
    this.#slowestMs = Math.max(this.#slowestMs, this.#context.monotonic() - began);
    this.#syncs += 2;
    this.#bytesWritten += this.#log.end - address + 4096;
    this.#context.tell(shard, { kind: "committed", address, position: this.#log.position() });
    this.#keepAhead();
  }

  /** Asks for the next segment while there is time, and has full ones sealed. */
  #keepAhead(): void {
    const current = segmentOf(defaultGeometry, this.#log.end);
    const keeper = this.#context.port(this.#args.keeper);
    if (keeper === null) return;
    if (this.#asked < current + 1) {
      this.#asked = current + 1;
      this.#context.tell(keeper, { kind: "prepareSegment", segment: current + 1 });
    }
    while (this.#sealed < current) {
      this.#context.tell(keeper, { kind: "sealSegment", segment: this.#sealed });
      this.#sealed += 1;
    }
  }

  wired(neighbour: string): void {
    if (neighbour !== this.#args.keeper) return;
    const keeper = this.#context.port(neighbour);
    if (keeper !== null) this.#context.tell(keeper, { kind: "logOpened", complete: this.#sealed });
    this.#keepAhead();
  }

  stop(): void {
    this.#log.close();
    this.#storage.superblock.close();
  }

  inspect(): Record<string, string | number> {
    const slowest = this.#slowestMs;
    this.#slowestMs = 0;
    return {
      op: this.#log.op,
      logEnd: this.#log.end,
      writeMode: this.#log.mode,
      syncs: this.#syncs,
      bytesWritten: this.#bytesWritten,
      slowestCommitMs: Math.round(slowest * 10) / 10,
    };
  }
}

export const replicaDefinition: ActorDefinition<ReplicaArgs, ReplicaMessage> = {
  kind: "replica",
  mailbox: { countMax: 1_024, bytesMax: 16 * 1024 * 1024, overflow: "reject" },
  create: (context, args) => new Replica(context, args),
};
