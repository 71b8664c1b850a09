/** `pg_notify`: what is told to those that listen, once the transaction commits. */
import { SqlError } from "../../error.js";
import type { EvaluationContext } from "../context.js";
import { type Implementation, nullably } from "../define.js";

/** Bytes of a name, and of what is told (PostgreSQL's limit). */
const channelBytesMax = 63;
const payloadBytesMax = 7_999;
const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

function notify(channel: string | null, payload: string | null, context: EvaluationContext): string {
  if (channel === null || channel === "") throw new SqlError("22023", "channel name cannot be empty");
  if (bytesOf(channel) > channelBytesMax) throw new SqlError("22023", "channel name too long");
  if (bytesOf(payload ?? "") > payloadBytesMax) throw new SqlError("22023", "payload string too long");
  context.session.notify(channel, payload ?? "");
  return "";
}

export const notifications: readonly Implementation[] = nullably({
  "pg_notify(text,text)": (channel, payload, context) => notify(channel, payload, context),
});
