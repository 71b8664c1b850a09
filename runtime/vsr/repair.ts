/**
 * Fetching what this replica should have and has not: single bodies whose headers are known, by identity, runs of committed
 * operations, whole segments when it is far behind (`segment-sync.ts`), and what was found damaged long after it was written
 * (`old-damage.ts`). And giving the same to others: only what was verified on reading, and of what is asked by number only
 * what is known to be committed.
 *
 * Few requests are under way at once: repair without a bound is what brings a recovering cluster down.
 */
import type { LogPosition } from "../storage/log-position.js";
import type { FetchedSegment } from "../storage/seal-codec.js";
import type { Core } from "./core.js";
import { mark } from "./marks.js";
import type {
  GetPrepareMessage,
  GetRunMessage,
  GetSealsMessage,
  GetSegmentPartMessage,
  OpIdentity,
  Prepare,
  RunMessage,
} from "./messages.js";
import { OldDamage } from "./old-damage.js";
import { replicasMax, standbysMax } from "./quorums.js";
import { partBytes, SegmentSync } from "./segment-sync.js";
import { deafTicks, pingTicks, repairTicks } from "./timing.js";

const runBytesMax = 4 * 1024 * 1024;
const preparesAtOnce = 8;
const readsMax = 32;
/** Three pings missed: whoever has been silent for that long gives nothing. */
const silentTicks = 3 * pingTicks;
const sealsAtOnce = 64;
/** Of so many that are drawn until one can be asked, the last is one that stands by. */
const drawsMax = 4;
/** A peer that has answered none of the requests of that long gets one in so many. */
const patienceTicks = 100;
const secondChances = 16;
const nothing = new Uint8Array(0);

export class Repair {
  readonly #core: Core;
  /** Who asked for what is being read, by token. */
  readonly #readers = new Map<number, number>();
  /** The operation that is being read for somebody, by token. */
  readonly #readOps = new Map<number, number>();
  readonly #parts = new Map<number, GetSegmentPartMessage>();
  /** Newest operation known to be committed of which the identity is known. */
  #committed: OpIdentity | null = null;
  #runAskedAt = -repairTicks;
  #runPeer = 0;
  #preparesAskedAt = -repairTicks;
  /** What was asked for by identity last. */
  #preparesAsked: readonly OpIdentity[] = [];
  /** By replica: commit as it last told. */
  readonly peerCommit: number[];
  /** By replica: tick at which it was heard last; what is gone is not asked. */
  readonly #heardAt: number[];
  /** By replica: tick of the first request that it has not answered since; -1 for none. */
  readonly #owesSince: number[];
  /** What a decision or startView says may be had from whom is not kept: peers are asked by lot. */

  readonly sync: SegmentSync;
  readonly #oldDamage: OldDamage;

  constructor(core: Core) {
    this.#core = core;
    this.sync = new SegmentSync(core, (op) => this.#choosePeer(op));
    this.#oldDamage = new OldDamage(core, (op) => this.#choosePeer(op));
    const replicas = replicasMax + standbysMax;
    this.peerCommit = new Array<number>(replicas).fill(0);
    this.#heardAt = new Array<number>(replicas).fill(-silentTicks);
    this.#owesSince = new Array<number>(replicas).fill(-1);
  }

  heard(from: number): void {
    this.#heardAt[from] = this.#core.ticks;
  }

  /** It gave something of what was asked for: to say that there is nothing is not that. */
  gave(from: number): void {
    this.#owesSince[from] = -1;
  }

  /** Too few others have been heard for anything to be acknowledged here: their way here is cut, whether or not they hear this replica. */
  get isDeaf(): boolean {
    const { ticks, quorums } = this.#core;
    const heard = this.#heardAt.slice(0, quorums.replicas).filter((at) => ticks - at < deafTicks).length;
    return heard + 1 < quorums.replication;
  }

  learn(point: OpIdentity): void {
    if (this.#committed === null || point.op > this.#committed.op) this.#committed = point;
  }

  enterView(): void {
    this.#runAskedAt = -repairTicks;
    this.#preparesAskedAt = -repairTicks;
  }

  // ------------------------------------------------------------------ asking

  /** This replica has a log to complete: it works in a view, or is fixing one. */
  get #mayRepair(): boolean {
    const core = this.#core;
    return !core.isSingle && core.takesPart && core.logView === core.view;
  }

  tick(): void {
    if (!this.#mayRepair) return;
    this.sync.install();
    this.sync.tick(this.#committed);
    this.#askRun();
    this.#askPrepares();
    this.#oldDamage.tick();
  }

  damagedBehind(from: LogPosition): void {
    this.#oldDamage.found(from);
  }

  #askRun(): void {
    const core = this.#core;
    const { appended } = core.journal;
    const next = core.journal.slot(appended.op + 1);
    const newest = this.#committed;
    this.sync.begin(newest);
    if (newest === null || newest.op <= appended.op || this.sync.isFetching) return;
    // What is held and proved is about to be written.
    if (next?.state === "held" && next.isCanonical) return;
    if (core.ticks - this.#runAskedAt < repairTicks) return;
    this.#runAskedAt = core.ticks;
    this.#runPeer = this.#choosePeer(appended.op);
    const until = this.sync.runUntil(newest);
    mark("runAsked");
    core.send(this.#runPeer, { kind: "getRun", from: appended, until, bytesMax: runBytesMax });
  }

  /**
   * A backup that is known to have more than `op`, so that the primary is left to its work; one that stands by and has, since it may have voted
   * and have the only sound copy of what it acknowledged then; else anybody. One that is heard and gives nothing (it has not got what the others
   * ask for, or what it sends is too long for its way here) is left out nearly always.
   */
  #choosePeer(op: number): number {
    const peer = this.#drawPeer(op);
    const since = this.#owesSince[peer] ?? -1;
    if (since < 0) this.#owesSince[peer] = this.#core.ticks;
    return peer;
  }

  #drawPeer(op: number): number {
    const core = this.#core;
    const isHeard = (peer: number): boolean => core.ticks - (this.#heardAt[peer] ?? 0) < silentTicks;
    for (let draw = 1; draw <= drawsMax; draw++) {
      const peer = draw === drawsMax && core.standbys > 0 && !core.isStandby ? core.anyStandby() : core.anyPeer();
      if (peer === core.primary || !isHeard(peer) || (this.peerCommit[peer] ?? 0) <= op) continue;
      const since = this.#owesSince[peer] ?? -1;
      const isOwing = since >= 0 && core.ticks - since > patienceTicks;
      if (!isOwing || core.random.below(secondChances) === 0) return peer;
      mark("peerGivesNothing");
    }
    if (core.primary !== core.self && isHeard(core.primary)) return core.primary;
    return core.anyPeer();
  }

  #askPrepares(): void {
    const core = this.#core;
    if (core.ticks - this.#preparesAskedAt < repairTicks) return;
    const wanted = core.journal.wanted(preparesAtOnce);
    if (wanted.length === 0) return;
    const before = new Set(this.#preparesAsked.map(({ op }) => op));
    this.#preparesAskedAt = core.ticks;
    this.#preparesAsked = wanted;
    mark("preparesAsked");
    // All peers: a suffix is short, and which of them holds it is what is being found out. What none of those that vote gave, one that stands by
    // may have: it may have voted when that was committed.
    for (const { op, identity } of wanted) {
      const message: GetPrepareMessage = { kind: "getPrepare", view: core.view, op, identity };
      core.broadcast(message);
      if (before.has(op)) core.inform(message);
    }
  }

  /** A prepare came: when it was the last that was asked for, the next are asked for at once. */
  prepareCame(): void {
    const { journal } = this.#core;
    if (this.#preparesAsked.length === 0 || !this.#mayRepair) return;
    if (this.#preparesAsked.some(({ op }) => journal.isWanted(op))) return;
    this.#preparesAsked = [];
    this.#preparesAskedAt = -repairTicks;
    this.#askPrepares();
  }

  run(from: number, message: RunMessage): void {
    const core = this.#core;
    if (!this.#mayRepair) return;
    let last = 0;
    const [first] = message.prepares;
    if (first !== undefined) this.#oldDamage.mend(first);
    for (const prepare of message.prepares) {
      if (prepare.header.op <= core.journal.appended.op) continue;
      if (!core.journal.integrate(prepare)) {
        mark("runDoesNotFollow");
        break;
      }
      last = prepare.header.op;
    }
    if (last === 0) return;
    mark("runIntegrated");
    core.learnCommit(last);
    core.journal.advance(core.effects);
    core.publishCommits();
    if (from !== this.#runPeer) return;
    this.#runAskedAt = -repairTicks;
    this.#askRun();
  }

  segmentFetched(fetched: FetchedSegment): void {
    this.sync.segmentFetched(fetched);
    if (this.#mayRepair) this.sync.install();
  }

  // ------------------------------------------------------------------ giving

  getSeals(from: number, message: GetSealsMessage): void {
    const token = this.#read(from);
    if (token === 0) return;
    this.#core.effects.push({ kind: "readSeals", token, segment: message.segment, countMax: sealsAtOnce });
  }

  sealsRead(token: number, segment: number, seals: readonly Uint8Array[]): void {
    const to = this.#readers.get(token);
    this.#readers.delete(token);
    if (to !== undefined) this.#core.send(to, { kind: "seals", segment, seals });
  }

  getSegmentPart(from: number, message: GetSegmentPartMessage): void {
    const token = this.#read(from);
    if (token === 0) return;
    this.#parts.set(token, message);
    const { segment, contentHash, offset } = message;
    const length = Math.min(message.length, partBytes);
    this.#core.effects.push({ kind: "readSegmentPart", token, segment, contentHash, offset, length });
  }

  segmentPartRead(token: number, bytes: Uint8Array | null): void {
    const to = this.#readers.get(token);
    const asked = this.#parts.get(token);
    this.#readers.delete(token);
    this.#parts.delete(token);
    if (to === undefined || asked === undefined) return;
    const { segment, contentHash, offset } = asked;
    this.#core.send(to, { kind: "segmentPart", segment, contentHash, offset, bytes: bytes ?? nothing });
  }

  /** Remembers who asked for what is about to be read; 0 while too much is being read. */
  #read(from: number): number {
    if (this.#readers.size >= readsMax) return 0;
    const token = this.#core.nextToken();
    this.#readers.set(token, from);
    return token;
  }

  getPrepare(from: number, message: GetPrepareMessage): void {
    const core = this.#core;
    const slot = core.journal.slot(message.op);
    if (slot === null || slot.header === null || slot.isFaulty) return;
    if (slot.header.identity.some((byte, index) => byte !== message.identity[index])) return;
    if (slot.frame !== null) {
      core.send(from, { kind: "prepare", prepare: { header: slot.header, frame: slot.frame } });
      return;
    }
    if ((slot.state !== "durable" && slot.state !== "kept") || this.#readers.size >= readsMax) return;
    const token = core.nextToken();
    this.#readers.set(token, from);
    this.#readOps.set(token, slot.op);
    core.effects.push({ kind: "readPrepare", token, header: slot.header });
  }

  prepareRead(token: number, prepare: Prepare | null): void {
    const to = this.#readers.get(token);
    const op = this.#readOps.get(token);
    this.#readers.delete(token);
    this.#readOps.delete(token);
    if (to === undefined || prepare === null) {
      // Somebody else has to give it to both.
      mark("readFoundDamage");
      if (op !== undefined) this.#core.journal.damage(op);
      return;
    }
    this.#core.send(to, { kind: "prepare", prepare });
  }

  getRun(from: number, message: GetRunMessage): void {
    const core = this.#core;
    const { until } = message;
    // Whoever holds a committed operation holds the committed log up to it.
    const mine = core.takesPart ? core.commitMin : 0;
    const untilOp =
      core.journal.holds(until) && until.op <= core.journal.durableOp ? until.op : Math.min(mine, until.op);
    if (untilOp <= message.from.op || this.#readers.size >= readsMax) return;
    const token = core.nextToken();
    this.#readers.set(token, from);
    const bytesMax = Math.min(message.bytesMax, runBytesMax);
    core.effects.push({ kind: "readRun", token, from: message.from, untilOp, bytesMax });
  }

  runRead(token: number, prepares: readonly Prepare[]): void {
    const to = this.#readers.get(token);
    this.#readers.delete(token);
    if (to === undefined || prepares.length === 0) return;
    this.#core.send(to, { kind: "run", prepares });
  }
}
