/** The first and the last frames of a connection: hello and welcome, and that the node is going away. */
import { assert } from "../../runtime/types/assert.js";
import { ByteReader } from "../../runtime/types/byte-reader.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { wireFrameBytesMax } from "../../runtime/types/limits.js";
import { decodeHello, encodeWelcome, type Hello, negotiateVersion } from "../wire/handshake.js";
import { requestKinds, responseKinds } from "../wire/kinds.js";
import { encodeGoingAway } from "../wire/notices.js";
import { type Connection, inFlightMax } from "./connection.js";

/** What a node says of itself. */
export interface NodeIdentity {
  readonly clusterId: Uint8Array;
  readonly nodeId: number;
  readonly release: string;
}

/** Takes the first frame of a connection. Throws `frameInvalid` and `protocolVersionUnsupported`. */
export function hear(connection: Connection, kind: number, body: ByteReader): Hello {
  assert(connection.state === "greeting", "a connection says hello once");
  if (kind !== requestKinds.hello.kind) throw new KimberliteError("frameInvalid", "the first frame must be a hello");
  const hello = decodeHello(body);
  negotiateVersion(hello);
  connection.clientName = hello.clientName;
  return hello;
}

/** Opens a connection: from here on it asks and is answered. */
export function welcome(connection: Connection, identity: NodeIdentity, nowMs: number, hello: Hello): void {
  assert(connection.state === "greeting" || connection.state === "authenticating", "a connection is opened once");
  connection.state = "open";
  const body = new ByteWriter(128);
  encodeWelcome(
    {
      version: negotiateVersion(hello),
      serverRelease: identity.release,
      clusterId: identity.clusterId,
      nodeId: identity.nodeId,
      serverTime: Math.floor(nowMs * 1000),
      frameBytesMax: wireFrameBytesMax,
      inFlightMax,
      sessionNumber: 0,
    },
    body,
  );
  connection.writer.frame(responseKinds.welcome, 0, 0, body.view());
}

export function sayGoingAway(connection: Connection): void {
  assert(connection.state === "open", "only who was greeted is told");
  const body = new ByteWriter(64);
  encodeGoingAway({ reason: "shutdown", graceMs: 5_000, message: "the node is shutting down" }, body);
  connection.writer.frame(responseKinds.goingAway, 0, 0, body.view());
}
