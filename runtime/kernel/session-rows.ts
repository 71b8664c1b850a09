/**
 * Sessions, in the tree `sessions`.
 *
 * Key tenant · 1 · session (the position of its opening, so the one opened longest ago is first):
 *    0    16  client id
 *   16     8  last request number, 0 = none yet
 *   24     8  position of its outcome
 *
 * Key tenant · 2 · client id: session u64. A client has at most one session: opening again ends the earlier one.
 *
 * A request in a session carries the next number. The last number again gets the stored outcome; any other is refused. A
 * refused request uses up no number. A request whose *key* is known gets the stored outcome whatever session it names, and uses
 * up no number either, unless it is the session's last one; `sessionOutOfOrder` states the last number for whoever lost count.
 */
export const sessionRowBytes = 32;
export const sessionField = { client: 0, lastNumber: 16, lastPosition: 24 } as const;
export const clientIdBytes = 16;
