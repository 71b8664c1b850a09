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
import { segmentOf } from "../../runtime/storage/log-geometry.js";
import type { LogWriter } from "../../runtime/storage/log-writer.js";
import { openReplica, type ReplicaStorage, recordCheckpoint } from "../../runtime/storage/replica-storage.js";
import { assert, unreachable } from "../../runtime/types/assert.js";
import { hasCode, KimberliteError } from "../../runtime/types/errors.js";
import { decodeMessage, encodeMessage } from "../../runtime/vsr/codec.js";
import type { Message } from "../../runtime/vsr/messages.js";
import { Replica } from "../../runtime/vsr/replica.js";
import type { KeeperMessage } from "../keeper/messages.js";
import { refusalsOf } from "../messages/refused-requests.js";
import { decodeRelay, encodeRelay, isRelay, relayKinds } from "../messages/relay.js";
import { type Machine, realMachine } from "../shard/machine.js";
import type { LeadershipConfirmed, ReplicaMessage, ReplicaNotice, ReplicaOpened, ReplicaReport } from "./messages.js";
import type { PeerArgs, PeerLinks } from "./peer-links.js";
import { ProtocolShell } from "./protocol-shell.js";
import { ShardNotices } from "./shard-notices.js";

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

const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

class ReplicaActor implements Actor<ReplicaMessage> {
  readonly #context: ActorContext;
  readonly #args: ReplicaArgs;
  readonly #machine: Machine;
  readonly #storage: ReplicaStorage;
  readonly #log: LogWriter;
  readonly #core: Replica;
  readonly #shell: ProtocolShell;
  readonly #notices: ShardNotices;
  readonly #confirming = new Map<number, Envelope>();
  #links: PeerLinks | null = null;
  /** Replicas to which a connection stands. */
  readonly #linked = new Set<number>();
  readonly #self: number;
  /** Those that vote and those that stand by. */
  #replicas: number;
  #lastToken = 0;
  /** What was encoded last: one message often goes to several replicas. */
  #encoded: { message: Message; bytes: Uint8Array } | null = null;
  /** The segment that the keeper was last asked to make ready. */
  #asked = -1;
  #sealed: number;
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
  #refusedFrames = 0;

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
    if (replica !== args.self || !clusterId.every((byte, index) => byte === args.clusterId[index])) {
      throw new KimberliteError(
        "directoryForeign",
        `${args.directory} holds the log of replica ${replica} of cluster ${toHex(clusterId)}, not of replica ${args.self} of ${toHex(args.clusterId)}: was it copied from another node?`,
        { detail: { directory: args.directory, replica, expected: args.self } },
      );
    }
    assert((args.peers === null) === (replicaCount === 1), "a replica with others has links to them");
    const count = args.peers?.replicas.length ?? 1;
    checkListed(count, replica, replicaCount);
    const standbys = count - replicaCount;
    this.#self = replica;
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
      send: (to, message) => this.#send(to, message),
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
      storePart: (seal, offset, bytes) => this.#toKeeper({ kind: "storePart", seal, offset, bytes }),
      dropSegment: (segment) => this.#toKeeper({ kind: "dropSegment", segment }),
      diskFull: (error) => {
        this.#context.log.warn("the disk is full: this replica stands still", { because: error.message });
        this.#context.after(retryFullMs, { kind: "retryFull" });
      },
    });
    this.#committedEnd = log.committed.address;
    this.#sealed = segmentOf(geometry, Math.max(0, log.committed.address - 1));
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
        this.#relay(message.to, message.bytes);
        return;
      case "breakLink":
        this.#break(message.to, "this node's shard has lost what was for it");
        return;
      case "noticesDue":
        this.#notices.due();
        return;
      case "tick":
        this.#tick();
        return;
      case "openLog":
        this.#context.reply(envelope, this.#opened());
        // Connections that came up before the shard was there to hear of it.
        for (const replica of this.#linked) this.#notices.tell({ kind: "peerUp", replica });
        this.#tellVoters();
        // The first tick starts the protocol: what it says of the log follows the answer.
        this.#step({ kind: "tick", ...this.#times() });
        if (!this.#isSingle) this.#context.after(tickMs, { kind: "tick" });
        this.#keepAhead();
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
        this.#context.reply(envelope, this.#report());
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
        if (message.error !== null) {
          this.#asked = -1;
          this.#context.log.warn("no segment ahead", { segment: message.segment, error: message.error });
        }
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
    if (notice.kind === "committed") this.#keepAhead();
  }

  // ------------------------------------------------------------------ shard

  #report(): ReplicaReport {
    const { status, view, op, commit, contiguous: durable, stuckAt, configuration, voters } = this.#core.inspect();
    const { epoch } = this.#storage.superblock.content;
    const { release } = this.#machine;
    return { replica: this.#self, status, view, epoch, configuration, voters, op, commit, durable, stuckAt, release };
  }

  #tellVoters(): void {
    const { configuration, voters } = this.#core.inspect();
    this.#notify({ kind: "configured", configuration, voters });
  }

  #opened(): ReplicaOpened {
    const { report } = this.#log;
    const { root, ...position } = this.#storage.superblock.content.checkpoint;
    const recovery: string[] = [];
    if (report.cutBytes > 0) recovery.push(`cut ${report.cutBytes} bytes of a write that was never acknowledged`);
    if (report.repairedSlots > 0) recovery.push(`repaired ${report.repairedSlots} header slots`);
    if (report.mendedPaddings > 0) recovery.push(`zeroed the damaged padding of ${report.mendedPaddings} prepares`);
    const faulty = this.#log.recovered.beyond.filter(({ state }) => state === "faulty").length;
    if (faulty > 0) recovery.push(`${faulty} damaged prepares are asked of the other replicas`);
    return {
      tail: this.#log.tail.handle,
      checkpoint: root.length === 0 ? null : { position, record: root },
      writeMode: this.#log.mode,
      recovery,
    };
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

  #send(to: number, message: Message): void {
    const links = this.#links;
    if (links === null) return;
    if (this.#encoded?.message !== message) {
      const { clusterId, epoch } = this.#storage.superblock.content;
      const { release } = this.#machine;
      const bytes = encodeMessage(message, { replica: this.#self, clusterId, epoch, release });
      this.#encoded = { message, bytes };
    }
    // A link that is full loses it: the protocol sends again what matters.
    links.send(to, this.#encoded.bytes);
  }

  /** Opens the links to the other replicas: part of the start. */
  async open(): Promise<void> {
    const { peers } = this.#args;
    if (peers === null) return;
    const { clusterId } = this.#storage.superblock.content;
    this.#links = await this.#machine.openLinks(this.#context, peers, this.#self, clusterId, {
      message: (from, bytes) => this.#arrived(from, bytes),
      up: (replica) => {
        this.#linked.add(replica);
        this.#notices.tell({ kind: "peerUp", replica });
      },
      down: (replica) => {
        this.#linked.delete(replica);
        this.#step({ kind: "disconnected", peer: replica });
        this.#notices.tell({ kind: "peerDown", replica });
      },
    });
  }

  /** Those that leave are cut off first: nothing is sent to a number that nobody has. */
  #setPeers(replicas: readonly PeerAddress[]): void {
    const { peers } = this.#args;
    if (peers === null) throw new KimberliteError("configurationInvalid", "a single node has no standbys");
    const count = replicas.length;
    checkListed(count, this.#self, this.#core.inspect().voters);
    this.#links?.setReplicas(replicas);
    this.#replicas = count;
    this.#step({ kind: "replicas", count });
    this.#notices.tell({ kind: "replicas", count });
  }

  /**
   * What shards say to one another comes in order and whole, or the link ends and both hear of that. A loss that only one side knew of
   * would leave the other waiting for ever.
   */
  #relay(to: number, bytes: Uint8Array): void {
    if (this.#links?.send(to, bytes) === true) return;
    if (this.#linked.has(to)) this.#break(to, "it takes too little of what is for it");
    // The shard has said it before it heard that the link has ended.
    else this.#notices.tell({ kind: "peerDown", replica: to });
  }

  #break(replica: number, because: string): void {
    if (!this.#linked.has(replica)) return;
    this.#context.log.warn("a link between nodes is ended", { replica, because });
    this.#links?.disconnect(replica, because);
    assert(!this.#linked.has(replica), "who waits over a link hears of its end at once");
  }

  /** This node's shard has no room for what another's says. None of it was begun: requests are refused, and may be sent again. */
  #refuseRelay(from: number, bytes: Uint8Array): void {
    const { kind, incarnation, body } = decodeRelay(bytes);
    if (kind !== relayKinds.requests && kind !== relayKinds.commands) {
      this.#break(from, "this node's shard has no room for its answers");
      return;
    }
    const error = new KimberliteError("mailboxFull", "the shard that leads takes no more work at the moment");
    const refusals = refusalsOf(body, error);
    if (refusals.count === 0) return;
    this.#relay(from, encodeRelay({ kind: relayKinds.replies, incarnation, body: refusals.take() }));
  }

  #arrived(from: number, bytes: Uint8Array): void {
    if (isRelay(bytes)) {
      if (!this.#notices.relayed(from, bytes)) this.#refuseRelay(from, bytes);
      return;
    }
    const decoded = decodeMessage(bytes, this.#storage.superblock.content.clusterId);
    if ("fault" in decoded) {
      this.#refusedFrames += 1;
      return;
    }
    // A prepare is of the epoch that it was written in, wherever it is sent again.
    if (decoded.from !== null && decoded.epoch !== this.#storage.superblock.content.epoch) {
      this.#refusedFrames += 1;
      this.#isOfOtherEpoch(from, decoded.epoch);
      return;
    }
    this.#step({ kind: "message", from, message: decoded.message });
  }

  /** One of an earlier epoch learns from this replica's own words that it has to go; this one, of a later epoch than its own. */
  #isOfOtherEpoch(from: number, epoch: number): void {
    const own = this.#storage.superblock.content.epoch;
    if (epoch < own) return;
    throw new KimberliteError(
      "dataMissing",
      `replica ${from} is of epoch ${epoch}, and this directory of epoch ${own}: the cluster was founded anew by \`kimberlite cluster rescue\`, and this directory must never come back`,
      { detail: { because: "lostDisk", epoch, own } },
    );
  }

  // ------------------------------------------------------------------ segments

  /** Asks for the next segment while there is time, and has full ones sealed: those that hold only what is committed. */
  #keepAhead(): void {
    const { geometry } = this.#machine;
    const current = segmentOf(geometry, this.#log.end);
    const keeper = this.#context.port(this.#args.keeper);
    if (keeper === null) return;
    // What comes as whole segments needs no empty ones.
    if (this.#asked < current + 1 && !this.#core.isFetchingSegments) {
      this.#asked = current + 1;
      this.#context.tell(keeper, { kind: "prepareSegment", segment: current + 1 });
    }
    while (this.#sealed < segmentOf(geometry, this.#committedEnd)) {
      this.#context.tell(keeper, { kind: "sealSegment", segment: this.#sealed });
      this.#sealed += 1;
    }
  }

  #toKeeper(message: KeeperMessage): void {
    const keeper = this.#context.port(this.#args.keeper);
    if (keeper === null) return;
    const told = this.#context.tell(keeper, message);
    assert(told !== "busy", "a keeper has room for the few parts that are under way");
  }

  wired(neighbour: string): void {
    if (neighbour !== this.#args.keeper) return;
    const keeper = this.#context.port(neighbour);
    if (keeper !== null) this.#context.tell(keeper, { kind: "logOpened", complete: this.#sealed });
    this.#keepAhead();
  }

  async stop(): Promise<void> {
    await this.#links?.close();
    this.#log.close();
    this.#storage.superblock.close();
  }

  inspect(): Record<string, string | number> {
    const slowest = this.#slowestMs;
    this.#slowestMs = 0;
    const { status, view, logView, op, commit, contiguous, isPrimary, primary, stuckAt, configuration, voters } =
      this.#core.inspect();
    return {
      replica: this.#self,
      replicas: this.#replicas,
      status,
      view,
      logView,
      epoch: this.#storage.superblock.content.epoch,
      configuration,
      voters,
      op,
      commit,
      contiguous,
      isPrimary: isPrimary ? 1 : 0,
      primary,
      stuckAt,
      logRelease: this.#core.inspect().logRelease,
      knowsTime: this.#core.clusterTime === null ? 0 : 1,
      refusedFrames: this.#refusedFrames,
      logEnd: this.#log.end,
      writeMode: this.#log.mode,
      syncs: this.#shell.syncs,
      bytesWritten: this.#bytesWritten,
      slowestCommitMs: Math.round(slowest * 10) / 10,
    };
  }
}

/** Throws `configurationInvalid` where the cluster file lists fewer nodes than vote, or not this one. */
function checkListed(count: number, replica: number, voters: number): void {
  if (replica < count && voters <= count) return;
  throw new KimberliteError(
    "configurationInvalid",
    `the cluster file lists ${count} node(s); ${voters} vote, and this is node ${replica + 1}`,
    { detail: { listed: count, voters, replica } },
  );
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
