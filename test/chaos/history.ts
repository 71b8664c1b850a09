/**
 * What clients did and were told, with times of one clock: what both checkers judge.
 *
 * An event's payload names its append by a token that is used once; so what a read shows says which appends had happened.
 */

/** A number that stands in the payload of each event of one append, and of no other. */
export type Token = number;

export interface Append {
  readonly kind: "append";
  readonly client: number;
  readonly stream: number;
  /** On `performance.now`'s scale. */
  readonly called: number;
  /** Infinity while, or when for ever, the outcome is unknown. */
  readonly returned: number;
  readonly token: Token;
  readonly count: number;
  /** The offset that the first event must get; null for any. */
  readonly expected: number | null;
  readonly outcome: AppendOutcome;
}

export type AppendOutcome =
  | { readonly kind: "committed"; readonly position: number; readonly offset: number }
  /** Refused since the stream's next offset was this one. */
  | { readonly kind: "conflict"; readonly next: number }
  /** Said to have written nothing, for a reason that tells nothing of the stream. */
  | { readonly kind: "notCommitted" }
  | { readonly kind: "unknown" };

/** A linearizable read of a stream's end. */
export interface Read {
  readonly kind: "read";
  readonly client: number;
  readonly stream: number;
  readonly called: number;
  readonly returned: number;
  /** Positions of the tenant that it saw. */
  readonly visible: number;
  readonly next: number;
  /** Tokens of the last events, newest first. */
  readonly last: readonly Token[];
}

export type Operation = Append | Read;

/** A record of a replica's log that appended events. */
export interface LogEntry {
  readonly position: number;
  readonly stream: number;
  readonly offset: number;
  readonly count: number;
  readonly token: Token;
}

const tokenBytes = 16;

/** The payload of an event of an append. */
export function payloadOf(token: Token, index: number): Uint8Array {
  const payload = new Uint8Array(tokenBytes);
  const view = new DataView(payload.buffer);
  view.setFloat64(0, token, true);
  view.setUint32(8, index, true);
  view.setUint32(12, 0x6c696e31, true);
  return payload;
}

/** The token in a payload; null when it is not one of `payloadOf`. */
export function tokenOf(payload: Uint8Array): Token | null {
  if (payload.length !== tokenBytes) return null;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  return view.getUint32(12, true) === 0x6c696e31 ? view.getFloat64(0, true) : null;
}

export const describe = (operation: Operation): string => {
  const when = `called ${operation.called.toFixed(1)}, returned ${operation.returned.toFixed(1)}`;
  const who = `client ${operation.client}, stream ${operation.stream}`;
  if (operation.kind === "read") {
    const { next, visible, last } = operation;
    return `${who}: read saw next offset ${next}, ${visible} positions, newest ${last.join(" ")} (${when})`;
  }
  const { token, count, expected, outcome } = operation;
  return `${who}: append ${token} of ${count} expecting ${expected ?? "any"}: ${JSON.stringify(outcome)} (${when})`;
};
