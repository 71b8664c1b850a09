/**
 * A single command to a shard from an actor of the node (the directory, a projection): asked, and answered once it is committed
 * or refused. Clients' commands travel packed (`requests.ts`); both meet in the shard's one queue.
 */

export interface CommandMessage {
  readonly kind: "command";
  /** A request kind of the kernel. */
  readonly requestKind: number;
  /** The tenant under which it is logged; 0 = the shard's own affairs. */
  readonly tenant: number;
  readonly principal: string;
  readonly body: Uint8Array;
}

/** The reply body of the kind. Refusals come as the ask's typed failure. */
export interface CommandAnswer {
  readonly body: Uint8Array;
}
