/**
 * The write path of a shard that leads: what waits is decided and applied, proposed to the replica, and answered once it is committed. While
 * one prepare is on its way the next requests gather; there is no timer on this path.
 */
import { prepareOperations } from "../../runtime/storage/frame.js";
import type { LogPosition } from "../../runtime/storage/log-position.js";
import { itemBytesMaxBefore } from "../../runtime/store/table-trees.js";
import { assert } from "../../runtime/types/assert.js";
import { fromErrorRecord, KimberliteError, toErrorRecord } from "../../runtime/types/errors.js";
import { miB } from "../../runtime/types/limits.js";
import { pipelineMax } from "../../runtime/vsr/ports.js";
import { preciseClock } from "../sql/precise-clock.js";
import { QueryEngine } from "../sql/query-engine.js";
import { type Leadership, pressureMax, type ShardCore } from "./core.js";
import type { Handover } from "./handover.js";
import type { HeldRequests } from "./held-requests.js";
import { outcomeUnknown } from "./outcomes.js";
import type { Answering } from "./peer-port.js";
import { Proposal } from "./proposal.js";
import { Proposer } from "./proposer.js";
import type { QueuedRequest, RequestQueue } from "./request-queue.js";
import { SqlDecider } from "./sql/decider.js";
import { factsLimits } from "./sql/facts-limits.js";
import { Unrecorded } from "./unrecorded.js";

interface OwnOperation {
  readonly operation: number;
  readonly body: Uint8Array;
  readonly settled: (op: number | null) => void;
  /** Of a reconfiguration: how many vote behind it; else 0. */
  readonly voters: number;
}

export interface PipelineHost {
  /** A newer version is published. */
  published(): void;
  answerOne(request: Readonly<QueuedRequest>, body: Uint8Array): void;
  /** Bytes of what `answerOne` has taken and nobody was sent. */
  answeredBytes(): number;
  /** More is to be decided, in a turn of its own. */
  goOnLater(): void;
  /** Sends what `answerOne` has taken. */
  sendAnswers(): void;
}

interface Requests {
  readonly queue: RequestQueue;
  /** Takes those over whose answers would find no room. */
  readonly held: HeldRequests;
}

const retryFullMs = 500;
/** Of deciding, before others have their turn. */
const turnMsMax = 50;
/** Answers of one prepare: what waits behind is decided in the next. */
const answerBytesTarget: number = 4 * miB;
/** Answers that wait for the disk or for other replicas. */
const answerBytesMax: number = 64 * miB;
/** Proposals that are kept for the next use. */
const spareMax = 4;

export class Pipeline {
  readonly #core: ShardCore;
  readonly #host: PipelineHost;
  readonly #queue: RequestQueue;
  readonly #held: HeldRequests;
  readonly #answering: Answering;
  readonly #handover: Handover;
  readonly #unrecorded: Unrecorded;
  readonly #inFlight: Proposal[] = [];
  readonly #spare: Proposal[] = [];
  /** Of the protocol itself, to be proposed next. */
  readonly #operations: OwnOperation[] = [];
  #proposer: Proposer | null = null;
  #commits = 0;
  #records = 0;

  /** A reconfiguration was proposed: the last of its configuration. */
  #isClosing = false;

  constructor(core: ShardCore, requests: Requests, answering: Answering, handover: Handover, host: PipelineHost) {
    this.#core = core;
    this.#host = host;
    this.#queue = requests.queue;
    this.#held = requests.held;
    this.#answering = answering;
    this.#handover = handover;
    this.#unrecorded = new Unrecorded(core, answering, (proposal) => this.#send(proposal));
  }

  get isEmpty(): boolean {
    return this.#inFlight.length === 0;
  }

  #proposing(): Proposer {
    assert(this.#proposer !== null && this.#core.phase === "leading", "only a shard that leads proposes");
    return this.#proposer;
  }

  /** @param inherited version of what the log holds beyond what is published; null when that is nothing */
  lead({ head }: Leadership, inherited: number | null): void {
    const core = this.#core;
    const { store } = core.parts();
    if (inherited !== null) {
      const proposal = this.#spare.pop() ?? new Proposal();
      proposal.op = head.op;
      proposal.version = inherited;
      this.#inFlight.push(proposal);
    }
    core.lastOp = head.op;
    assert(core.tail !== null && core.kernel !== null, "an open shard has its log's memory");
    const { bodyBytesMax } = core.machine.geometry;
    const [limits, limitsBefore] = [factsLimits(bodyBytesMax), factsLimits(bodyBytesMax, itemBytesMaxBefore)];
    core.sql = new SqlDecider({
      engine: new QueryEngine(),
      state: store,
      get limits() {
        return core.areLongKeysKnown ? limits : limitsBefore;
      },
      answer: (request, body) => this.#host.answerOne(request, body),
      defect: (error) => core.context.log.error("a statement met a defect", { error: error.stack }),
      working: () => core.context.working(),
      now: preciseClock(
        () => core.context.now(),
        () => core.context.monotonic(),
      ),
      monotonic: () => core.context.monotonic(),
      random: () => core.context.random(),
    });
    this.#proposer = new Proposer(
      core.kernel,
      store,
      core.tail,
      core.machine.geometry,
      head.address,
      Math.max(head.timestamp, this.#proposer?.lastTime ?? 0),
      core.sql,
    );
    core.phase = "leading";
    this.#isClosing = false;
  }

  /** What was inherited from another leader and is not committed yet is under way as well: a view change names no more than that. */
  get #hasRoom(): boolean {
    const uncommitted = this.#core.lastOp - this.#core.positionNow().op;
    const isFew = this.#inFlight.length < this.#core.args.pipelineMax && uncommitted < pipelineMax;
    return isFew && this.#proposing().hasRoom;
  }

  /** Whether what is answered and still waits for the disk or for others leaves room for more. */
  get #hasAnswerRoom(): boolean {
    let bytes = this.#unrecorded.answerBytes;
    for (const { answerBytes } of this.#inFlight) bytes += answerBytes;
    return bytes <= answerBytesMax;
  }

  propose(): void {
    const core = this.#core;
    const { leadership } = core;
    if (core.phase !== "leading" || leadership === null) return;
    const { store, checkpointer } = core.parts();
    const proposer = this.#proposing();
    // Requests wait while nobody can say what time it is; a primary that stays so gives up its view.
    const stamp = core.timeNow();
    if (stamp === null) return;
    const until = core.context.monotonic() + turnMsMax;
    let isOver = false;
    // A thousand large answers in one message would be one larger than any mailbox; a thousand statements in one turn, a thread that is
    // taken for hung.
    const isEnough = (answerBytes: number): boolean => {
      isOver ||= core.context.monotonic() >= until;
      return isOver || answerBytes + this.#host.answeredBytes() >= answerBytesTarget;
    };
    const hasRoom = (): boolean =>
      this.#hasRoom && this.#hasAnswerRoom && !this.#handover.isUnderWay && !this.#isClosing;
    while (this.#queue.count + this.#operations.length > 0 && hasRoom()) {
      if (isOver) {
        this.#host.goOnLater();
        return;
      }
      if (store.cachePressure > pressureMax) {
        // No room for more changes until a checkpoint is through; it calls back.
        checkpointer.runNow(core.positionNow());
        return;
      }
      const proposal = this.#spare.pop() ?? new Proposal();
      const own = this.#operations.shift();
      if (own === undefined) {
        core.guarded(() => proposer.fill(this.#queue, proposal, core.context.now(), stamp, isEnough, this.#held));
        // Before the replica goes to the disk, which in one thread holds up all others.
        this.#host.sendAnswers();
      } else {
        proposer.fillOperation(proposal, own.operation, own.body, stamp);
        proposal.settled = own.settled;
      }
      if (own === undefined && proposal.recordCount === 0) {
        this.#unrecorded.answer(proposal, this.#inFlight.at(-1) ?? null);
        continue;
      }
      this.#tellReplica(proposal, leadership.view, own?.voters ?? 0);
    }
  }

  #tellReplica(proposal: Proposal, view: number, voters: number): void {
    const core = this.#core;
    const { store } = core.parts();
    const proposer = this.#proposing();
    proposal.op = core.lastOp + 1;
    core.lastOp = proposal.op;
    proposal.version = store.seal(core.header.encode(proposal.op, proposer.nextAddress, proposal.time));
    const port = core.context.port(core.args.replica);
    // Without its replica the shard is about to be restarted; what it applied dies with its memory.
    if (port === null) throw new KimberliteError("shardUnavailable", "the replica is gone");
    this.#inFlight.push(proposal);
    const { op, address, bodyBytes, recordCount, time, operation } = proposal;
    proposal.endAddress = proposer.nextAddress;
    // What comes behind the end of a configuration waits for whoever leads the next one.
    this.#isClosing = voters > 0;
    const own = voters > 0 ? { voters } : {};
    const propose = { kind: "propose", view, op, address, bodyBytes, recordCount, time, operation, ...own };
    const told = core.context.tell(port, propose);
    assert(told === "accepted", "a replica has room for every prepare under way");
  }

  #send(proposal: Proposal): void {
    proposal.sendAll(this.#answering, (done) => {
      if (this.#spare.length < spareMax) this.#spare.push(done);
    });
  }

  committed(position: LogPosition): void {
    const core = this.#core;
    const { store, checkpointer } = core.parts();
    let bytes = 0;
    let version = 0;
    while (this.#inFlight.length > 0 && this.#inFlight[0].op <= position.op) {
      const proposal = this.#inFlight.shift();
      assert(proposal !== undefined, "what is taken from the pipeline was in it");
      bytes += proposal.bodyBytes;
      version = proposal.version;
      this.#commits += 1;
      this.#records += proposal.recordCount;
      if (proposal.op === position.op) core.position = position;
      store.publish(version);
      this.#unrecorded.sendAll();
      this.#send(proposal);
    }
    if (version === 0) return;
    assert(
      core.positionNow().op === position.op,
      "order: prepares are committed in the order in which they were proposed",
    );
    this.#host.published();
    checkpointer.logged(bytes, position);
    this.handOn();
  }

  /** The disk was full: nothing of the prepare, or of those behind it, was written. The state goes back to the one before. */
  refused(op: number, message: string): void {
    const core = this.#core;
    if (core.phase !== "leading") return;
    const { store } = core.parts();
    const proposer = this.#proposing();
    const first = this.#inFlight.findIndex((proposal) => proposal.op === op);
    assert(first >= 0, "order: only what was proposed is refused");
    const refused = this.#inFlight.splice(first);
    const last = this.#inFlight.at(-1);
    store.rollbackTo(last?.version ?? store.publishedVersion);
    const full = `${message}; free space, and writes go on by themselves`;
    const error = fromErrorRecord({ ...toErrorRecord(new KimberliteError("diskFull")), message: full });
    for (const proposal of refused) proposal.refuse(this.#answering, error);
    core.sql?.dropAll();
    core.lastOp = op - 1;
    proposer.nextAddress = last?.endAddress ?? core.positionNow().address;
    core.isFull = true;
    this.#isClosing = false;
    core.context.after(retryFullMs, { kind: "retryFull" });
  }

  /** Leadership is lost, and the state is what is published. Gives whether somebody's answer was lost sight of. */
  giveUp(): boolean {
    const core = this.#core;
    core.phase = "following";
    core.sql?.dropAll();
    core.sql = null;
    const error = outcomeUnknown();
    const hasLost = this.#inFlight.length + this.#unrecorded.count > 0;
    this.#unrecorded.refuse(error);
    for (const proposal of this.#inFlight) proposal.refuse(this.#answering, error);
    this.#inFlight.length = 0;
    for (const { settled } of this.#operations.splice(0)) settled(null);
    core.lastOp = core.positionNow().op;
    return hasLost;
  }

  /** What was under way when a handover began is committed: now. */
  handOn(): void {
    if (this.#handover.isUnderWay && this.isEmpty) this.#handover.drained();
  }

  // ------------------------------------------------------------------ operations of the protocol

  /** Proposes one of the protocol's own operations, which says nothing to the state. Tells its op; null when it may never be committed. */
  operate(operation: number, body: Uint8Array, settled: (op: number | null) => void, voters = 0): void {
    assert(this.#core.phase === "leading", "only a shard that leads proposes");
    assert(operation !== prepareOperations.commands, "commands come from the queue");
    this.#operations.push({ operation, body, settled, voters });
    this.propose();
  }

  /** One of this kind waits to be proposed. */
  isDue(operation: number): boolean {
    return this.#operations.some((own) => own.operation === operation);
  }

  inspect(): Record<string, number> {
    return {
      commits: this.#commits,
      records: this.#records,
      inFlight: this.#inFlight.length,
      expired: this.#proposer?.expired ?? 0,
    };
  }
}
