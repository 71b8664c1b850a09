/** The frames that a server writes, straight into a connection's `FrameWriter`. */
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { type KimberliteError, toErrorRecord } from "../../runtime/types/errors.js";
import { encodeEnded, encodeError } from "../wire/error-body.js";
import type { FrameWriter } from "../wire/frame-writer.js";
import { responseKinds } from "../wire/kinds.js";

const scratch = new ByteWriter(512);

export function writeErrorFrame(writer: FrameWriter, requestId: number, error: KimberliteError): void {
  encodeError(toErrorRecord(error), scratch.reset());
  writer.frame(responseKinds.error, requestId, 0, scratch.view());
}

/** The last frame of a subscription: null when it ended on request. */
export function writeSubscriptionEnd(writer: FrameWriter, requestId: number, error: KimberliteError | null): void {
  if (error === null) encodeEnded(scratch.reset());
  else encodeError(toErrorRecord(error), scratch.reset());
  writer.frame(responseKinds.subscriptionEnd, requestId, 0, scratch.view());
}

/** An error that an actor packed: its wire number, then the body as it came. */
export function writePackedError(
  writer: FrameWriter,
  kind: number,
  requestId: number,
  status: number,
  bytes: Uint8Array,
  from: number,
  to: number,
): void {
  writer.begin(kind, requestId, 0);
  writer.u16(status).raw(bytes, from, to);
  writer.end();
}
