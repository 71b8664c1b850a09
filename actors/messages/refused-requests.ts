/** The answer to a batch of requests that is not taken: each of them hears why. */
import { requestKind } from "../../runtime/kernel/kinds.js";
import type { KimberliteError } from "../../runtime/types/errors.js";
import { ReplyBatchWriter } from "./reply-batch.js";
import { RequestBatchReader } from "./request-batch.js";

/** The replies, none to a cancel: it bears the number of the request that it is about, and says nothing of what becomes of that. */
export function refusalsOf(requests: Uint8Array, error: KimberliteError): ReplyBatchWriter {
  const refusals = new ReplyBatchWriter();
  const batch = new RequestBatchReader().open(requests);
  while (batch.next()) if (batch.kind !== requestKind.cancel) refusals.fail(batch.correlation, error);
  return refusals;
}
