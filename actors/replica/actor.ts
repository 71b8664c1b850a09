/**
 * The replica actor: one replica of a shard, in a thread where blocking on the disk holds up nothing else. It opens and recovers log and
 * superblock when it is made, so that a replica that serves is one whose log it knows; what is damaged in it, the protocol repairs
 * from the others, or with one replica the start fails.
 *
 * The shared tail of the log belongs to the shard while it leads. When leadership is lost, nothing is written until the shard has said
 * that it writes no more (`released`).
 */
import type { Actor, ActorContext, ActorDefinition } from "../../runtime/actor/definition.js";
import type { Envelope } from "../../runtime/actor/envelope.js";
import type { PeerAddress } from "../../runtime/actor/peer-endpoint.js";
import { headerBytes } from "../../runtime/storage/frame.js";
import type { LogWriter } from "../../runtime/storage/log-writer.js";
import { openReplica, type ReplicaStorage, recordCheckpoint } from "../../runtime/storage/replica-storage.js";
import { assert, unreachable } from "../../runtime/types/assert.js";
import { hasCode, KimberliteError } from "../../runtime/types/errors.js";
import { Replica } from "../../runtime/vsr/replica.js";
import { type Machine, realMachine } from "../shard/machine.js";
import type { LeadershipConfirmed, ReplicaMessage, ReplicaNotice } from "./messages.js";
import type { PeerArgs } from "./peer-links.js";
import { ProtocolShell } from "./protocol-shell.js";
import { ReplicaPeers } from "./replica-peers.js";
import { SegmentsAhead } from "./segments-ahead.js";
import { ShardNotices } from "./shard-notices.js";
import { checkListed, checkOwn, numbersOf, openedOf, reportOf } from "./standing.js";

export interface ReplicaArgs {
  readonly directory: string;
  /** Whose log the directory has to hold. */
  readonly clusterId: Uint8Array;
  readonly self: number;
  readonly shard: string;
  readonly keeper: string;
  /** How the other replicas are reached; null for one replica. */
  readonly peers: PeerArgs | null;
}

const tickMs = 10;
/** After a pause of the process, waiting messages come before the ticks that it missed, and not all of those are made up for. */
const ticksAtOnce = 4;
const retryFullMs = 500;
/** Where no replica has space the lead goes round no faster than this. */
const yieldFullMs = 2_000;
const tellTimeMs = 1_000;

class ReplicaActor implements Actor<ReplicaMessage> {
  readonly #context: ActorContext;
  readonly #args: ReplicaArgs;
  readonly #machine: Machine;
  readonly #storage: ReplicaStorage;
  readonly #log: LogWriter;
  readonly #core: Replica;
  readonly #shell: ProtocolShell;
  readonly #notices: ShardNotices;
  readonly #peers: ReplicaPeers;
  readonly #segments: SegmentsAhead;
  readonly #confirming = new Map<number, Envelope>();
  readonly #self: number;
  /** Those that vote and those that stand by. */
  #replicas: number;
  #lastToken = 0;
  #committedEnd: number;
  #tickedAt: number;
  #toldNoTime = true;
  #toldTimeAt = 0;
  #yieldedAt = Number.NEGATIVE_INFINITY;
  #isShardLeading = false;
  /** View of the `follow` that the shard has to hear before anything else is written; -1 for none. */
  #awaitedRelease = -1;
  #view = 0;
  #bytesWritten = 0;
  #slowestMs = 0;

  constructor(context: ActorContext, args: ReplicaArgs, machine: Machine) {
    this.#context = context;
    this.#args = args;
    this.#machine = machine;
    this.#notices = new ShardNotices(context, args.shard);
    const { disk, geometry, tailBytes, release, heldBytesMax } = machine;
    this.#storage = openReplica({ disk, directory: args.directory, geometry, ringBytes: tailBytes });
    const { log, superblock } = this.#storage;
    this.#log = log;
    const { clusterId, replica, replicaCount } = superblock.content;
    checkOwn(superblock.content, args);
    assert((args.peers === null) === (replicaCount === 1), "a replica with others has links to them");
    const count = args.peers?.replicas.length ?? 1;
    checkListed(count, replica, replicaCount);
    const standbys = count - replicaCount;
    this.#self = replica;
    this.#peers = new ReplicaPeers({
      context,
      machine,
      superblock,
      notices: this.#notices,
      self: replica,
      message: (from, message) => this.#step({ kind: "message", from, message }),
      disconnected: (peer) => this.#step({ kind: "disconnected", peer }),
    });
    this.#replicas = count;
    const seed = Math.floor(context.random() * 2 ** 31);
    this.#core = new Replica(
      {
        replica,
        replicaCount,
        standbys,
        // Shards are led by different nodes from the start.
        rotation: args.peers?.channel ?? 0,
        clusterId,
        epoch: superblock.content.epoch,
        geometry,
        release,
        heldBytesMax,
        seed,
      },
      superblock.content,
      log.recovered,
    );
    this.#shell = new ProtocolShell(this.#core, log, superblock, {
      send: (to, message) => this.#peers.send(to, message),
      committed: (position) => {
        this.#committedEnd = position.address;
        this.#notify({ kind: "committed", position });
      },
      lead: (view, head) => {
        this.#isShardLeading = true;
        this.#view = view;
        this.#notify({ kind: "lead", view, head });
      },
      follow: (view, leader) => {
        this.#view = view;
        if (this.#isShardLeading) {
          this.#isShardLeading = false;
          this.#awaitedRelease = view;
          this.#shell.pause();
        }
        this.#notify({ kind: "follow", view, leader });
      },
      confirmed: (token, isPrimary, commit) => this.#confirmed(token, isPrimary, commit),
      configured: (configuration, voters) => {
        context.log.info("a configuration begins", { replica, configuration, voters });
        this.#notify({ kind: "configured", configuration, voters });
      },
      upgrade: (release) => this.#notify({ kind: "upgrade", release }),
      renewView: () => this.#notify({ kind: "renewView" }),
      storePart: (seal, offset, bytes) => this.#segments.tell({ kind: "storePart", seal, offset, bytes }),
      dropSegment: (segment) => this.#segments.tell({ kind: "dropSegment", segment }),
      diskFull: (error) => {
        this.#context.log.warn("the disk is full: this replica stands still", { because: error.message });
        this.#context.after(retryFullMs, { kind: "retryFull" });
      },
    });
    this.#committedEnd = log.committed.address;
    this.#segments = new SegmentsAhead({
      context,
      keeper: args.keeper,
      geometry,
      log,
      isFetchingSegments: () => this.#core.isFetchingSegments,
    });
    this.#tickedAt = context.monotonic();
  }

  get #isSingle(): boolean {
    return this.#args.peers === null;
  }

  // ------------------------------------------------------------------ messages

  receive(message: ReplicaMessage, envelope: Envelope): void {
    switch (message.kind) {
      case "propose":
        this.#propose(message);
        return;
      case "relay":
        this.#peers.relay(message.to, message.bytes);
        return;
      case "noticesDue":
        this.#notices.due();
        return;
      case "tick":
        this.#tick();
        return;
      case "openLog":
        this.#context.reply(envelope, openedOf(this.#storage));
        this.#peers.tellLinked();
        this.#tellVoters();
        // The first tick starts the protocol: what it says of the log follows the answer.
        this.#step({ kind: "tick", ...this.#times() });
        if (!this.#isSingle) this.#context.after(tickMs, { kind: "tick" });
        this.#segments.keepAhead(this.#committedEnd);
        return;
      case "released":
        // It answers every `follow`; only the one that took the lead from it is waited for.
        if (message.view !== this.#awaitedRelease) return;
        this.#awaitedRelease = -1;
        this.#guarded(() => this.#shell.resume());
        return;
      case "confirm": {
        this.#lastToken += 1;
        this.#confirming.set(this.#lastToken, envelope);
        this.#step({ kind: "confirm", token: this.#lastToken });
        return;
      }
      case "abdicate":
        this.#step({ kind: "abdicate" });
        return;
      case "peers":
        this.#setPeers(message.replicas);
        this.#context.reply(envelope, true);
        return;
      case "report":
        this.#context.reply(
          envelope,
          reportOf(this.#core, this.#storage.superblock, this.#self, this.#machine.release),
        );
        return;
      case "retryFull":
        this.#guarded(() => this.#shell.retry());
        return;
      case "saveCheckpoint": {
        const { point } = message;
        assert(point.position.address <= this.#committedEnd, "durability: a checkpoint holds only what is committed");
        recordCheckpoint(this.#storage, { ...point.position, root: point.record }, point.position.op);
        this.#context.reply(envelope, true);
        return;
      }
      case "partStored":
      case "segmentFetched":
        this.#step(message);
        return;
      case "damaged":
        this.#step({ kind: "damagedBehind", from: message.from });
        return;
      case "segmentPrepared":
        if (message.error !== null) this.#segments.notPrepared(message.segment, message.error);
        return;
      default:
        unreachable(message);
    }
  }

  #step(input: Parameters<ProtocolShell["step"]>[0]): void {
    this.#guarded(() => this.#shell.step(input));
  }

  /** A shard that is gone takes its replica with it: whether what is under way is written makes no difference any more. */
  #guarded(work: () => void): void {
    if (this.#context.port(this.#args.shard) === null) return;
    const began = this.#context.monotonic();
    const end = this.#log.end;
    work();
    this.#slowestMs = Math.max(this.#slowestMs, this.#context.monotonic() - began);
    if (this.#log.end > end) this.#bytesWritten += this.#log.end - end + 4096;
  }

  #times(): { monotonic: number; wall: number } {
    return {
      monotonic: Math.floor(this.#context.monotonic() * 1000),
      wall: Math.floor(this.#context.now() * 1000),
    };
  }

  #tick(): void {
    this.#context.after(tickMs, { kind: "tick" });
    const now = this.#context.monotonic();
    const due = Math.floor((now - this.#tickedAt) / tickMs);
    if (due < 1) return;
    this.#tickedAt = due > ticksAtOnce ? now : this.#tickedAt + due * tickMs;
    for (let tick = 0; tick < Math.min(due, ticksAtOnce); tick++) this.#step({ kind: "tick", ...this.#times() });
    this.#tellTime(now);
  }

  #tellTime(now: number): void {
    const time = this.#core.clusterTime;
    const isNews = (time === null) !== this.#toldNoTime;
    if (!isNews && now - this.#toldTimeAt < tellTimeMs) return;
    if (isNews && time === null) this.#context.log.warn("a majority of the nodes' clocks does not agree");
    this.#toldNoTime = time === null;
    this.#toldTimeAt = now;
    this.#notify({ kind: "clusterTime", now: time });
  }

  #notify(notice: ReplicaNotice): void {
    this.#notices.tell(notice);
    if (notice.kind === "committed") this.#segments.keepAhead(this.#committedEnd);
  }

  // ------------------------------------------------------------------ shard

  #tellVoters(): void {
    const { configuration, voters } = this.#core.inspect();
    this.#notify({ kind: "configured", configuration, voters });
  }

  #propose(message: ReplicaMessage & { kind: "propose" }): void {
    const { view, op, address, bodyBytes, recordCount, time, operation, voters } = message;
    if (!this.#isShardLeading || view !== this.#view) return;
    // Behind one that a full disk refused: the shard takes it back when it hears of that.
    if (op !== this.#core.inspect().op + 1) return;
    try {
      this.#log.makeRoom(address);
    } catch (error) {
      if (!hasCode(error, "diskFull")) throw error;
      this.#notify({ kind: "refused", op, message: error instanceof Error ? error.message : String(error) });
      this.#yieldFull();
      return;
    }
    const at = this.#log.tail.offsetOf(address);
    const frame = this.#log.tail.bytes.subarray(at, at + headerBytes + bodyBytes);
    const own = voters === undefined ? {} : { voters };
    this.#step({ kind: "propose", view, op, frame, address, recordCount, timestamp: time, operation, ...own });
  }

  /** A primary without space leaves the lead to one that may have some, as soon as nothing of its own is under way. */
  #yieldFull(): void {
    const { op, commit } = this.#core.inspect();
    const now = this.#context.monotonic();
    if (this.#isSingle || op > commit || now - this.#yieldedAt < yieldFullMs) return;
    this.#yieldedAt = now;
    this.#context.log.warn("the disk is full: this replica gives up the lead");
    this.#step({ kind: "abdicate" });
  }

  #confirmed(token: number, isPrimary: boolean, commit: number): void {
    const envelope = this.#confirming.get(token);
    this.#confirming.delete(token);
    if (envelope === undefined) return;
    if (isPrimary) this.#context.reply(envelope, { commit } satisfies LeadershipConfirmed);
    else this.#context.fail(envelope, new KimberliteError("shardUnavailable", "this replica does not lead any more"));
  }

  // ------------------------------------------------------------------ peers

  /** Opens the links to the other replicas: part of the start. */
  async open(): Promise<void> {
    const { peers } = this.#args;
    if (peers !== null) await this.#peers.open(peers);
  }

  /** Those that leave are cut off first: nothing is sent to a number that nobody has. */
  #setPeers(replicas: readonly PeerAddress[]): void {
    const { peers } = this.#args;
    if (peers === null) throw new KimberliteError("configurationInvalid", "a single node has no standbys");
    const count = replicas.length;
    checkListed(count, this.#self, this.#core.inspect().voters);
    this.#peers.setReplicas(replicas);
    this.#replicas = count;
    this.#step({ kind: "replicas", count });
    this.#notices.tell({ kind: "replicas", count });
  }

  wired(neighbour: string): void {
    if (neighbour !== this.#args.keeper) return;
    this.#segments.wired();
    this.#segments.keepAhead(this.#committedEnd);
  }

  async stop(): Promise<void> {
    await this.#peers.close();
    this.#log.close();
    this.#storage.superblock.close();
  }

  inspect(): Record<string, string | number> {
    const slowest = this.#slowestMs;
    this.#slowestMs = 0;
    return {
      replica: this.#self,
      replicas: this.#replicas,
      ...numbersOf(this.#core, this.#storage.superblock.content.epoch),
      refusedFrames: this.#peers.refusedFrames,
      logEnd: this.#log.end,
      writeMode: this.#log.mode,
      syncs: this.#shell.syncs,
      bytesWritten: this.#bytesWritten,
      slowestCommitMs: Math.round(slowest * 10) / 10,
    };
  }
}

export const replicaOn = (machine: Machine): ActorDefinition<ReplicaArgs, ReplicaMessage> => ({
  kind: "replica",
  mailbox: { countMax: 4_096, bytesMax: 64 * 1024 * 1024, overflow: "reject" },
  create: async (context, args) => {
    const replica = new ReplicaActor(context, args, machine);
    await replica.open();
    return replica;
  },
});

export const replicaDefinition = replicaOn(realMachine);
