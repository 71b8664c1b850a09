/**
 * A command in the course of being decided: what the common head said, what the tenant's row says, and where the record and the
 * reply go. The commands in `commands/` read it, and either `refuse`, `answer`, or write a record between `beginRecord` and
 * `finish`. One object a kernel, reused; it holds nothing that must survive a call.
 */

import { crc32cOf } from "../crypto/crc32c.js";
import { crc32cCombine } from "../crypto/crc32c-combine.js";
import type { TreeWriter } from "../store/tree.js";
import { assert } from "../types/assert.js";
import { ByteReader } from "../types/byte-reader.js";
import { type ErrorCode, type ErrorDetail, errorRegistry } from "../types/errors.js";
import { kiB } from "../types/limits.js";
import { Decision, decided } from "./decision.js";
import type { HotTenant } from "./hot-rows.js";
import { appendHeadBytes, recordSchemaVersion, requestKind, tree } from "./kinds.js";
import { setU64 } from "./numbers.js";
import { writeOutcome } from "./outcome.js";
import type { Output } from "./output.js";
import { recordFlags, recordFrameBytes, requestKeyBytes, sealRecord } from "./record.js";
import { type Request, writeHeadBytes } from "./request.js";
import { StateKeys } from "./state-keys.js";
import type { WorkingState } from "./working-state.js";

/** From this size on, combining two checksums is cheaper than reading the events twice. */
const tailBytesMin = 8 * kiB;

export class Draft {
  readonly decision = new Decision();
  readonly keys = new StateKeys();
  readonly working: WorkingState;
  /** Commands other than appends find everything in it; appends ask `working`. */
  state: TreeWriter;
  request: Request;
  out: Output;
  reply: Output;

  // The common head.
  tenant = 0;
  keyFrom = 0;
  hasKey = false;
  session = 0;
  requestNumber = 0;
  /** First byte of the kind's own fields; they end at `request.to`. */
  bodyFrom = 0;
  requestCrc = 0;
  requestLength = 0;
  /** CRC-32C and length of the events of a large append with a fingerprint: the record ends with the same bytes. */
  tailCrc = 0;
  tailBytes = 0;

  /** Of an append: the tenant as an object. */
  hotTenant: HotTenant | null = null;

  // The tenant's row, as far as commands need it.
  position = 0;
  time = 0;
  epoch = 0;
  nextStream = 0;
  streams = 0;
  storedBytes = 0;
  sessions = 0;
  quotaBytes = 0;
  quotaStreams = 0;
  quotaSessions = 0;
  quotaGroups = 0;

  constructor(state: TreeWriter, working: WorkingState, request: Request, out: Output, reply: Output) {
    this.state = state;
    this.working = working;
    this.request = request;
    this.out = out;
    this.reply = reply;
  }

  /** A bounded reader over the kind's own fields, for the commands that are not in the hot path. */
  body(): ByteReader {
    return new ByteReader(this.request.bytes, this.bodyFrom, this.request.to);
  }

  /** Refuses with nothing written. `explanation` follows the registry's line. */
  refuse(code: ErrorCode, explanation: string, detail: ErrorDetail = {}): void {
    const entry = errorRegistry[code];
    this.decision.outcome = decided.refused;
    this.decision.error = { code, message: `${entry.message}: ${explanation}`, detail, outcome: entry.outcome };
  }

  /** Refuses, and answers true, when the tenant may not store that many bytes more. */
  exceedsQuota(bytes: number): boolean {
    const { storedBytes: used, quotaBytes: limit } = this;
    if (used + bytes <= limit) return false;
    this.refuse("quotaExceeded", `bytesMax is ${limit} and ${used} are stored`, { quota: "bytesMax", limit, used });
    return true;
  }

  /** Answers without a record: what was asked for is so already, since `afterPosition`. */
  answer(afterPosition: number, position: number, time: number, subject: number, first: number, count: number): void {
    assert(afterPosition < this.position, "an answer rests on what was written before");
    assert(this.decision.outcome === 0, "a request is decided once");
    this.decision.outcome = decided.answered;
    this.decision.afterPosition = afterPosition;
    writeOutcome(this.reply, this.request.kind, position, time, subject, first, count, false);
  }

  /** Answers with the outcome stored at a position, if the request is the one that led to it. */
  answerStored(position: number, reused: ErrorCode): void {
    assert(position >= 0 && position < this.position, "a stored outcome lies before the next position");
    const { working } = this;
    working.settle(this.state);
    const { commits } = working;
    const found = commits.find(working.cursor(tree.commits), this.tenant, position);
    assert(found, "order: every position below the next one has its commit");
    if (
      commits.kind !== this.request.kind ||
      commits.requestCrc !== this.requestCrc ||
      commits.requestLength !== this.requestLength
    ) {
      this.refuse(reused, "send a changed request under a new one", { position });
      return;
    }
    this.decision.outcome = decided.answered;
    this.decision.afterPosition = position;
    this.decision.replayed = true;
    const { time, subject, first, count } = commits;
    writeOutcome(this.reply, this.request.kind, position, time, subject, first, count, true);
  }

  /** The checksum that tells one request from another under the same key. The head is left out: a retry may change session. */
  fingerprint(): void {
    const { view, kind, to } = this.request;
    this.requestLength = to - this.bodyFrom;
    if (kind === requestKind.append && this.requestLength >= tailBytesMin) {
      const eventsFrom = this.bodyFrom + appendHeadBytes;
      this.tailBytes = to - eventsFrom;
      this.tailCrc = crc32cOf(view, eventsFrom, to);
      this.requestCrc = crc32cCombine(crc32cOf(view, this.bodyFrom, eventsFrom), this.tailCrc, this.tailBytes);
    } else this.requestCrc = crc32cOf(view, this.bodyFrom, to);
    assert(this.bodyFrom === this.request.from + writeHeadBytes, "a fingerprint covers all but the head");
    assert(this.requestLength >= 0, "a request holds its head");
  }

  /** Writes the record up to its facts, which the command then writes to `out`. */
  beginRecord(): void {
    assert(this.decision.outcome === 0, "a request is decided once");
    const { out, request, decision } = this;
    const { view } = out;
    const from = out.at;
    decision.recordFrom = from;
    view.setUint8(from + recordFrameBytes, request.kind);
    setU64(view, from + 9, this.time);
    view.setUint8(from + 17, request.principalLength);
    out.at = from + 18;
    out.copy(request.bytes, request.view, request.principalFrom, request.principalFrom + request.principalLength);
    out.copy(request.bytes, request.view, this.keyFrom, this.keyFrom + requestKeyBytes);
    let at = out.at;
    assert(at + 4 + 1 + 16 + 8 <= out.end, "a record's head fits: room was checked before");
    view.setUint32(at, recordSchemaVersion, true);
    if (this.session === 0) {
      view.setUint8(at + 4, 0);
      at += 5;
    } else {
      view.setUint8(at + 4, recordFlags.session);
      setU64(view, at + 5, this.session);
      setU64(view, at + 13, this.requestNumber);
      at += 21;
    }
    view.setUint32(at, this.requestCrc, true);
    view.setUint32(at + 4, this.requestLength, true);
    out.at = at + 8;
  }

  /** Seals the record and writes the reply. What subject, first and count mean is said by each command. */
  finish(subject: number, first: number, count: number): void {
    const { out, decision } = this;
    assert(decision.outcome === 0, "a request is decided once");
    assert(out.at <= out.end, "a record stays within its output");
    sealRecord(out.bytes, out.view, decision.recordFrom, out.at, this.tailCrc, this.tailBytes);
    decision.recordTo = out.at;
    decision.outcome = decided.written;
    decision.tenant = this.tenant;
    decision.position = this.position;
    decision.afterPosition = this.position;
    decision.time = this.time;
    writeOutcome(this.reply, this.request.kind, this.position, this.time, subject, first, count, false);
  }
}
