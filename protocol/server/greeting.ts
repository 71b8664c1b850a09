/** The first and the last frames of a connection: hello and welcome, and that the node is going away. */
import { assert } from "../../runtime/types/assert.js";
import { ByteReader } from "../../runtime/types/byte-reader.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { wireFrameBytesMax } from "../../runtime/types/limits.js";
import { decodeHello, encodeWelcome, negotiateVersion } from "../wire/handshake.js";
import { requestKinds, responseKinds } from "../wire/kinds.js";
import { encodeGoingAway } from "../wire/notices.js";
import { type Connection, inFlightMax } from "./connection.js";

/** What a node says of itself. */
export interface NodeIdentity {
  readonly clusterId: Uint8Array;
  readonly nodeId: number;
  readonly release: string;
}

/** Takes the first frame of a connection and opens it. Throws `frameInvalid` and `protocolVersionUnsupported`. */
export function greet(
  connection: Connection,
  identity: NodeIdentity,
  nowMs: number,
  kind: number,
  requestId: number,
  body: ByteReader,
): void {
  assert(connection.state === "greeting", "a connection is greeted once");
  if (kind !== requestKinds.hello.kind) throw new KimberliteError("frameInvalid", "the first frame must be a hello");
  const hello = decodeHello(body);
  const version = negotiateVersion(hello);
  connection.clientName = hello.clientName;
  connection.state = "open";
  const welcome = new ByteWriter(128);
  encodeWelcome(
    {
      version,
      serverRelease: identity.release,
      clusterId: identity.clusterId,
      nodeId: identity.nodeId,
      serverTime: Math.floor(nowMs * 1000),
      frameBytesMax: wireFrameBytesMax,
      inFlightMax,
      sessionNumber: 0,
    },
    welcome,
  );
  connection.writer.frame(responseKinds.welcome, requestId, 0, welcome.view());
}

export function sayGoingAway(connection: Connection): void {
  assert(connection.state === "open", "only who was greeted is told");
  const body = new ByteWriter(64);
  encodeGoingAway({ reason: "shutdown", graceMs: 5_000, message: "the node is shutting down" }, body);
  connection.writer.frame(responseKinds.goingAway, 0, 0, body.view());
}
