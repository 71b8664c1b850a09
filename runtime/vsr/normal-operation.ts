/**
 * Work in a view. The primary gives each prepare its place and sends it; a backup acknowledges what it holds durably, with everything before
 * it; what a replication quorum holds is committed. One acknowledgement speaks for all operations up to it, so a counter per sender
 * is all that is kept: a repeated one changes nothing.
 *
 * Nothing is acknowledged, not even to itself, before view and logView are durable.
 */

import { headerBytes, prepareOperations, readHeader, writePrepareHeader } from "../storage/frame.js";
import { nextSegmentStart } from "../storage/log-geometry.js";
import { configurationsMax } from "../storage/views.js";
import { assert } from "../types/assert.js";
import type { Acquaintance } from "./acquaintance.js";
import { type Core, heldBytesMaxDefault } from "./core.js";
import { sameIdentity } from "./journal-slots.js";
import { mark } from "./marks.js";
import type { CommitMessage, CommitOkMessage, Prepare, PrepareOkMessage } from "./messages.js";
import { type Input, pipelineMax } from "./ports.js";
import { reconfigurableMin, replicasMax } from "./quorums.js";
import {
  abdicateTicks,
  fastResendTicks,
  heartbeatTicks,
  resendTicks,
  suspectTicksMax,
  suspectTicksMin,
} from "./timing.js";

interface Confirmation {
  readonly token: number;
  readonly round: number;
  /** What was committed when it was asked: a read at that point sees every write answered before. */
  readonly commit: number;
}

export class NormalOperation {
  readonly #core: Core;
  readonly #acquaintance: Acquaintance;
  /** By replica: the newest operation it acknowledged in this view. */
  readonly #acked: number[];
  /** By replica: newest heartbeat round of this view that it answered. */
  readonly #answered: number[];
  readonly #resentAt: number[];
  #round = 0;
  #heartbeatAt = 0;
  /** Newest commit that a heartbeat or a prepare has told everybody. */
  #toldCommit = -1;
  #confirmations: Confirmation[] = [];
  #needsRound = false;
  /** Head when this view began to be led: until it is committed, a predecessor may have answered more than is known here. */
  #inheritedHead = 0;
  #progressAt = 0;
  /** Backup: when the primary was last heard, and how far apart that usually is. */
  #heardAt = 0;
  #interval = heartbeatTicks;
  #isSuspect = false;
  /** Prepares of this view that overtook their predecessors, by op. */
  readonly #early = new Map<number, Prepare>();
  #gapToldAt = -1;

  constructor(core: Core, acquaintance: Acquaintance) {
    this.#core = core;
    this.#acquaintance = acquaintance;
    // Whoever does not vote stays at 0, and so counts for nothing.
    this.#acked = new Array<number>(replicasMax).fill(0);
    this.#answered = new Array<number>(replicasMax).fill(0);
    this.#resentAt = new Array<number>(replicasMax).fill(0);
  }

  // ------------------------------------------------------------------ views

  /** Forgets everything that was said in another view. */
  enterView(): void {
    const core = this.#core;
    this.#acked.fill(0);
    this.#answered.fill(0);
    this.#inheritedHead = 0;
    for (const { token } of this.#confirmations) this.#deny(token);
    this.#confirmations = [];
    this.#needsRound = false;
    this.#isSuspect = false;
    this.#early.clear();
    this.#heardAt = core.ticks;
    this.#progressAt = core.ticks;
    this.#toldCommit = -1;
  }

  /** The log of the view is whole and durable here: lead. */
  lead(): void {
    const core = this.#core;
    assert(core.isLeading && core.journal.isWhole, "durability: a primary leads with a whole log");
    this.#inheritedHead = core.journal.head;
    this.#progressAt = core.ticks;
    // What ends the configuration was inherited: it is committed, and nothing comes behind it.
    if (core.isClosed) mark("leadsClosedLog");
    else core.effects.push({ kind: "lead", view: core.view, head: core.journal.appended });
    this.acknowledgeOwn();
    this.#beat();
  }

  // ------------------------------------------------------------------ primary

  propose(input: Input & { kind: "propose" }): void {
    const core = this.#core;
    const { journal } = core;
    // What a shard proposed before it heard that this replica follows is held back by whoever told it.
    assert(
      core.isLeading && input.view === core.view,
      "order: a prepare is proposed in the view that this replica leads",
    );
    if (core.isClosed) {
      // The shard hears of the next view before any of this could be committed.
      mark("proposedBehindEnd");
      return;
    }
    const head = journal.appended;
    assert(journal.head === head.op && input.op === head.op + 1, "order: a prepare is proposed behind the head");
    assert(input.op - core.commitMax <= pipelineMax, "the shard keeps within the pipeline");
    assert(
      input.address === head.address || input.address === nextSegmentStart(core.config.geometry, head.address),
      "order: a prepare is placed behind its parent or at the next segment",
    );
    assert(input.timestamp > head.timestamp, "order: timestamps grow from prepare to prepare");
    const prepare = this.#seal(input, head.parent);
    journal.extend(prepare);
    // The copies leave before the own write begins, so that all disks work at the same time.
    core.broadcast({ kind: "prepare", prepare });
    core.inform({ kind: "prepare", prepare });
    // It says what is committed, so that no heartbeat has to before its time.
    this.#toldCommit = prepare.header.commit;
    journal.advance(core.effects);
    assert(journal.appended.op === input.op, "a primary writes what it proposes at once");
  }

  #seal(input: Input & { kind: "propose" }, parent: Uint8Array): Prepare {
    const { config, view, commitMax, logRelease, configuration, quorums } = this.#core;
    const { frame, op, address, recordCount, timestamp, operation = 0 } = input;
    const voters = operation === prepareOperations.reconfiguration ? this.#nextVoters(input) : quorums.replicas;
    assert(
      operation !== prepareOperations.upgrade || logRelease < config.release,
      "order: a log is upgraded to a release that its primary knows",
    );
    const bytes = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    const fields = {
      clusterId: config.clusterId,
      parent,
      bodyBytes: frame.length - headerBytes,
      epoch: config.epoch ?? 0,
      view,
      release: operation === prepareOperations.upgrade ? logRelease + 1 : logRelease,
      replica: config.replica,
      op,
      commit: commitMax,
      timestamp,
      address,
      recordCount,
      operation,
      voters: configuration === 0 && operation !== prepareOperations.reconfiguration ? 0 : voters,
    };
    writePrepareHeader(frame, bytes, 0, fields, new Uint8Array(32));
    const reading = readHeader(frame, bytes, 0, config.clusterId);
    assert(reading.kind === "prepare", "a header that was just written reads as a prepare");
    return { header: reading.header, frame };
  }

  #nextVoters({ voters = 0 }: Input & { kind: "propose" }): number {
    const { quorums, configuration } = this.#core;
    assert(
      Math.abs(voters - quorums.replicas) === 1 && voters >= reconfigurableMin && voters <= replicasMax,
      "order: a reconfiguration adds one voter or takes one away",
    );
    assert(configuration + 1 < configurationsMax, "a log has a last configuration");
    assert(!this.#core.isSingle, "a replica of its own stays one");
    return voters;
  }

  /** The own log counts like any other replica's: what is durable in it, once the view is. */
  acknowledgeOwn(): void {
    const core = this.#core;
    if (!core.isLeading) return;
    this.#acked[core.self] = core.journal.durableOp;
    this.#countCommits();
  }

  prepareOk(from: number, message: PrepareOkMessage): void {
    const core = this.#core;
    if (message.view !== core.view || !core.hasInstalled) {
      mark("prepareOkOfOtherView");
      return;
    }
    // What lies behind the appended log may be left over from a discarded one, until it is proved or replaced.
    const isAppended = message.op <= core.journal.appended.op;
    const known = isAppended ? core.journal.identity(message.op) : core.journal.canonicalIdentity(message.op);
    if (message.op > core.journal.head) {
      core.halt(`replica ${from} acknowledges op ${message.op} of view ${core.view}, which nobody prepared`);
      return;
    }
    if (known !== null && !sameIdentity(known, message.identity)) {
      core.halt(`replica ${from} acknowledges another prepare as op ${message.op} of view ${core.view}`);
      return;
    }
    const acked = this.#acked[from] ?? 0;
    if (message.op > acked) {
      this.#acked[from] = message.op;
      this.#resentAt[from] = core.ticks;
      this.#progressAt = core.ticks;
      this.#countCommits();
    } else if (message.op === acked && acked < core.journal.head) {
      mark("prepareOkRepeated");
      this.#resend(from, fastResendTicks);
    }
  }

  #countCommits(): void {
    const core = this.#core;
    if (!core.isLeading) return;
    const sorted = [...this.#acked].sort((left, right) => right - left);
    const held = sorted[core.quorums.replication - 1] ?? 0;
    assert(held <= core.journal.head, "nobody acknowledges what was not prepared");
    if (held > core.commitMax) {
      if (held < this.#inheritedHead) mark("inheritedCommitsPartly");
      core.learnCommit(held);
      this.#progressAt = core.ticks;
    }
    core.publishCommits();
  }

  /** Sends again what a backup has not acknowledged and may not have. */
  #resend(to: number, pause: number): void {
    const core = this.#core;
    if (core.ticks - (this.#resentAt[to] ?? 0) < pause) return;
    this.#resentAt[to] = core.ticks;
    const from = Math.max(this.#acked[to] ?? 0, core.commitMax) + 1;
    for (let op = from; op <= core.journal.head; op++) {
      const slot = core.journal.slot(op);
      if (slot?.header && slot.frame) {
        mark("prepareResent");
        core.send(to, { kind: "prepare", prepare: { header: slot.header, frame: slot.frame } });
      }
    }
  }

  // ------------------------------------------------------------------ heartbeat and leadership

  #commitPoint(): CommitMessage | null {
    const core = this.#core;
    const commit = Math.min(core.commitMax, core.journal.appended.op);
    const identity = core.journal.identity(commit);
    if (identity === null) return null;
    this.#toldCommit = commit;
    return {
      kind: "commit",
      view: core.view,
      commit: { op: commit, identity },
      op: core.journal.head,
      round: this.#round,
    };
  }

  #beat(): void {
    const core = this.#core;
    if (core.isSingle) return;
    this.#round += 1;
    this.#heartbeatAt = core.ticks;
    const message = this.#commitPoint();
    if (message === null) return;
    core.broadcast(message, core.stateWrites);
    core.inform(message, core.stateWrites);
  }

  /** Asks a quorum whether this replica still leads. No clock answers that: a pause of this process would deceive it. */
  confirm(token: number): void {
    const core = this.#core;
    // Behind the end of a configuration others may have gone on in the next one, whose quorums need not meet those of this one.
    if (!core.isLeading || core.isClosed) {
      this.#deny(token);
      return;
    }
    if (core.commitMax < this.#inheritedHead) mark("confirmWaitsForInherited");
    // The round that answers it is begun after the question.
    this.#confirmations.push({ token, round: this.#round + 1, commit: core.commitMax });
    this.#needsRound = true;
    this.#settleConfirmations();
  }

  #deny(token: number): void {
    this.#core.effects.push({ kind: "confirmed", token, isPrimary: false, commit: 0 });
  }

  commitOk(from: number, message: CommitOkMessage): void {
    const core = this.#core;
    if (message.view !== core.view || !core.isLeading) return;
    if (message.round > this.#round) return;
    this.#answered[from] = Math.max(this.#answered[from] ?? 0, message.round);
    this.#settleConfirmations();
  }

  #settleConfirmations(): void {
    const core = this.#core;
    if (this.#confirmations.length === 0) return;
    this.#answered[core.self] = this.#round;
    const sorted = [...this.#answered].sort((left, right) => right - left);
    const round = core.isSingle ? Number.MAX_SAFE_INTEGER : (sorted[core.quorums.replication - 1] ?? 0);
    // What the predecessor committed and answered is among what was inherited: no read before that is committed again.
    if (core.commitMax < this.#inheritedHead) return;
    const waiting: Confirmation[] = [];
    for (const confirmation of this.#confirmations) {
      if (confirmation.round > round) {
        waiting.push(confirmation);
        continue;
      }
      const commit = Math.max(confirmation.commit, this.#inheritedHead);
      core.effects.push({ kind: "confirmed", token: confirmation.token, isPrimary: true, commit });
    }
    this.#confirmations = waiting;
  }

  /** Begins a round for those who ask since the last one: one round answers all of them. */
  flush(): void {
    if (!this.#needsRound || !this.#core.isLeading) return;
    this.#needsRound = false;
    this.#beat();
    this.#settleConfirmations();
  }

  // ------------------------------------------------------------------ backup

  /** A body that is wanted here by its name, whoever gives it. */
  fills(prepare: Prepare): boolean {
    const core = this.#core;
    if (!core.journal.fill(prepare, core.effects)) return false;
    mark("prepareFills");
    this.advance();
    return true;
  }

  prepare(from: number, prepare: Prepare): void {
    const core = this.#core;
    const { journal } = core;
    const { header } = prepare;
    if (this.fills(prepare)) return;
    if (header.view > core.view) {
      core.send(from, { kind: "getView", view: header.view, nonce: 0 });
      return;
    }
    if (header.view !== core.view || core.status !== "normal" || core.primary !== from || core.self === from) {
      mark("prepareOfOtherView");
      return;
    }
    // Founders of a cluster go on from the view of a log: what was prepared in a view of that number before is another cluster's.
    if (header.epoch !== (core.config.epoch ?? 0)) return;
    this.heard();
    if (header.op <= journal.head) {
      const known = journal.canonicalIdentity(header.op);
      if (known !== null && !sameIdentity(known, header.identity)) {
        core.halt(`replica ${from} prepared op ${header.op} of view ${header.view} twice`);
        return;
      }
      mark("prepareRepeated");
      this.acknowledge();
      return;
    }
    if (journal.heldBytes > (core.config.heldBytesMax ?? heldBytesMaxDefault)) {
      mark("prepareDroppedForMemory");
      return;
    }
    if (header.op > journal.head + 1) {
      this.#leavesGap(prepare);
      return;
    }
    this.#extend(prepare);
    for (let next = this.#take(); next !== null && !core.isHalted; next = this.#take()) this.#extend(next);
    this.advance();
  }

  /** One prepare overtook another: it waits for it. Beyond the pipeline nothing is kept. */
  #leavesGap(prepare: Prepare): void {
    const core = this.#core;
    mark("prepareLeavesGap");
    core.learnCommit(prepare.header.commit);
    if (prepare.header.op <= core.journal.head + pipelineMax) this.#early.set(prepare.header.op, prepare);
    if (core.ticks === this.#gapToldAt) return;
    this.#gapToldAt = core.ticks;
    this.acknowledge();
  }

  #take(): Prepare | null {
    if (this.#early.size === 0) return null;
    const { head } = this.#core.journal;
    for (const op of this.#early.keys()) if (op <= head) this.#early.delete(op);
    const next = this.#early.get(head + 1) ?? null;
    this.#early.delete(head + 1);
    return next;
  }

  #extend(prepare: Prepare): void {
    const core = this.#core;
    const { journal } = core;
    const { header } = prepare;
    const parent = journal.identity(journal.head);
    if (parent === null || !sameIdentity(parent, header.parent)) {
      core.halt(`op ${header.op} of view ${header.view} does not name the head as its parent: the primary forked`);
      return;
    }
    if (header.release < core.logRelease) {
      core.halt(`op ${header.op} is of release ${header.release}, behind one of release ${core.logRelease}`);
      return;
    }
    if (core.isClosed) {
      core.halt(`op ${header.op} of view ${header.view} was prepared behind the end of its configuration`);
      return;
    }
    journal.extend(prepare);
    core.learnCommit(header.commit);
  }

  /** Writes what can be written, and tells what became committed by it. */
  advance(): void {
    const core = this.#core;
    core.journal.advance(core.effects);
    core.publishCommits();
  }

  /** Says how far the log is durable here, to the primary of the present view: whichever view a prepare comes from. */
  acknowledge(): void {
    const core = this.#core;
    if (core.isStandby || core.status !== "normal" || core.primary === core.self || !core.isStateDurable) return;
    if (!this.#acquaintance.hasMet(core.primary)) return;
    const op = core.journal.durableOp;
    const identity = core.journal.identity(op);
    if (op === 0 || identity === null) return;
    core.send(core.primary, { kind: "prepareOk", view: core.view, op, identity });
  }

  commit(from: number, message: CommitMessage): void {
    const core = this.#core;
    if (message.view > core.view || (message.view === core.view && core.logView < core.view)) {
      core.send(from, { kind: "getView", view: message.view, nonce: 0 });
      return;
    }
    if (message.view !== core.view || core.status !== "normal" || core.primary !== from) return;
    this.heard();
    const known = core.journal.identity(message.commit.op);
    const isAppended = message.commit.op <= core.journal.appended.op;
    if (isAppended && known !== null && !sameIdentity(known, message.commit.identity)) {
      core.halt(`op ${message.commit.op} is committed with another prepare than the one in this log`);
      return;
    }
    core.learnCommit(message.commit.op);
    core.journal.prove(message.commit);
    this.advance();
    if (core.isStateDurable && !core.isStandby)
      core.send(from, { kind: "commitOk", view: core.view, round: message.round });
    if (message.op > core.journal.head) {
      mark("heartbeatShowsGap");
      this.acknowledge();
    }
  }

  heard(): void {
    const core = this.#core;
    const gap = Math.min(core.ticks - this.#heardAt, suspectTicksMax);
    this.#interval = (this.#interval * 7 + gap) / 8;
    this.#heardAt = core.ticks;
    this.#isSuspect = false;
  }

  /** The connection to the primary broke. */
  disconnected(peer: number): void {
    const core = this.#core;
    if (core.status === "normal" && core.primary === peer) this.#isSuspect = true;
  }

  get isPrimarySuspect(): boolean {
    const core = this.#core;
    if (this.#isSuspect) return true;
    const limit = Math.min(Math.max(Math.ceil(this.#interval * 6), suspectTicksMin), suspectTicksMax);
    return core.ticks - this.#heardAt > limit;
  }

  /** True when this primary had better give up: its prepares reach nobody, or nobody's disk takes them. */
  tick(): boolean {
    const core = this.#core;
    if (!core.hasInstalled || core.isSingle) return false;
    const isNews = core.isLeading && core.commitMax > this.#toldCommit;
    if (isNews || core.ticks - this.#heartbeatAt >= heartbeatTicks) this.#beat();
    if (!core.isLeading) return false;
    const isBehind = core.journal.head > core.commitMax;
    if (!isBehind) this.#progressAt = core.ticks;
    for (let to = 0; to < core.quorums.replicas; to++) {
      if (to !== core.self && (this.#acked[to] ?? 0) < core.journal.head) this.#resend(to, resendTicks);
    }
    return core.ticks - this.#progressAt > abdicateTicks;
  }

  inspect(): Record<string, number> {
    return { round: this.#round, confirmations: this.#confirmations.length, interval: Math.round(this.#interval) };
  }
}
