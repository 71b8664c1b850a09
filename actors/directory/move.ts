/**
 * Moving a tenant to another shard while it takes writes.
 *
 *   begin     the directory's log says that tenant T moves to shard B under epoch E
 *   copy      B adopts T for import; T's records are copied in order of position, verbatim, while A goes on taking writes
 *   fence     A refuses T's writes (`tenantMoving`, retried by clients) and names its last position
 *   catch up  the rest is copied: as little as the last round took
 *   switch    B serves T under E; the directory's log says so; gateways and clients hear the new route
 *   release   A forgets T's state, a bounded piece at a time
 *
 * Every step may be repeated, and each is a fact in a log: after a crash the move is begun again from wherever it stands. The epoch
 * keeps an older mover from undoing a newer one. Until the switch is logged, failure leads back: the log calls the move off, then A is
 * unfenced and B forgets.
 */
import {
  encodeDirectoryMoveEnd,
  encodeTenantActivate,
  encodeTenantAdopt,
  encodeTenantControl,
  encodeTenantImport,
} from "../../runtime/kernel/codecs/control-requests.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import type { Quotas } from "../../runtime/kernel/tenant-row.js";
import { assert } from "../../runtime/types/assert.js";
import { hasCode } from "../../runtime/types/errors.js";
import { miB } from "../../runtime/types/limits.js";
import type { ShardLink } from "./shard-link.js";

export interface Move {
  readonly tenant: number;
  readonly source: number;
  readonly sourceEpoch: number;
  readonly target: number;
  readonly epoch: number;
  readonly quotas: Quotas;
  readonly principal: string;
}

const copyBytesMax = 4 * miB;
/** The fence falls once a round had no more than this to copy, or after this many rounds: a busy tenant must not keep ahead for ever. */
const fenceBelowRecords = 2_000;
const roundsMax = 64;

/** Copies what the source has and the target lacks, once around. Returns how many records that were. */
async function copyRound(link: ShardLink, move: Move, from: number): Promise<{ next: number; records: number }> {
  let next = from;
  let records = 0;
  for (;;) {
    const exported = await link.exportRecords(move.source, move.tenant, next, copyBytesMax);
    if (exported.count === 0) return { next, records };
    assert(exported.records.length > 0, "exported records have bytes");
    const first = next;
    await link.command(move.target, requestKind.tenantImport, move.principal, (out) =>
      encodeTenantImport(out, move.tenant, move.epoch, first, exported.count, exported.records),
    );
    next += exported.count;
    records += exported.count;
  }
}

/** Everything up to the switch. Throws when it cannot be done; then `abandonMove` leads back. */
export async function carryOver(link: ShardLink, move: Move): Promise<void> {
  const { tenant, epoch, principal } = move;
  await link.command(move.target, requestKind.tenantAdopt, principal, (out) =>
    encodeTenantAdopt(out, tenant, epoch, "import", move.quotas),
  );
  const there = await link.tenantOn(move.target, tenant);
  let next = there?.nextPosition ?? 0;
  for (let round = 0; round < roundsMax; round++) {
    const copied = await copyRound(link, move, next);
    next = copied.next;
    if (copied.records <= fenceBelowRecords) break;
  }
  const fenced = await link.command(move.source, requestKind.tenantFence, principal, (out) =>
    encodeTenantControl(out, tenant, move.sourceEpoch),
  );
  const last = await copyRound(link, move, next);
  assert(last.next === fenced.first, "order: a move carries over every position that the source committed");
  await link.command(move.target, requestKind.tenantActivate, principal, (out) =>
    encodeTenantActivate(out, tenant, epoch, fenced.first),
  );
  await link.command(0, requestKind.directoryMoveCommit, principal, (out) =>
    encodeDirectoryMoveEnd(out, tenant, epoch),
  );
}

/**
 * Back to where it was. The log is asked first: it alone knows whether the move was committed after all, when the answer to that was
 * lost. Only what it has called off is undone, else the tenant would take writes in two places. Throws `routeStale` when it is too late.
 */
export async function abandonMove(link: ShardLink, move: Move): Promise<void> {
  const { tenant, epoch, principal } = move;
  await link.command(0, requestKind.directoryMoveAbort, principal, (out) => encodeDirectoryMoveEnd(out, tenant, epoch));
  await ignoreAbsent(
    link.command(move.source, requestKind.tenantUnfence, principal, (out) =>
      encodeTenantControl(out, tenant, move.sourceEpoch),
    ),
  );
  // Where it came as far as serving there, though nobody was ever sent there.
  await ignoreAbsent(
    link.command(move.target, requestKind.tenantFence, principal, (out) => encodeTenantControl(out, tenant, epoch)),
  );
  await ignoreAbsent(release(link, move.target, tenant, epoch, principal));
}

/** Removes a tenant's state from a shard that does not serve it (any more), a bounded piece a command. */
export async function release(
  link: ShardLink,
  shard: number,
  tenant: number,
  epoch: number,
  principal: string,
): Promise<void> {
  for (;;) {
    const answer = await link.command(shard, requestKind.tenantRelease, principal, (out) =>
      encodeTenantControl(out, tenant, epoch),
    );
    if (answer.count === 1) return;
  }
}

async function ignoreAbsent(step: Promise<unknown>): Promise<void> {
  try {
    await step;
  } catch (error) {
    if (!hasCode(error, "tenantUnknown") && !hasCode(error, "routeStale") && !hasCode(error, "invalidArgument"))
      throw error;
  }
}
