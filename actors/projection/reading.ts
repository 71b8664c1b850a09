/**
 * One read request, executed on a pinned version. The consistency decides which positions it sees (`bound`) and whether it may run
 * now at all: a session's token that this version has not reached yet makes it wait.
 */
import { ReadReply } from "../../runtime/kernel/codecs/events-reply.js";
import {
  encodeCommitsReply,
  encodeGroupGetReply,
  encodeGroupListReply,
  encodePositionGetReply,
  encodeStreamGetReply,
  encodeStreamListReply,
} from "../../runtime/kernel/codecs/read-replies.js";
import { consistency, type ReadRequest } from "../../runtime/kernel/codecs/read-requests.js";
import { requestKind, tenantStatus } from "../../runtime/kernel/kinds.js";
import { listCommits } from "../../runtime/kernel/read/commits.js";
import { planRead } from "../../runtime/kernel/read/events.js";
import { groupByName, listGroups, listParked } from "../../runtime/kernel/read/groups.js";
import { type StateReads, type TenantInfo, unbounded } from "../../runtime/kernel/read/state-reads.js";
import { listStreams, type StreamInfo, streamById, streamByName } from "../../runtime/kernel/read/streams.js";
import { unreachable } from "../../runtime/types/assert.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { miB } from "../../runtime/types/limits.js";
import type { EventSource } from "./event-source.js";

export const readBytesMax = 4 * miB;
const readEventsMax = 10_000;

/** The tenant as this version has it. Throws `routeStale` when it is not served here (any more). */
export function servedTenant(reads: StateReads, tenant: number): TenantInfo {
  const info = reads.tenant(tenant);
  const isServed = info !== null && (info.status === tenantStatus.active || info.status === tenantStatus.fenced);
  if (isServed && tenant !== 0) return info;
  throw new KimberliteError("routeStale", `tenant ${tenant} is not served by this shard`, { detail: { tenant } });
}

/** Positions that a read sees, or null when it has to wait for a newer version. */
export function boundOf(
  reads: StateReads,
  request: ReadRequest,
  now: number,
): { visible: number; bound: number } | null {
  const info = servedTenant(reads, request.tenant);
  const { argument } = request;
  const needsNewest =
    request.consistency === consistency.linearizable ||
    (request.consistency === consistency.session && argument > info.nextPosition);
  if (needsNewest && info.status === tenantStatus.fenced) {
    // It may take writes elsewhere already: what is newest here may not be, and what is missing here will not come.
    throw new KimberliteError("tenantMoving", "ask again in a moment", { detail: { tenant: request.tenant } });
  }
  switch (request.consistency) {
    case consistency.session:
      return info.nextPosition >= argument ? { visible: info.nextPosition, bound: unbounded } : null;
    case consistency.atPosition:
      if (argument >= info.nextPosition) {
        throw new KimberliteError("positionUnknown", `the newest position is ${info.nextPosition - 1}`, {
          detail: { asked: argument, next: info.nextPosition },
        });
      }
      return { visible: argument + 1, bound: argument + 1 };
    case consistency.atTimestamp: {
      // What the log has passed is no future, even while the machine's clock is behind it.
      const newest = info.nextPosition === 0 ? 0 : reads.timeOf(request.tenant, info.nextPosition - 1);
      if (argument > Math.max(now * 1000, newest)) {
        throw new KimberliteError("invalidArgument", "a timestamp in the future has no state yet", {
          detail: { asked: argument },
        });
      }
      const positions = reads.positionsUntil(request.tenant, argument);
      return { visible: positions, bound: positions };
    }
    default:
      return { visible: info.nextPosition, bound: unbounded };
  }
}

function knownStream(info: StreamInfo | null, name: string | number): StreamInfo {
  if (info !== null) return info;
  throw new KimberliteError("streamUnknown", `${name}; streams are created before they are read`, {
    detail: { stream: name },
  });
}

/** Reused by every read of the thread: what is returned is a view that the next read overwrites. */
const scratch = new ByteWriter(256 * 1024);

/** The ok body of a read, to be copied before the next. Throws the typed error that the client gets. */
export function executeRead(
  reads: StateReads,
  source: EventSource,
  request: ReadRequest,
  visible: number,
  bound: number,
): Uint8Array {
  const { tenant } = request;
  const out = scratch.reset();
  switch (request.kind) {
    case requestKind.read: {
      const info = knownStream(streamById(reads, tenant, request.stream, bound), request.stream);
      const bytesMax = Math.min(request.bytesMax === 0 ? miB : request.bytesMax, readBytesMax);
      const limit = Math.min(request.limit === 0 ? readEventsMax : request.limit, readEventsMax);
      const way = request.direction;
      const spans = planRead(reads, tenant, request.stream, request.from, limit, bytesMax, way, info.nextOffset);
      const reply = new ReadReply(out, visible, info.nextOffset, bytesMax);
      for (const span of spans) {
        const more = source.record(span, (part, bytes, view, from, to) => reply.add(part, way, bytes, view, from, to));
        if (!more) break;
      }
      return reply.finish().view();
    }
    case requestKind.streamGet: {
      const { by } = request;
      const info =
        typeof by === "number" ? streamById(reads, tenant, by, bound) : streamByName(reads, tenant, by, bound);
      return encodeStreamGetReply(out, visible, knownStream(info, by)).view();
    }
    case requestKind.streamList:
      return encodeStreamListReply(
        out,
        visible,
        listStreams(reads, tenant, request.after, request.limit, bound),
      ).view();
    case requestKind.positionGet: {
      const time = visible === 0 ? 0 : reads.timeOf(tenant, visible - 1);
      return encodePositionGetReply(out, visible, time).view();
    }
    case requestKind.groupGet: {
      knownStream(streamById(reads, tenant, request.stream, bound), request.stream);
      const group = groupByName(reads, tenant, request.stream, request.name);
      if (group === null) throw new KimberliteError("groupUnknown", request.name, { detail: { group: request.name } });
      const parked = listParked(reads, tenant, group.group, request.parkedFrom, request.parkedLimit);
      return encodeGroupGetReply(out, visible, group, parked).view();
    }
    case requestKind.groupList:
      knownStream(streamById(reads, tenant, request.stream, bound), request.stream);
      return encodeGroupListReply(out, visible, listGroups(reads, tenant, request.stream)).view();
    case requestKind.commits:
      return encodeCommitsReply(out, visible, listCommits(reads, tenant, request.from, request.limit, bound)).view();
    default:
      return unreachable(request);
  }
}
