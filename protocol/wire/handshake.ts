/**
 * The first exchange of a connection. The client says `hello` (kind 1), the server answers `welcome` (128) or an error (130) and
 * closes. Nothing else may be sent before the welcome has arrived.
 *
 *   hello    min version u8 · max version u8 · client name (u16 + UTF-8) · features u32
 *   welcome  version u8 · server release (u16 + UTF-8) · cluster id 16 B · node id u32 · server time µs u64 · max frame u32 ·
 *            max in flight u32 · session number u64
 *
 * Both frames carry version 1 in their header for ever; the version in the welcome is that of all frames after it. Features are
 * bits that a side understands; none is defined yet, and bits that are not known are ignored.
 */

import { assert } from "../../runtime/types/assert.js";
import type { ByteReader } from "../../runtime/types/byte-reader.js";
import type { ByteWriter } from "../../runtime/types/byte-writer.js";
import { KimberliteError } from "../../runtime/types/errors.js";

export const protocolVersionMin = 1;
export const protocolVersionMax = 1;
export const clientNameBytesMax = 128;
export const serverReleaseBytesMax = 64;
export const clusterIdBytes = 16;

export interface Hello {
  readonly versionMin: number;
  readonly versionMax: number;
  readonly clientName: string;
  readonly features: number;
}

export interface Welcome {
  readonly version: number;
  readonly serverRelease: string;
  readonly clusterId: Uint8Array;
  readonly nodeId: number;
  /** The server's clock, microseconds since 1970. */
  readonly serverTime: number;
  /** The largest frame, header included, that the server takes. */
  readonly frameBytesMax: number;
  /** Requests that one connection may have unanswered; more are refused with `mailboxFull`. */
  readonly inFlightMax: number;
  /** Number of a logged client session, 0 when the connection has none. */
  readonly sessionNumber: number;
}

export function encodeHello(hello: Hello, writer: ByteWriter): void {
  assert(hello.versionMin <= hello.versionMax, "a range of versions is not empty");
  writer.u8(hello.versionMin).u8(hello.versionMax).string(hello.clientName).u32(hello.features);
}

/** Throws `frameInvalid`. */
export function decodeHello(reader: ByteReader): Hello {
  const versionMin = reader.u8();
  const versionMax = reader.u8();
  const clientName = reader.string(clientNameBytesMax);
  const features = reader.u32();
  reader.end();
  if (versionMin > versionMax) {
    throw new KimberliteError("frameInvalid", "the lowest version of a hello is above its highest", {
      detail: { versionMin, versionMax },
    });
  }
  return { versionMin, versionMax, clientName, features };
}

/** The highest version that both sides speak. Throws `protocolVersionUnsupported`, naming both ranges. */
export function negotiateVersion(hello: Hello, min = protocolVersionMin, max = protocolVersionMax): number {
  assert(min <= max, "the server speaks at least one version");
  const version = Math.min(hello.versionMax, max);
  if (version < Math.max(hello.versionMin, min)) {
    throw new KimberliteError(
      "protocolVersionUnsupported",
      `the client speaks ${hello.versionMin} to ${hello.versionMax}, the server ${min} to ${max}; update the older side`,
      { detail: { clientMin: hello.versionMin, clientMax: hello.versionMax, serverMin: min, serverMax: max } },
    );
  }
  return version;
}

export function encodeWelcome(welcome: Welcome, writer: ByteWriter): void {
  assert(welcome.clusterId.length === clusterIdBytes, "a cluster id is 16 bytes");
  writer
    .u8(welcome.version)
    .string(welcome.serverRelease)
    .raw(welcome.clusterId)
    .u32(welcome.nodeId)
    .u64(welcome.serverTime)
    .u32(welcome.frameBytesMax)
    .u32(welcome.inFlightMax)
    .u64(welcome.sessionNumber);
}

/** Throws `frameInvalid`. */
export function decodeWelcome(reader: ByteReader): Welcome {
  const welcome = {
    version: reader.u8(),
    serverRelease: reader.string(serverReleaseBytesMax),
    clusterId: new Uint8Array(reader.raw(clusterIdBytes)),
    nodeId: reader.u32(),
    serverTime: reader.u64(),
    frameBytesMax: reader.u32(),
    inFlightMax: reader.u32(),
    sessionNumber: reader.u64(),
  };
  reader.end();
  return welcome;
}
