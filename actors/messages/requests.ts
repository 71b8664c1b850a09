/**
 * The messages that carry clients' work: between gateways, shards and projections, packed, one message a batch (see
 * `request-batch.ts`, `reply-batch.ts`). Wiring epochs are checked by the actor system: what an older wiring sent never arrives.
 */

/** Packed requests: a gateway's, or a neighbour's own. */
export interface RequestsMessage {
  readonly kind: "requests";
  readonly bytes: Uint8Array;
  readonly count: number;
}

/** Packed replies, one entry a request. */
export interface RepliesMessage {
  readonly kind: "replies";
  readonly bytes: Uint8Array;
  readonly count: number;
}

/** Events for subscriptions: packed like replies, the correlation being the subscription's. Sent by projections to gateways. */
export interface SubscriptionEventsMessage {
  readonly kind: "subscriptionEvents";
  readonly bytes: Uint8Array;
  readonly count: number;
}

/** Subscriptions that ended: packed like replies; status 0 = on request. */
export interface SubscriptionEndsMessage {
  readonly kind: "subscriptionEnds";
  readonly bytes: Uint8Array;
  readonly count: number;
}

/**
 * Bytes of subscription events that have left the node: a projection sends a subscription no more than a fixed number of bytes
 * ahead of this, whatever credit the client gave, so that a slow reader costs bounded memory.
 */
export interface SubscriptionFlushedMessage {
  readonly kind: "subscriptionFlushed";
  /** Pairs of correlation and bytes. */
  readonly flushed: readonly number[];
}
