/**
 * A request as it reaches `decide`: a span of a batch that came from a gateway, not yet looked into. The shard fills one such
 * object per batch entry and reuses it.
 *
 * Every write request body begins with the same head:
 *    0     8  tenant
 *    8    16  request key (idempotency key), zero = none
 *   24     8  session, 0 = none
 *   32     8  request number within the session, 0 = none; both or neither
 *   40     …  the kind's own fields
 */

import { assert } from "../types/assert.js";
import type { ByteWriter } from "../types/byte-writer.js";
import { requestKeyBytes } from "./record.js";

export const writeHeadBytes = 40;

export class Request {
  kind = 0;
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(this.bytes.buffer);
  /** Where the principal's UTF-8 lies in the same bytes. */
  principalFrom = 0;
  principalLength = 0;
  /** The body: [from, to). */
  from = 0;
  to = 0;
}

/** The common head as a writer's choice; what is left out is zero. */
export interface WriteHead {
  readonly tenant: number;
  readonly requestKey?: Uint8Array | undefined;
  readonly session?: number | undefined;
  readonly requestNumber?: number | undefined;
}

const noKey = new Uint8Array(requestKeyBytes);

export function encodeWriteHead(out: ByteWriter, head: WriteHead): ByteWriter {
  const key = head.requestKey ?? noKey;
  assert(key.length === requestKeyBytes, "a request key has 16 bytes");
  assert((head.session ?? 0) === 0 || (head.requestNumber ?? 0) > 0, "a request in a session has a number");
  return out
    .u64(head.tenant)
    .raw(key)
    .u64(head.session ?? 0)
    .u64(head.requestNumber ?? 0);
}
