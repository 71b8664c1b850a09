/**
 * The 256-byte header of what replicas say to one another: the shape of a prepare's header (`storage/frame.ts`), so one checksum rule
 * and one place for hostile bytes to fail. All integers little-endian.
 *
 *   at   size  field
 *     0    16  header checksum: first half of SHA-256(frame[16, 256)); makes `size` safe to trust
 *    16    16  body checksum: first half of SHA-256(body)
 *    32    32  zero
 *    64    16  cluster id
 *    80     4  size: 256 + body
 *    84     4  epoch: how often the sender's cluster was founded anew
 *    88     4  view; zero where the message has none
 *    92     4  release of the sender
 *    96     2  protocol: 1
 *    98     1  command
 *    99     1  replica: the sender
 *   100    28  zero
 *   128   128  fields of the command, see `codec.ts`; the rest zero
 *
 * Invariants:
 *   1. Nothing of a header is looked at before its checksum holds, and nothing of a body before its own holds.
 *   2. An unknown protocol or command under a sound checksum is version skew: `formatUnsupported`, never skipped.
 *   3. A byte that must be zero and is not makes the frame invalid: a newer sender meant something by it.
 */
import { nodeProvider } from "../crypto/node-provider.js";
import {
  clusterIdBytes,
  commandPrepare,
  frameProtocol,
  type HeaderFault,
  headerBytes,
  identityBytes,
  isZero,
  sameBytes,
} from "../storage/frame.js";
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import { miB, prepareBodyBytesMax } from "../types/limits.js";
import type { Message } from "./messages.js";

/** Numbers of the messages; 0 is the header ring's empty slot and never sent. Never reused. */
export const commands = {
  ping: 1,
  pong: 2,
  prepare: commandPrepare,
  prepareOk: 9,
  commit: 10,
  commitOk: 11,
  startViewChange: 16,
  doViewChange: 17,
  startView: 18,
  getView: 19,
  getPrepare: 24,
  getRun: 25,
  run: 26,
  getSeals: 32,
  seals: 33,
  getSegmentPart: 34,
  segmentPart: 35,
} as const satisfies Record<Message["kind"], number>;

/** Bytes of the prepares of one `run`: at least one prepare of the largest size fits. */
export const runBytesMax = 16 * miB;
/** A message with its header. */
export const messageBytesMax = headerBytes + runBytesMax;
assert(headerBytes + prepareBodyBytesMax <= runBytesMax, "a run has room for a prepare of the largest size");

/** Who sends. The same for every message of a replica. */
export interface MessageSender {
  readonly replica: number;
  /** 16 bytes. */
  readonly clusterId: Uint8Array;
  readonly epoch: number;
  readonly release: number;
}

/** Why bytes are no message. `sender` and `body` are about what a sound frame says. */
export type MessageFault = HeaderFault | "body checksum" | "body";

/** What the header says besides the command's own fields. */
export interface FrameHead {
  readonly command: number;
  readonly replica: number;
  readonly epoch: number;
  readonly view: number;
  readonly release: number;
}

const checksumBytes = 16;
const bodyChecksumAt = 16;
const clusterAt = 64;
/** Where a command's own fields begin. */
export const fieldsAt = 128;

const known: ReadonlySet<number> = new Set(Object.values(commands));
const digest = new Uint8Array(identityBytes);
/** Most messages have no body: its checksum is always the same. */
const digestOfNothing = nodeProvider.sha256(new Uint8Array(0));

function bodyDigest(bytes: Uint8Array): Uint8Array {
  if (bytes.length === headerBytes) return digestOfNothing;
  nodeProvider.sha256Into(bytes, headerBytes, bytes.length, digest, 0);
  return digest;
}

/** Writes the common part around the fields at `[128, 256)` and the body behind them, and both checksums. */
export function sealFrame(
  bytes: Uint8Array,
  view: DataView,
  command: number,
  ofView: number,
  from: MessageSender,
): void {
  assert(
    bytes.length >= headerBytes && bytes.length <= messageBytesMax,
    "a message has a header and is within its limit",
  );
  assert(from.clusterId.length === clusterIdBytes, "a cluster id is 16 bytes");
  assert(known.has(command) && command !== commandPrepare, "a prepare is sealed by its writer, other messages here");
  const body = bodyDigest(bytes);
  for (let index = 0; index < checksumBytes; index++) {
    bytes[bodyChecksumAt + index] = body[index] as number;
    bytes[clusterAt + index] = from.clusterId[index] as number;
  }
  view.setUint32(80, bytes.length, true);
  view.setUint32(84, from.epoch, true);
  view.setUint32(88, ofView, true);
  view.setUint32(92, from.release, true);
  view.setUint16(96, frameProtocol, true);
  view.setUint8(98, command);
  view.setUint8(99, from.replica);
  nodeProvider.sha256Into(bytes, checksumBytes, headerBytes, digest, 0);
  for (let index = 0; index < checksumBytes; index++) bytes[index] = digest[index] as number;
}

/**
 * Checks everything about a frame that does not depend on its command; the bytes must be one whole frame that is no prepare. Throws
 * `formatUnsupported` for a sound header of an unknown protocol or command.
 */
export function openFrame(bytes: Uint8Array, view: DataView, clusterId: Uint8Array): FrameHead | MessageFault {
  assert(clusterId.length === clusterIdBytes, "a cluster id is 16 bytes");
  assert(bytes.length >= headerBytes, "a frame is opened when its header is there");
  nodeProvider.sha256Into(bytes, checksumBytes, headerBytes, digest, 0);
  if (!sameBytes(bytes, 0, digest, 0, checksumBytes)) return "checksum";
  const protocol = view.getUint16(96, true);
  const command = view.getUint8(98);
  if (protocol !== frameProtocol || !known.has(command)) {
    throw new KimberliteError("formatUnsupported", `a sound message has protocol ${protocol}, command ${command}`, {
      detail: { protocol, command },
    });
  }
  if (!isZero(bytes, 32, 64) || !isZero(bytes, 100, fieldsAt)) return "reserved bytes";
  if (!sameBytes(bytes, clusterAt, clusterId, 0, clusterIdBytes)) return "cluster";
  if (view.getUint32(80, true) !== bytes.length || bytes.length > messageBytesMax) return "size";
  if (!sameBytes(bytes, bodyChecksumAt, bodyDigest(bytes), 0, checksumBytes)) return "body checksum";
  return {
    command,
    replica: view.getUint8(99),
    epoch: view.getUint32(84, true),
    view: view.getUint32(88, true),
    release: view.getUint32(92, true),
  };
}
