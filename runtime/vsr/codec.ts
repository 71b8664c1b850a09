/**
 * The bytes of each message between replicas. A prepare is its own bytes, as they stand in the log; every other message is the header of
 * `message-frame.ts` with these fields from 128 on (the rest of the 256 zero), and a body. u64 are safe integers.
 *
 *   command              fields at                                                                       body
 *    1 ping              128 monotonic u64 · 136 commit u64 · 144 status u8 · 145 zero 7 · 152 member 16
 *    2 pong              128 echoed u64 · 136 wall u64 · 144 commit u64 · 152 status u8 · 153 zero 7
 *                        160 remembered: member 16 · 176 view u32 · 180 zero 4 · 184 op u64
 *    8 prepare           see storage/frame.ts                                                            records
 *    9 prepareOk         128 op u64 · 136 identity 32
 *   10 commit            128 commit op u64 · 136 its identity 32 · 168 op u64 · 176 round u64
 *   11 commitOk          128 round u64
 *   16 startViewChange   none
 *   17 doViewChange      128 log view u32 · 132 entries u32 · 136 commit u64 · 144 contiguous u64        entries
 *   18 startView         128 headers u32 · 132 zero 4 · 136 commit u64 · 144 nonce u64                   headers
 *   19 getView           128 nonce u64
 *   24 getPrepare        128 op u64 · 136 identity 32
 *   25 getRun            128 from: op u64 · 136 address u64 · 144 timestamp u64 · 152 parent 32
 *                        184 until: op u64 · 192 identity 32 · 224 bytes max u32
 *   26 run               128 prepares u32                                                                prepares
 *   32 getSeals          128 segment u64
 *   33 seals             128 segment u64 · 136 seals u32                                                 seals
 *   34 getSegmentPart    128 segment u64 · 136 content hash 32 · 168 offset u32 · 172 length u32
 *   35 segmentPart       128 segment u64 · 136 content hash 32 · 168 offset u32                          bytes
 *
 *   status    0 normal, 1 viewChange, 2 recoveringHead, 3 fresh, 4 replaced
 *   entry     op u64 · flags u8 (1 header follows, 2 present, 4 nack) · zero 7 · header 256 when flagged. Ops descend by one.
 *   headers   256 bytes each, a sound prepare header of this cluster. Ops descend by one.
 *   seals     256 bytes each, of consecutive segments (storage/segment-seal.ts), believed by their own checksums
 *   prepares  header and body back to back, without padding. Ops ascend by one, each the parent of the next.
 *
 * Who sent a prepare does not stand in it: its header names who *wrote* it, and any replica may hand it on. The link knows.
 */
import { nodeProvider } from "../crypto/node-provider.js";
import {
  commandPrepare,
  headerBytes,
  identityBytes,
  isZero,
  readHeader,
  sameBytes,
  writeU64,
} from "../storage/frame.js";
import { sealBytes } from "../storage/seal-codec.js";
import { assert, unreachable } from "../types/assert.js";
import { commands, fieldsAt, type MessageFault, type MessageSender, openFrame, sealFrame } from "./message-frame.js";
import { type Message, type Prepare, replicaStatuses, type SuffixEntry, type SuffixHeader } from "./messages.js";

const entryHeadBytes = 16;
const memberBytes = 16;
const flagHeader = 1;
const flagPresent = 2;
const flagNack = 4;
const u32Span = 2 ** 32;

export interface DecodedMessage {
  /** The sender as the frame names it; null for a prepare. */
  readonly from: number | null;
  /** How often the sender's cluster was founded anew; in a prepare, as of when it was written. */
  readonly epoch: number;
  readonly release: number;
  readonly message: Message;
}

export interface RefusedMessage {
  readonly fault: MessageFault;
}

/**
 * The bytes to send, alone in memory of their own that nobody shares; encoded once, they may go to many peers. A prepare that lies so
 * already is not copied.
 */
export function encodeMessage(message: Message, sender: MessageSender): Uint8Array {
  if (message.kind === "prepare") return prepareBytes(message.prepare);
  const bytes = new Uint8Array(headerBytes + bodyBytes(message));
  const view = new DataView(bytes.buffer);
  writeFields(bytes, view, message, sender);
  sealFrame(bytes, view, commands[message.kind], "view" in message ? message.view : 0, sender);
  return bytes;
}

function prepareBytes({ header, frame }: Prepare): Uint8Array {
  assert(frame.length === headerBytes + header.bodyBytes, "a prepare is sent whole and without padding");
  assert(frame[98] === commandPrepare, "a prepare's header says that it is one");
  const isAlone = frame.buffer instanceof ArrayBuffer && frame.length === frame.buffer.byteLength;
  return isAlone ? frame : frame.slice();
}

function bodyBytes(message: Message): number {
  switch (message.kind) {
    case "doViewChange":
      return message.suffix.reduce((sum, { header }) => sum + entryHeadBytes + (header === null ? 0 : headerBytes), 0);
    case "startView":
      return message.suffix.length * headerBytes;
    case "run":
      return message.prepares.reduce((sum, { frame }) => sum + frame.length, 0);
    case "seals":
      return message.seals.length * sealBytes;
    case "segmentPart":
      return message.bytes.length;
    default:
      return 0;
  }
}

function putU64(view: DataView, at: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, "a message's numbers are whole and not negative");
  writeU64(view, at, value);
}

function putIdentity(bytes: Uint8Array, at: number, identity: Uint8Array): void {
  assert(identity.length === identityBytes, "an identity is 32 bytes");
  bytes.set(identity, at);
}

function putMember(bytes: Uint8Array, at: number, member: Uint8Array): void {
  assert(member.length === memberBytes, "a member's id is 16 bytes");
  bytes.set(member, at);
}

function writeFields(bytes: Uint8Array, view: DataView, message: Message, sender: MessageSender): void {
  switch (message.kind) {
    case "ping":
      assert(message.release === sender.release, "a replica states its own release");
      putU64(view, 128, message.monotonic);
      putU64(view, 136, message.commit);
      view.setUint8(144, replicaStatuses.indexOf(message.status));
      putMember(bytes, 152, message.member);
      return;
    case "pong":
      assert(message.release === sender.release, "a replica states its own release");
      putU64(view, 128, message.echoed);
      putU64(view, 136, message.wall);
      putU64(view, 144, message.commit);
      view.setUint8(152, replicaStatuses.indexOf(message.status));
      putMember(bytes, 160, message.remembered.member);
      view.setUint32(176, message.remembered.view, true);
      putU64(view, 184, message.remembered.op);
      return;
    case "prepareOk":
    case "getPrepare":
      putU64(view, 128, message.op);
      putIdentity(bytes, 136, message.identity);
      return;
    case "commit":
      putU64(view, 128, message.commit.op);
      putIdentity(bytes, 136, message.commit.identity);
      putU64(view, 168, message.op);
      putU64(view, 176, message.round);
      return;
    case "commitOk":
      putU64(view, 128, message.round);
      return;
    case "startViewChange":
      return;
    case "doViewChange":
      view.setUint32(128, message.logView, true);
      view.setUint32(132, message.suffix.length, true);
      putU64(view, 136, message.commit);
      putU64(view, 144, message.contiguous);
      writeEntries(bytes, view, message.suffix);
      return;
    case "startView":
      view.setUint32(128, message.suffix.length, true);
      putU64(view, 136, message.commit);
      putU64(view, 144, message.nonce);
      for (const [index, { headerBytes: header }] of message.suffix.entries()) {
        assert(header.length === headerBytes, "a header is 256 bytes");
        bytes.set(header, headerBytes + index * headerBytes);
      }
      return;
    case "getView":
      putU64(view, 128, message.nonce);
      return;
    case "getRun":
      putU64(view, 128, message.from.op);
      putU64(view, 136, message.from.address);
      putU64(view, 144, message.from.timestamp);
      putIdentity(bytes, 152, message.from.parent);
      putU64(view, 184, message.until.op);
      putIdentity(bytes, 192, message.until.identity);
      view.setUint32(224, message.bytesMax, true);
      return;
    case "run": {
      view.setUint32(128, message.prepares.length, true);
      let at = headerBytes;
      for (const { header, frame } of message.prepares) {
        assert(frame.length === headerBytes + header.bodyBytes, "a prepare is sent whole and without padding");
        bytes.set(frame, at);
        at += frame.length;
      }
      return;
    }
    case "getSeals":
      putU64(view, 128, message.segment);
      return;
    case "seals":
      putU64(view, 128, message.segment);
      view.setUint32(136, message.seals.length, true);
      for (const [index, seal] of message.seals.entries()) {
        assert(seal.length === sealBytes, "a seal is 256 bytes");
        bytes.set(seal, headerBytes + index * sealBytes);
      }
      return;
    case "getSegmentPart":
      putU64(view, 128, message.segment);
      putIdentity(bytes, 136, message.contentHash);
      view.setUint32(168, message.offset, true);
      view.setUint32(172, message.length, true);
      return;
    case "segmentPart":
      putU64(view, 128, message.segment);
      putIdentity(bytes, 136, message.contentHash);
      view.setUint32(168, message.offset, true);
      bytes.set(message.bytes, headerBytes);
      return;
    case "prepare":
      assert(false, "a prepare is its own bytes");
      return;
    default:
      unreachable(message);
  }
}

function writeEntries(bytes: Uint8Array, view: DataView, suffix: readonly SuffixEntry[]): void {
  let at = headerBytes;
  for (const { op, headerBytes: header, present, nack } of suffix) {
    assert(header === null || header.length === headerBytes, "a header is 256 bytes");
    putU64(view, at, op);
    view.setUint8(at + 8, (header === null ? 0 : flagHeader) | (present ? flagPresent : 0) | (nack ? flagNack : 0));
    at += entryHeadBytes;
    if (header === null) continue;
    bytes.set(header, at);
    at += headerBytes;
  }
  assert(at === bytes.length, "entries fill the body that was measured for them");
}

/**
 * Reads one whole message from untrusted bytes; what it returns refers to them. Damage is a fault, never an error; throws
 * `formatUnsupported` for a sound header of a protocol or command that this version does not know.
 */
export function decodeMessage(bytes: Uint8Array, clusterId: Uint8Array): DecodedMessage | RefusedMessage {
  if (bytes.length < headerBytes) return { fault: "size" };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // The byte is not verified yet, but each way verifies it before it believes it.
  if (bytes[98] === commandPrepare) {
    const prepare = readPrepare(bytes, view, 0, clusterId);
    if (typeof prepare === "string") return { fault: prepare };
    if (prepare.frame.length !== bytes.length) return { fault: "size" };
    const { epoch, release } = prepare.header;
    return { from: null, epoch, release, message: { kind: "prepare", prepare } };
  }
  const head = openFrame(bytes, view, clusterId);
  if (typeof head === "string") return { fault: head };
  const message = readFields(bytes, view, head.command, head.view, head.release, clusterId);
  if (typeof message === "string") return { fault: message };
  if (withoutView.has(head.command) && head.view !== 0) return { fault: "reserved bytes" };
  return { from: head.replica, epoch: head.epoch, release: head.release, message };
}

/** What is committed is so in every view. */
const withoutView: ReadonlySet<number> = new Set([
  commands.getRun,
  commands.run,
  commands.getSeals,
  commands.seals,
  commands.getSegmentPart,
  commands.segmentPart,
]);

/** A prepare at a place in the bytes, header and body verified; its frame is a view of them. */
function readPrepare(bytes: Uint8Array, view: DataView, at: number, clusterId: Uint8Array): Prepare | MessageFault {
  if (bytes.length - at < headerBytes) return "size";
  const reading = readHeader(bytes, view, at, clusterId);
  if (reading.kind === "invalid") return reading.fault;
  if (reading.kind === "reserved") return "body";
  const { header } = reading;
  const end = at + headerBytes + header.bodyBytes;
  if (end > bytes.length) return "size";
  const digest = nodeProvider.sha256(bytes, at + headerBytes, end);
  if (!sameBytes(digest, 0, header.bodyChecksum, 0, identityBytes)) return "body checksum";
  return { header, frame: at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end) };
}

function readSuffixHeader(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  clusterId: Uint8Array,
): SuffixHeader | MessageFault {
  const reading = readHeader(bytes, view, at, clusterId);
  if (reading.kind === "invalid") return reading.fault;
  if (reading.kind === "reserved") return "body";
  return { header: reading.header, headerBytes: bytes.slice(at, at + headerBytes) };
}

/** NaN when it is no safe integer: `numbers` finds it. */
function getU64(view: DataView, at: number): number {
  const value = view.getUint32(at + 4, true) * u32Span + view.getUint32(at, true);
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

/** What a command's fields must be besides sound numbers: nothing but zeros behind them, and no body where there is none. */
function shapeFault(
  bytes: Uint8Array,
  fieldsEnd: number,
  withBody: boolean,
  numbers: readonly number[],
): MessageFault | null {
  if (!isZero(bytes, fieldsEnd, headerBytes)) return "reserved bytes";
  if (!withBody && bytes.length !== headerBytes) return "size";
  return numbers.every((value) => !Number.isNaN(value)) ? null : "number";
}

function readFields(
  bytes: Uint8Array,
  data: DataView,
  command: number,
  view: number,
  release: number,
  clusterId: Uint8Array,
): Message | MessageFault {
  const first = getU64(data, fieldsAt);
  const identity = (at: number): Uint8Array => bytes.slice(at, at + identityBytes);
  const member = (at: number): Uint8Array => bytes.slice(at, at + memberBytes);
  switch (command) {
    case commands.ping: {
      const commit = getU64(data, 136);
      const status = replicaStatuses[data.getUint8(144)];
      const fault = shapeFault(bytes, 168, false, [first, commit]);
      if (fault !== null || status === undefined) return fault ?? "number";
      if (!isZero(bytes, 145, 152)) return "reserved bytes";
      return { kind: "ping", view, status, commit, release, monotonic: first, member: member(152) };
    }
    case commands.pong: {
      const wall = getU64(data, 136);
      const commit = getU64(data, 144);
      const status = replicaStatuses[data.getUint8(152)];
      const op = getU64(data, 184);
      const fault = shapeFault(bytes, 192, false, [first, wall, commit, op]);
      if (fault !== null || status === undefined) return fault ?? "number";
      if (!isZero(bytes, 153, 160) || !isZero(bytes, 180, 184)) return "reserved bytes";
      const remembered = { member: member(160), view: data.getUint32(176, true), op };
      return { kind: "pong", view, status, commit, release, echoed: first, wall, remembered };
    }
    case commands.prepareOk:
    case commands.getPrepare: {
      const kind = command === commands.prepareOk ? "prepareOk" : "getPrepare";
      return shapeFault(bytes, 168, false, [first]) ?? { kind, view, op: first, identity: identity(136) };
    }
    case commands.commit: {
      const op = getU64(data, 168);
      const round = getU64(data, 176);
      const fault = shapeFault(bytes, 184, false, [first, op, round]);
      return fault ?? { kind: "commit", view, commit: { op: first, identity: identity(136) }, op, round };
    }
    case commands.commitOk:
      return shapeFault(bytes, 136, false, [first]) ?? { kind: "commitOk", view, round: first };
    case commands.startViewChange:
      return shapeFault(bytes, fieldsAt, false, []) ?? { kind: "startViewChange", view };
    case commands.doViewChange: {
      const logView = data.getUint32(128, true);
      const commit = getU64(data, 136);
      const contiguous = getU64(data, 144);
      const fault = shapeFault(bytes, 152, true, [commit, contiguous]);
      if (fault !== null) return fault;
      const suffix = readEntries(bytes, data, data.getUint32(132, true), clusterId);
      return typeof suffix === "string" ? suffix : { kind: "doViewChange", view, logView, commit, contiguous, suffix };
    }
    case commands.startView: {
      const commit = getU64(data, 136);
      const nonce = getU64(data, 144);
      const fault = shapeFault(bytes, 152, true, [commit, nonce]);
      if (fault !== null) return fault;
      if (!isZero(bytes, 132, 136)) return "reserved bytes";
      const suffix = readSuffixHeaders(bytes, data, data.getUint32(128, true), clusterId);
      return typeof suffix === "string" ? suffix : { kind: "startView", view, commit, suffix, nonce };
    }
    case commands.getView:
      return shapeFault(bytes, 136, false, [first]) ?? { kind: "getView", view, nonce: first };
    case commands.getRun: {
      const address = getU64(data, 136);
      const timestamp = getU64(data, 144);
      const untilOp = getU64(data, 184);
      const bytesMax = data.getUint32(224, true);
      const from = { op: first, address, timestamp, parent: identity(152) };
      const fault = shapeFault(bytes, 228, false, [first, address, timestamp, untilOp]);
      return fault ?? { kind: "getRun", from, until: { op: untilOp, identity: identity(192) }, bytesMax };
    }
    case commands.run: {
      const fault = shapeFault(bytes, 132, true, []);
      if (fault !== null) return fault;
      const prepares = readPrepares(bytes, data, data.getUint32(128, true), clusterId);
      return typeof prepares === "string" ? prepares : { kind: "run", prepares };
    }
    case commands.getSeals:
      return shapeFault(bytes, 136, false, [first]) ?? { kind: "getSeals", segment: first };
    case commands.seals: {
      const count = data.getUint32(136, true);
      const fault = shapeFault(bytes, 140, true, [first]);
      if (fault !== null) return fault;
      if (bytes.length !== headerBytes + count * sealBytes) return "size";
      const at = (index: number): number => headerBytes + index * sealBytes;
      const seals = Array.from({ length: count }, (_, index) => bytes.slice(at(index), at(index + 1)));
      return { kind: "seals", segment: first, seals };
    }
    case commands.getSegmentPart: {
      const [offset, length] = [data.getUint32(168, true), data.getUint32(172, true)];
      const fault = shapeFault(bytes, 176, false, [first]);
      return fault ?? { kind: "getSegmentPart", segment: first, contentHash: identity(136), offset, length };
    }
    case commands.segmentPart: {
      const offset = data.getUint32(168, true);
      const fault = shapeFault(bytes, 172, true, [first]);
      if (fault !== null) return fault;
      const given = bytes.slice(headerBytes);
      return { kind: "segmentPart", segment: first, contentHash: identity(136), offset, bytes: given };
    }
    default:
      assert(false, "a frame that was opened has a known command");
  }
}

function readEntries(
  bytes: Uint8Array,
  view: DataView,
  count: number,
  clusterId: Uint8Array,
): SuffixEntry[] | MessageFault {
  const entries: SuffixEntry[] = [];
  let at = headerBytes;
  for (let index = 0; index < count; index++) {
    if (bytes.length - at < entryHeadBytes) return "size";
    const op = getU64(view, at);
    const flags = view.getUint8(at + 8);
    if (flags > (flagHeader | flagPresent | flagNack) || !isZero(bytes, at + 9, at + entryHeadBytes))
      return "reserved bytes";
    if (Number.isNaN(op)) return "number";
    const before = entries.at(-1);
    if (before !== undefined && op !== before.op - 1) return "body";
    at += entryHeadBytes;
    const marks = { op, present: (flags & flagPresent) !== 0, nack: (flags & flagNack) !== 0 };
    if ((flags & flagHeader) === 0) {
      entries.push({ ...marks, header: null, headerBytes: null });
      continue;
    }
    if (bytes.length - at < headerBytes) return "size";
    const named = readSuffixHeader(bytes, view, at, clusterId);
    if (typeof named === "string") return named;
    if (named.header.op !== op) return "body";
    entries.push({ ...marks, ...named });
    at += headerBytes;
  }
  return at === bytes.length ? entries : "size";
}

function readSuffixHeaders(
  bytes: Uint8Array,
  view: DataView,
  count: number,
  clusterId: Uint8Array,
): SuffixHeader[] | MessageFault {
  if (bytes.length !== headerBytes + count * headerBytes) return "size";
  const suffix: SuffixHeader[] = [];
  for (let index = 0; index < count; index++) {
    const named = readSuffixHeader(bytes, view, headerBytes + index * headerBytes, clusterId);
    if (typeof named === "string") return named;
    const before = suffix.at(-1);
    if (before !== undefined && named.header.op !== before.header.op - 1) return "body";
    suffix.push(named);
  }
  return suffix;
}

function readPrepares(
  bytes: Uint8Array,
  view: DataView,
  count: number,
  clusterId: Uint8Array,
): Prepare[] | MessageFault {
  const prepares: Prepare[] = [];
  let at = headerBytes;
  for (let index = 0; index < count; index++) {
    const prepare = readPrepare(bytes, view, at, clusterId);
    if (typeof prepare === "string") return prepare;
    const before = prepares.at(-1)?.header;
    if (before !== undefined) {
      const { op, parent } = prepare.header;
      if (op !== before.op + 1 || !sameBytes(parent, 0, before.identity, 0, identityBytes)) return "body";
    }
    prepares.push(prepare);
    at += prepare.frame.length;
  }
  return at === bytes.length ? prepares : "size";
}
