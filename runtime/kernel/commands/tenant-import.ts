/**
 * tenantImport: the target of a move takes over the source's records, verbatim, with their positions, times and checksums. They
 * are logged again inside one record of the target's system tenant and applied as if they had been written here: the tenant's
 * state comes out the same, but for the log addresses, which are those of the copies.
 *
 * Request, after the common head, and facts, the same:
 *    0     8  tenant
 *    8     4  epoch
 *   12     8  position of the first record
 *   20     4  count of records
 *   24     …  records back to back
 *
 * Outcome: subject = tenant, first = position of the first record, count = records. Sent again, it is answered.
 */
import { assert } from "../../types/assert.js";
import { KimberliteError } from "../../types/errors.js";
import type { Draft } from "../draft.js";
import { isTenantCommand, tenantStatus } from "../kinds.js";
import { getU64 } from "../numbers.js";
import { RecordView } from "../record.js";
import type { Step } from "../step.js";
import { answerAlready, expectTarget, readTarget, wrongStatus } from "./tenant-control.js";

const importHeadBytes = 24;

export function decideTenantImport(draft: Draft): void {
  const { request } = draft;
  const body = draft.body();
  const { tenant, epoch } = readTarget(body);
  const first = body.u64();
  const count = body.u32();
  const target = expectTarget(draft, tenant, epoch);
  if (target.status === tenantStatus.active) return answerAlready(draft, target, count);
  if (target.status !== tenantStatus.importing) throw wrongStatus(target, "given records");
  if (count === 0) throw new KimberliteError("invalidArgument", "an import holds at least one record");
  if (first + count <= target.nextPosition) return answerAlready(draft, target, count);
  if (first !== target.nextPosition) {
    throw new KimberliteError("positionUnknown", `records from ${first} where ${target.nextPosition} is next`, {
      detail: { tenant, next: target.nextPosition, first },
    });
  }
  verifyRecords(draft, draft.bodyFrom + importHeadBytes, count);
  draft.beginRecord();
  draft.out.copy(request.bytes, request.view, draft.bodyFrom, request.to);
  draft.finish(tenant, first, count);
}

/** Every record whole, with its checksum, of a tenant's kind, later than the one before. */
function verifyRecords(draft: Draft, from: number, count: number): void {
  const { bytes, view, to } = draft.request;
  const record = new RecordView();
  let at = from;
  let time = 0;
  assert(count > 0, "an import holds at least one record");
  for (let i = 0; i < count; i += 1) {
    record.openVerified(bytes, view, at, to);
    if (!isTenantCommand(record.kind))
      throw new KimberliteError("dataCorrupt", "an imported record is not a tenant's command");
    if (record.time <= time) throw new KimberliteError("dataCorrupt", "the times of imported records do not grow");
    time = record.time;
    at = record.to;
  }
  if (at !== to) throw new KimberliteError("frameInvalid", "bytes follow the last imported record");
  assert(record.to === to, "an import ends with its last record");
}

/** The outer record only counts in the system tenant; the inner ones follow in `importRecords`. */
export function applyTenantImport(step: Step): void {
  const { view, factsFrom } = step.record;
  assert(step.record.factsLength > importHeadBytes, "the facts of an import hold records");
  step.subject = getU64(view, factsFrom);
  step.first = getU64(view, factsFrom + 12);
  step.count = view.getUint32(factsFrom + 20, true);
  assert(step.count > 0, "an import holds at least one record");
}

/** Applies the records inside the import that the step stands on, each at its own position and log address. */
export function importRecords(step: Step, applyOne: (step: Step) => void): void {
  const { record, address } = step;
  const { bytes, view, factsFrom, from, to } = record;
  const tenant = getU64(view, factsFrom);
  const first = getU64(view, factsFrom + 12);
  const count = view.getUint32(factsFrom + 20, true);
  let at = factsFrom + importHeadBytes;
  for (let i = 0; i < count; i += 1) {
    const sound = record.open(bytes, view, at, to);
    assert(sound, "an imported record is well formed");
    step.tenant = tenant;
    step.position = first + i;
    step.address = address + (at - from);
    applyOne(step);
    at = record.to;
  }
  assert(at === to, "an import ends with its last record");
}
