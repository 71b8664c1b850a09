/** One subscription as its projection keeps it. Bounded twice: by the client's credits (events) and by what has left the node (bytes). */
import type { Port } from "../../runtime/actor/definition.js";

/** Bytes that may be under way to one subscriber beyond what has left the node. */
export const windowBytes = 1024 * 1024;

export interface Subscription {
  readonly port: Port;
  readonly correlation: number;
  readonly tenant: number;
  readonly stream: number;
  /** Empty for a plain subscription. */
  readonly group: string;
  /** Next offset to deliver; of no meaning for a group. */
  next: number;
  /** Events that the client is ready to take. */
  credits: number;
  /** Bytes that may still be sent before some have left. */
  window: number;
}
