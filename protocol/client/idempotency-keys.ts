/**
 * Idempotency keys: 8 random bytes drawn once ‖ a counter as u64 big-endian. The random half keeps clients apart (2^-64 for two to
 * meet), the counter makes each key new, and its byte order makes a client's keys neighbours in the server's index, where one
 * page then serves thousands of them.
 */
import { randomFillSync } from "node:crypto";
import { assert } from "../../runtime/types/assert.js";
import { idempotencyKeyBytes } from "./append-body.js";

const clientIdBytes = 8;
const u32Span = 2 ** 32;

export class IdempotencyKeys {
  readonly #clientId: Uint8Array;
  #counter = 0;

  /** @param clientId 8 bytes that no other client has */
  constructor(clientId: Uint8Array = randomFillSync(new Uint8Array(clientIdBytes))) {
    assert(clientId.length === clientIdBytes, "a client id has 8 bytes");
    this.#clientId = new Uint8Array(clientId);
  }

  next(): Uint8Array {
    this.#counter++;
    assert(this.#counter <= Number.MAX_SAFE_INTEGER, "an idempotency key is given out once");
    const key = new Uint8Array(idempotencyKeyBytes);
    key.set(this.#clientId);
    const high = Math.floor(this.#counter / u32Span);
    const low = this.#counter % u32Span;
    for (let i = 0; i < 4; i++) {
      key[8 + i] = high >>> (24 - 8 * i);
      key[12 + i] = low >>> (24 - 8 * i);
    }
    return key;
  }
}
