/** What a gateway accepts, and what it asks of the directory and of the node. */

import type { Route } from "../../actors/directory/messages.js";
import type {
  RepliesMessage,
  SubscriptionEndsMessage,
  SubscriptionEventsMessage,
} from "../../actors/messages/requests.js";
import type { ErrorRecord } from "../../runtime/types/errors.js";

export type GatewayMessage =
  | RepliesMessage
  | SubscriptionEventsMessage
  | SubscriptionEndsMessage
  /** The directory: a tenant is served elsewhere from now on, or is gone (`shard` null). */
  | { readonly kind: "routeChanged"; readonly route: Route }
  /** A timer of its own: looks for stalled and silent connections. */
  | { readonly kind: "sweep" }
  /** Timers of its own: requests whose time is up; what a full mailbox did not take. */
  | { readonly kind: "expire" }
  | { readonly kind: "retryHeld" }
  /** The node: bytes of an in-process client; an empty array closes. Bytes for it travel as `LocalBytes`. */
  | { readonly kind: "localOpen"; readonly connection: number }
  | { readonly kind: "localBytes"; readonly connection: number; readonly bytes: Uint8Array }
  | { readonly kind: "localClose"; readonly connection: number }
  /** The node asks where this gateway listens; answered once it does. */
  | { readonly kind: "address" }
  /** The node's answer to a `nodeCall`. */
  | NodeAnswer;

/** Told to the node: a call of a client about the node as a whole, which only the main thread can answer. */
export interface NodeCall {
  readonly kind: "nodeCall";
  readonly id: number;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

export interface NodeAnswer {
  readonly kind: "nodeAnswer";
  readonly id: number;
  readonly result: unknown;
  readonly error: ErrorRecord | null;
}

/** Told to the node: bytes towards an in-process client; null closes. */
export interface LocalOut {
  readonly kind: "localOut";
  readonly connection: number;
  readonly bytes: Uint8Array | null;
}

/** A certificate with those that vouch for it, and its private key: PEM texts. */
export interface TlsIdentity {
  readonly certificate: string;
  readonly key: string;
}

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}
