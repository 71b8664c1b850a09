/** What the directory accepts, and its answers. */
import type { RepliesMessage } from "../messages/requests.js";

/** Where a tenant is served. `epoch` grows with each move; `shard` null: there is no such tenant (any more). */
export interface Route {
  readonly tenant: number;
  readonly shard: number | null;
  readonly epoch: number;
}

export type DirectoryMessage =
  | RepliesMessage
  /** Asked by gateways; answered with a `Route`. */
  | { readonly kind: "route"; readonly tenant: number }
  /** Asked by gateways on behalf of a client: a method of the administration and its parameters; answered with plain JSON data. */
  | {
      readonly kind: "admin";
      readonly method: string;
      readonly params: Readonly<Record<string, unknown>>;
      readonly principal: string;
    }
  /** Asked by the node once at start: answered when every tenant is served by its shard. */
  | { readonly kind: "awaitReady" }
  /** Timers of its own. */
  | { readonly kind: "begin" }
  | { readonly kind: "moveStep"; readonly tenant: number };
