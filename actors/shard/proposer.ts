/**
 * Fills one prepare from what waits: decides each request, writes its record straight into the shared tail of the log, applies it
 * to the working state, and notes its answer. The facts are decided on everything proposed before, durable or not; that is safe
 * since the prepare's header names its parent: it is committed after exactly that prefix, or not at all.
 *
 * Where a prepare may stand: on a sector, within one segment, with its 256-byte header before the body. What does not fit the rest
 * of a segment begins the next one.
 */
import { BlockWriter, blockHeaderBytes } from "../../runtime/kernel/block.js";
import { type Decision, decided } from "../../runtime/kernel/decision.js";
import { type Kernel, recordRoom } from "../../runtime/kernel/kernel.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { replyBytesMax } from "../../runtime/kernel/outcome.js";
import { Output } from "../../runtime/kernel/output.js";
import { Request } from "../../runtime/kernel/request.js";
import { headerBytes } from "../../runtime/storage/frame.js";
import { bodyRoom, type LogGeometry, nextSegmentStart, paddedBytes } from "../../runtime/storage/log-geometry.js";
import type { LogTail } from "../../runtime/storage/log-tail.js";
import type { TreeWriter } from "../../runtime/store/tree.js";
import { assert, unreachable } from "../../runtime/types/assert.js";
import { fromErrorRecord, KimberliteError } from "../../runtime/types/errors.js";
import { groupCommitBytesTarget, sectorBytes } from "../../runtime/types/limits.js";
import type { HeldRequests } from "./held-requests.js";
import type { Proposal } from "./proposal.js";
import type { QueuedRequest, RequestQueue } from "./request-queue.js";
import type { SqlDecider } from "./sql/decider.js";

export type IsEnough = (answerBytes: number) => boolean;
type Holding = Pick<HeldRequests, "hold" | "answered">;

export class Proposer {
  readonly #kernel: Kernel;
  readonly #state: TreeWriter;
  readonly #tail: LogTail;
  readonly #geometry: LogGeometry;
  readonly #block = new BlockWriter();
  readonly #request = new Request();
  readonly #out: Output;
  readonly #reply = new Output(new Uint8Array(replyBytesMax));
  readonly #sql: SqlDecider | null;
  #isEnough: IsEnough = () => false;
  #held: Holding | null = null;
  /** Where the next prepare may begin. */
  nextAddress: number;
  /** Time of the newest record decided, µs. */
  lastTime: number;
  expired = 0;

  constructor(
    kernel: Kernel,
    state: TreeWriter,
    tail: LogTail,
    geometry: LogGeometry,
    nextAddress: number,
    lastTime: number,
    sql: SqlDecider | null = null,
  ) {
    assert(nextAddress % sectorBytes === 0, "a prepare begins on a sector");
    this.#kernel = kernel;
    this.#state = state;
    this.#tail = tail;
    this.#geometry = geometry;
    this.#sql = sql;
    this.#out = new Output(tail.bytes, 0, 0);
    this.nextAddress = nextAddress;
    this.lastTime = lastTime;
  }

  /**
   * Whether a prepare of any size fits the tail beside what is under way there. What a leader has inherited can be more than what it
   * would have proposed itself.
   */
  get hasRoom(): boolean {
    const { bodyBytesMax } = this.#geometry;
    const mayBegin = bodyRoom(this.#geometry, this.nextAddress) >= bodyBytesMax;
    const address = mayBegin ? this.nextAddress : nextSegmentStart(this.#geometry, this.nextAddress);
    return this.#tail.hasRoom(address + paddedBytes(bodyBytesMax));
  }

  /**
   * Fills `proposal` from `queue`. Afterwards `proposal.recordCount` says whether there is something to write; answers that rest
   * on no new record are in it as well.
   *
   * @param now what deadlines are held against, ms
   * @param time what records are stamped with, ms; the log's time never goes back, whatever the clocks do
   * @param isEnough whether what waits is left for the next prepare; asked behind each request, with the bytes of answers so far
   * @param held takes requests over that are not to be decided now
   */
  fill(
    queue: RequestQueue,
    proposal: Proposal,
    now: number,
    time = now,
    isEnough: IsEnough = () => false,
    held: Holding | null = null,
  ): void {
    assert(proposal.isEmpty || proposal.recordCount === 0, "a proposal is filled once");
    this.#held = held;
    this.#open(proposal, this.nextAddress);
    this.#isEnough = isEnough;
    const tenants = queue.tenants();
    // More than one prepare's worth waits: everyone gets an equal share, at least one request.
    const share =
      queue.bytes > groupCommitBytesTarget ? groupCommitBytesTarget / tenants.length : Number.POSITIVE_INFINITY;
    for (const tenant of tenants) {
      const isFull = !this.#fillBlock(queue, proposal, now, time, tenant, share);
      queue.endTurn(tenant);
      if (isFull || this.#bodyBytes(proposal) >= groupCommitBytesTarget || isEnough(proposal.answerBytes)) break;
    }
    this.#kernel.settle(this.#state);
    proposal.bodyBytes = this.#bodyBytes(proposal);
    proposal.time = this.lastTime;
    if (proposal.recordCount === 0) {
      assert(proposal.bodyBytes === 0, "a prepare without records has no body");
      proposal.address = -1;
      return;
    }
    const bytes = headerBytes + proposal.bodyBytes;
    this.nextAddress = proposal.address + Math.ceil(bytes / sectorBytes) * sectorBytes;
    assert(this.nextAddress > proposal.address, "order: prepares follow one another in the log");
  }

  /** Fills `proposal` with one of the protocol's own operations: a prepare without records. */
  fillOperation(proposal: Proposal, operation: number, body: Uint8Array, time: number): void {
    assert(proposal.recordCount === 0 && body.length > 0, "an operation of the protocol has a body and no records");
    this.#open(proposal, this.nextAddress);
    assert(body.length <= this.#out.end - this.#out.at, "an operation of the protocol is short");
    this.#out.bytes.set(body, this.#out.at);
    this.#out.at += body.length;
    this.lastTime = Math.max(this.lastTime + 1, Math.floor(time * 1000));
    proposal.operation = operation;
    proposal.bodyBytes = body.length;
    proposal.time = this.lastTime;
    this.nextAddress = proposal.address + Math.ceil((headerBytes + body.length) / sectorBytes) * sectorBytes;
  }

  #open(proposal: Proposal, address: number): void {
    const room = Math.min(bodyRoom(this.#geometry, address), this.#geometry.bodyBytesMax);
    if (room < recordRoom(0) + blockHeaderBytes) {
      this.#open(proposal, nextSegmentStart(this.#geometry, address));
      return;
    }
    // What lay here one ring length ago is gone for readers from now on; the tail asserts that it is durable.
    this.#tail.reserve(address + Math.ceil((headerBytes + room) / sectorBytes) * sectorBytes);
    const from = this.#tail.offsetOf(address) + headerBytes;
    this.#out.at = from;
    this.#out.end = from + room;
    assert(this.#out.end <= this.#tail.ringBytes, "a prepare does not wrap around the ring");
    proposal.address = address;
  }

  #bodyBytes(proposal: Proposal): number {
    return this.#out.at - this.#tail.offsetOf(proposal.address) - headerBytes;
  }

  /** One tenant's block. False when the prepare is full. */
  #fillBlock(
    queue: RequestQueue,
    proposal: Proposal,
    now: number,
    time: number,
    tenant: number,
    share: number,
  ): boolean {
    const before = this.#out.at;
    let hasBlock = this.#begin(tenant);
    for (let waiting = queue.peek(tenant); waiting !== null; waiting = queue.peek(tenant)) {
      if (this.#out.at - before >= share || this.#bodyBytes(proposal) >= groupCommitBytesTarget) break;
      if (this.#isEnough(proposal.answerBytes)) break;
      if (waiting.deadline !== 0 && waiting.deadline <= now) {
        this.expired += 1;
        const error = new KimberliteError("deadlineExceeded", "it waited too long before it was decided", {
          outcome: "notCommitted",
        });
        answerError(proposal, waiting, error);
        queue.shift(tenant);
        continue;
      }
      if (this.#isHeld(tenant, waiting)) {
        queue.shift(tenant);
        continue;
      }
      const outcome = hasBlock ? this.#decide(waiting, proposal, tenant, time) : decided.full;
      if (outcome !== decided.full) {
        queue.shift(tenant);
        this.#sql?.requeueWoken(queue);
        continue;
      }
      if (hasBlock) this.#block.end(this.#out);
      if (proposal.recordCount > 0) return false;
      // Nothing is in this prepare yet, so the segment's rest is too small: begin at the next one. There everything fits.
      const next = nextSegmentStart(this.#geometry, proposal.address);
      assert(next > proposal.address && this.#isPartOfSegment(proposal.address), "a request fits an empty segment");
      this.#open(proposal, next);
      hasBlock = this.#begin(tenant);
      assert(hasBlock, "a block's header fits an empty segment");
    }
    if (hasBlock) this.#block.end(this.#out);
    assert(this.#out.at <= this.#out.end, "a body stays within its room");
    return true;
  }

  /** What is half written is written to its end, whoever it is for. */
  #isHeld(tenant: number, waiting: QueuedRequest): boolean {
    if (this.#held === null || this.#sql?.isHalfWritten(tenant) === true) return false;
    return this.#held.hold(tenant, waiting);
  }

  #isPartOfSegment(address: number): boolean {
    return address % this.#geometry.segmentBytes !== 0;
  }

  #begin(tenant: number): boolean {
    // An unknown tenant's requests are all refused: its block stays empty and is taken back.
    return this.#block.begin(this.#out, tenant, this.#kernel.nextPosition(this.#state, tenant));
  }

  /** A SQL statement: what it comes to is decided first, and then, if it changes something, by the kernel as any other command. */
  #decideSql(sql: SqlDecider, waiting: QueuedRequest, proposal: Proposal, tenant: number, timeMs: number): number {
    // Statements read the trees.
    this.#kernel.settle(this.#state);
    const outcome = sql.decide(waiting, tenant);
    switch (outcome.kind) {
      case "told":
      case "waits":
        return decided.answered;
      case "answer":
        this.#answer(proposal, waiting, outcome.body);
        return decided.answered;
      case "failed":
        answerError(proposal, waiting, outcome.error);
        return decided.refused;
      case "commit": {
        const { stages } = outcome;
        let decision: Decision | null = null;
        for (; stages !== null && stages.next < stages.count; stages.next++) {
          decision = this.#decideMade(requestKind.sqlStage, stages.body(stages.next), proposal, tenant, timeMs);
          if (decision.outcome !== decided.written) break;
          decision = null;
        }
        decision ??= this.#decideMade(requestKind.sqlCommit, outcome, proposal, tenant, timeMs);
        if (decision.outcome === decided.full) sql.keep(waiting, tenant, outcome);
        else if (decision.outcome === decided.written) {
          this.#answer(proposal, waiting, outcome.committed(decision.position));
        } else {
          assert(decision.error !== null, "a transaction without a key is written or refused");
          answerBytes(proposal, waiting, outcome.refused(decision.error));
        }
        return decision.outcome;
      }
      default:
        return unreachable(outcome);
    }
  }

  #answer(proposal: Proposal, waiting: QueuedRequest, body: Uint8Array): void {
    this.#held?.answered(waiting, body.length);
    answerBytes(proposal, waiting, body);
  }

  /** Decides a command that the shard has made itself: its body, and behind it the principal. */
  #decideMade(
    kind: number,
    { bytes, view, bodyTo }: { readonly bytes: Uint8Array; readonly view: DataView; readonly bodyTo: number },
    proposal: Proposal,
    tenant: number,
    timeMs: number,
  ): Decision {
    const request = this.#request;
    request.kind = kind;
    request.bytes = bytes;
    request.view = view;
    request.from = 0;
    request.to = bodyTo;
    request.principalFrom = bodyTo;
    request.principalLength = bytes.length - bodyTo;
    return this.#decideRequest(proposal, tenant, timeMs);
  }

  #decide(waiting: QueuedRequest, proposal: Proposal, tenant: number, timeMs: number): number {
    if (waiting.kind === requestKind.sql && this.#sql !== null) {
      return this.#decideSql(this.#sql, waiting, proposal, tenant, timeMs);
    }
    const request = this.#request;
    request.kind = waiting.kind;
    request.bytes = waiting.bytes;
    request.view = waiting.view;
    request.principalFrom = waiting.principalFrom;
    request.principalLength = waiting.principalTo - waiting.principalFrom;
    request.from = waiting.bodyFrom;
    request.to = waiting.bodyTo;
    const decision = this.#decideRequest(proposal, tenant, timeMs);
    switch (decision.outcome) {
      case decided.written:
      case decided.answered:
        answerOk(proposal, waiting, this.#reply);
        break;
      case decided.refused:
        assert(decision.error !== null, "a refusal says why");
        answerError(proposal, waiting, fromErrorRecord(decision.error));
        break;
      default:
        break;
    }
    return decision.outcome;
  }

  /** Decides what `#request` says; a record that is written is applied. */
  #decideRequest(proposal: Proposal, tenant: number, timeMs: number): Decision {
    const reply = this.#reply;
    reply.at = 0;
    const out = this.#out;
    const time = Math.max(this.lastTime + 1, Math.floor(timeMs * 1000));
    const decision = this.#kernel.decide(this.#state, this.#request, time, out, reply);
    if (decision.outcome !== decided.written) return decision;
    assert(decision.tenant === tenant, "isolation: a record is written under the tenant that sent it");
    assert(decision.time > this.lastTime, "order: the log's time grows with every record");
    this.lastTime = decision.time;
    const { recordFrom, recordTo, position } = decision;
    const address = proposal.address + (recordFrom - this.#tail.offsetOf(proposal.address));
    this.#kernel.apply(this.#state, out.bytes, out.view, recordFrom, recordTo, tenant, position, address);
    this.#block.add();
    proposal.recordCount += 1;
    return decision;
  }
}

function answerBytes(proposal: Proposal, waiting: QueuedRequest, body: Uint8Array): void {
  // Copied here or in the batch of replies: the next answer is written over it.
  if (waiting.envelope !== null) proposal.okAsked(waiting.envelope, body.slice());
  else if (waiting.port !== null) proposal.ok(waiting.port, waiting.correlation, body, 0, body.length);
}

function answerOk(proposal: Proposal, waiting: QueuedRequest, reply: Output): void {
  if (waiting.envelope !== null) proposal.okAsked(waiting.envelope, reply.bytes.slice(0, reply.at));
  else if (waiting.port !== null) proposal.ok(waiting.port, waiting.correlation, reply.bytes, 0, reply.at);
}

function answerError(proposal: Proposal, waiting: QueuedRequest, error: KimberliteError): void {
  if (waiting.envelope !== null) proposal.failAsked(waiting.envelope, error);
  else if (waiting.port !== null) proposal.fail(waiting.port, waiting.correlation, error);
}
