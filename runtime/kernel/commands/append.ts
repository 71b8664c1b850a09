/**
 * append: events at the end of a stream.
 *
 * Request, after the common head:
 *    0     8  stream
 *    8     8  offset that the first event must get, or all bits set for any
 *   16     4  count of events, 1 to `appendEventsMax`
 *   20     …  events: length of the payload u32 · format u8 · payload; `appendBytesMax` in all
 *
 * Facts: the same with the offset resolved, so replay decides nothing:
 *    0     8  stream
 *    8     8  offset of the first event
 *   16     4  count
 *   20     …  events, verbatim
 *
 * Outcome: subject = stream, first = offset of the first event, count = events.
 *
 * The hot path: it works on the objects of `WorkingState`, not on the trees, and allocates nothing. What is refused allocates its error.
 */
import { assert } from "../../types/assert.js";
import { appendBytesMax, appendEventsMax, eventBytesMax } from "../../types/limits.js";
import type { Draft } from "../draft.js";
import type { HotTenant } from "../hot-rows.js";
import { anyOffsetHalf, appendHeadBytes, eventFormatsCount, eventHeaderBytes } from "../kinds.js";
import { getU64, getU64OrNone, setU64 } from "../numbers.js";
import type { Step } from "../step.js";

export function decideAppend(draft: Draft): void {
  const { request, bodyFrom, working, hotTenant } = draft;
  const { view, to } = request;
  assert(bodyFrom <= to, "an append begins after its head");
  if (to - bodyFrom < appendHeadBytes) {
    draft.refuse("frameInvalid", "an append is shorter than its fixed fields");
    return;
  }
  const stream = getU64OrNone(view, bodyFrom);
  const count = view.getUint32(bodyFrom + 16, true);
  if (!eventsAreSound(draft, bodyFrom + appendHeadBytes, count)) return;

  assert(hotTenant !== null, "an append is decided once its tenant is open");
  const hotStream = stream < 0 ? null : working.stream(hotTenant, stream);
  if (hotStream === null) {
    draft.refuse("streamUnknown", `stream ${stream} does not exist: create it first`, { stream });
    return;
  }
  const next = hotStream.nextOffset;
  const isAny =
    view.getUint32(bodyFrom + 8, true) === anyOffsetHalf && view.getUint32(bodyFrom + 12, true) === anyOffsetHalf;
  if (!isAny) {
    const expected = getU64OrNone(view, bodyFrom + 8);
    if (expected !== next) {
      draft.refuse(
        "wrongExpectedOffset",
        `${expected} was expected and ${next} is next; read what is new, then decide`,
        {
          stream,
          expected,
          next,
        },
      );
      return;
    }
  }
  const eventsFrom = bodyFrom + appendHeadBytes;
  if (draft.exceedsQuota(to - eventsFrom)) return;

  draft.beginRecord();
  const { out } = draft;
  const at = out.at;
  assert(at + appendHeadBytes + (to - eventsFrom) <= out.end, "an append fits: room was checked before");
  setU64(out.view, at, stream);
  setU64(out.view, at + 8, next);
  out.view.setUint32(at + 16, count, true);
  out.at = at + appendHeadBytes;
  out.copy(request.bytes, view, eventsFrom, to);
  draft.finish(stream, next, count);
}

/** Walks the events of a request: as many as said, each within its limit, nothing left over. */
function eventsAreSound(draft: Draft, from: number, count: number): boolean {
  const { view, to } = draft.request;
  assert(draft.decision.outcome === 0, "events are looked at before anything is decided");
  assert(from <= to, "events begin within the request");
  if (count === 0 || count > appendEventsMax) {
    draft.refuse(count === 0 ? "invalidArgument" : "batchTooLarge", `an append holds 1 to ${appendEventsMax} events`, {
      count,
      limit: appendEventsMax,
    });
    return false;
  }
  if (to - from > appendBytesMax) {
    draft.refuse(
      "batchTooLarge",
      `${to - from} bytes of events where ${appendBytesMax} are the limit: split the append`,
      {
        bytes: to - from,
        limit: appendBytesMax,
      },
    );
    return false;
  }
  let at = from;
  for (let i = 0; i < count; i += 1) {
    if (to - at < eventHeaderBytes) {
      draft.refuse("frameInvalid", `event ${i} of ${count} is missing`);
      return false;
    }
    const length = view.getUint32(at, true);
    if (length > eventBytesMax) {
      draft.refuse("eventTooLarge", `event ${i} has ${length} bytes`, {
        event: i,
        bytes: length,
        limit: eventBytesMax,
      });
      return false;
    }
    if (view.getUint8(at + 4) >= eventFormatsCount) {
      draft.refuse("frameInvalid", `event ${i} has an unknown format`);
      return false;
    }
    at += eventHeaderBytes + length;
    if (at > to) {
      draft.refuse("frameInvalid", `event ${i} of ${count} is cut off`);
      return false;
    }
  }
  if (at !== to) {
    draft.refuse("frameInvalid", "bytes follow the last event");
    return false;
  }
  assert(at - from >= count * eventHeaderBytes, "each event has its header");
  return true;
}

/** @param oldest positions below it are forgotten by the tenant's request keys */
export function applyAppend(step: Step, tenant: HotTenant, oldest: number): void {
  const { record, working } = step;
  const { view, factsFrom } = record;
  const length = record.factsLength - appendHeadBytes;
  assert(length >= eventHeaderBytes, "an append's record holds at least one event");
  const stream = working.stream(tenant, getU64(view, factsFrom));
  assert(stream !== null, "isolation: an append's stream belongs to the tenant of its block");
  const count = view.getUint32(factsFrom + 16, true);
  assert(count > 0 && count <= appendEventsMax, "an append's record holds 1 to appendEventsMax events");
  assert(getU64(view, factsFrom + 8) === stream.nextOffset, "order: an append continues its stream at the next offset");
  working.append(record, tenant, stream, step.address, count, length, oldest);
}
