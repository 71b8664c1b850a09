/**
 * A tenant's coming and going on a shard, as commands of that shard's system tenant: adopt, fence, unfence, activate, quotas.
 * The life they drive is drawn at `tenantStatus`. All of them may be sent again: what is so already is answered, not refused.
 *
 * Requests after the common head, and facts, verbatim the same:
 *   tenantAdopt     tenant u64 · epoch u32 · mode u8 (0 fresh, 1 to import) · quotas 24
 *   tenantFence     tenant u64 · epoch u32
 *   tenantUnfence   tenant u64 · epoch u32
 *   tenantActivate  tenant u64 · epoch u32 · next position u64 that the import must have reached
 *   tenantQuota     tenant u64 · epoch u32 · quotas 24
 *
 * Outcome of all: subject = tenant, first = the tenant's next position, count = 0. The epoch names the placement that is meant;
 * another one is `routeStale`, so an old mover cannot undo what a newer one did.
 */
import type { TreeReader, TreeWriter } from "../../store/tree.js";
import { assert } from "../../types/assert.js";
import type { ByteReader } from "../../types/byte-reader.js";
import { KimberliteError } from "../../types/errors.js";
import { systemTenant } from "../../types/ids.js";
import type { Draft } from "../draft.js";
import { tenantStatus, tree } from "../kinds.js";
import { copyBytes, getU64, setU64 } from "../numbers.js";
import type { Step } from "../step.js";
import { decodeQuotas, quotaBytes, tenantField, writeTenantRow } from "../tenant-row.js";

export const adoptMode = { fresh: 0, import: 1 } as const;

/** What a control command finds of the tenant it names. */
export interface Target {
  readonly tenant: number;
  readonly epoch: number;
  readonly status: number;
  readonly nextPosition: number;
}

/** Reads tenant and epoch. The system tenant is not for moving. */
export function readTarget(body: ByteReader): { tenant: number; epoch: number } {
  const tenant = body.u64();
  const epoch = body.u32();
  if (tenant === systemTenant) throw new KimberliteError("invalidArgument", "the system tenant stays on its shard");
  return { tenant, epoch };
}

export function findTarget(state: TreeReader, draft: Draft, tenant: number): Target | null {
  assert(tenant !== systemTenant, "a control command names a tenant of users");
  if (!state.get(tree.tenants, draft.keys.one(tenant))) return null;
  const view = state.valueView;
  const at = state.valueStart;
  const status = view.getUint8(at + tenantField.status);
  assert(status <= tenantStatus.released, "a tenant has a known status");
  return {
    tenant,
    status,
    epoch: view.getUint32(at + tenantField.epoch, true),
    nextPosition: getU64(view, at + tenantField.nextPosition),
  };
}

/** The tenant that a command names, at the epoch that it names. Throws `tenantUnknown` or `routeStale`. */
export function expectTarget(draft: Draft, tenant: number, epoch: number): Target {
  const target = findTarget(draft.state, draft, tenant);
  if (target === null) {
    throw new KimberliteError("tenantUnknown", `tenant ${tenant} was never on this shard`, { detail: { tenant } });
  }
  if (target.epoch !== epoch) {
    throw new KimberliteError("routeStale", `tenant ${tenant} is here at epoch ${target.epoch}, not ${epoch}`, {
      detail: { tenant, epoch: target.epoch },
    });
  }
  return target;
}

/** Writes the request's own fields as the facts. */
function writeVerbatim(draft: Draft, target: { tenant: number; nextPosition: number }): void {
  assert(target.tenant !== systemTenant, "a control command names a tenant of users");
  draft.beginRecord();
  draft.out.copy(draft.request.bytes, draft.request.view, draft.bodyFrom, draft.request.to);
  draft.finish(target.tenant, target.nextPosition, 0);
}

/** It is so already: answered once everything before is committed. */
export function answerAlready(draft: Draft, target: Target, count = 0): void {
  assert(draft.position > 0, "a tenant that is here was adopted by an earlier command");
  draft.answer(draft.position - 1, draft.position - 1, draft.time - 1, target.tenant, target.nextPosition, count);
}

export function wrongStatus(target: Target, what: string): KimberliteError {
  return new KimberliteError(
    "invalidArgument",
    `tenant ${target.tenant} cannot be ${what} in status ${target.status}`,
    {
      detail: { tenant: target.tenant, status: target.status },
    },
  );
}

export function decideTenantAdopt(draft: Draft): void {
  const body = draft.body();
  const { tenant, epoch } = readTarget(body);
  const mode = body.choice(2);
  decodeQuotas(body);
  body.end();
  const target = findTarget(draft.state, draft, tenant);
  if (target !== null) {
    const { status } = target;
    if (target.epoch > epoch) throw new KimberliteError("routeStale", `epoch ${target.epoch} was here before ${epoch}`);
    if (status === tenantStatus.releasing) {
      throw new KimberliteError("tenantMoving", "what is left of the tenant's last stay is still being removed");
    }
    const settled = status === tenantStatus.active || status === tenantStatus.fenced;
    const importing = status === tenantStatus.importing && mode === adoptMode.import;
    if (target.epoch === epoch && (settled || importing)) return answerAlready(draft, target);
    if (status !== tenantStatus.released || target.epoch === epoch) {
      throw new KimberliteError("tenantExists", `tenant ${tenant} is on this shard at epoch ${target.epoch}`, {
        detail: { tenant, epoch: target.epoch, status },
      });
    }
  }
  writeVerbatim(draft, { tenant, nextPosition: 0 });
}

export function applyTenantAdopt(step: Step): void {
  const { state, record, keys } = step;
  const { view, factsFrom } = record;
  const tenant = getU64(view, factsFrom);
  const epoch = view.getUint32(factsFrom + 8, true);
  const mode = view.getUint8(factsFrom + 12);
  assert(record.factsLength === 13 + quotaBytes, "the facts of an adoption have their fixed size");
  assert(tenant !== systemTenant, "the system tenant is not adopted");
  if (state.get(tree.tenants, keys.one(tenant))) {
    const at = state.valueStart;
    assert(
      state.valueView.getUint8(at + tenantField.status) === tenantStatus.released,
      "isolation: a tenant is adopted only where nothing of it is left",
    );
    assert(state.valueView.getUint32(at + tenantField.epoch, true) < epoch, "a tenant comes back at a higher epoch");
  }
  const status = mode === adoptMode.import ? tenantStatus.importing : tenantStatus.active;
  writeTenantRow(step.tenantRow, step.tenantView, status, epoch);
  const quotasFrom = factsFrom + 13;
  copyBytes(
    record.bytes,
    view,
    quotasFrom,
    quotasFrom + quotaBytes,
    step.tenantRow,
    step.tenantView,
    tenantField.quotas,
  );
  state.put(tree.tenants, keys.one(tenant), step.tenantRow);
  setOutcome(step, tenant, 0);
}

function setOutcome(step: Step, tenant: number, nextPosition: number): void {
  step.subject = tenant;
  step.first = nextPosition;
  step.count = 0;
}

/** Opens the row of the tenant that the facts name, for a change in place, and fills the outcome. Returns the row's start. */
function openTarget(state: TreeWriter, step: Step): number {
  const { view, factsFrom } = step.record;
  const tenant = getU64(view, factsFrom);
  assert(tenant !== systemTenant, "a control command changes a tenant of users");
  const known = state.update(tree.tenants, step.keys.one(tenant));
  assert(known, "a control command changes a tenant of this shard");
  const at = state.valueStart;
  assert(
    state.valueView.getUint32(at + tenantField.epoch, true) === view.getUint32(factsFrom + 8, true),
    "order: a control command is applied at the epoch it was decided for",
  );
  setOutcome(step, tenant, getU64(state.valueView, at + tenantField.nextPosition));
  return at;
}

function changeStatus(step: Step, from: number, to: number): void {
  const at = openTarget(step.state, step);
  const view = step.state.valueView;
  assert(view.getUint8(at + tenantField.status) === from, "order: a tenant's status changes as it was decided");
  assert(from !== to, "a change of status changes it");
  view.setUint8(at + tenantField.status, to);
}

export function decideTenantFence(draft: Draft): void {
  const body = draft.body();
  const { tenant, epoch } = readTarget(body);
  body.end();
  const target = expectTarget(draft, tenant, epoch);
  if (target.status === tenantStatus.fenced) return answerAlready(draft, target);
  if (target.status !== tenantStatus.active) throw wrongStatus(target, "fenced");
  writeVerbatim(draft, target);
}

export function applyTenantFence(step: Step): void {
  changeStatus(step, tenantStatus.active, tenantStatus.fenced);
}

export function decideTenantUnfence(draft: Draft): void {
  const body = draft.body();
  const { tenant, epoch } = readTarget(body);
  body.end();
  const target = expectTarget(draft, tenant, epoch);
  if (target.status === tenantStatus.active) return answerAlready(draft, target);
  if (target.status !== tenantStatus.fenced) throw wrongStatus(target, "unfenced");
  writeVerbatim(draft, target);
}

export function applyTenantUnfence(step: Step): void {
  changeStatus(step, tenantStatus.fenced, tenantStatus.active);
}

export function decideTenantActivate(draft: Draft): void {
  const body = draft.body();
  const { tenant, epoch } = readTarget(body);
  const nextPosition = body.u64();
  body.end();
  const target = expectTarget(draft, tenant, epoch);
  if (target.status === tenantStatus.active) return answerAlready(draft, target);
  if (target.status !== tenantStatus.importing) throw wrongStatus(target, "activated");
  if (target.nextPosition !== nextPosition) {
    throw new KimberliteError("positionUnknown", `the import has reached ${target.nextPosition} of ${nextPosition}`, {
      detail: { tenant, next: target.nextPosition, expected: nextPosition },
    });
  }
  writeVerbatim(draft, target);
}

export function applyTenantActivate(step: Step): void {
  const { view, factsFrom } = step.record;
  changeStatus(step, tenantStatus.importing, tenantStatus.active);
  assert(
    step.first === getU64(view, factsFrom + 12),
    "order: a tenant is activated at the position its source had reached",
  );
}

export function decideTenantQuota(draft: Draft): void {
  const body = draft.body();
  const { tenant, epoch } = readTarget(body);
  decodeQuotas(body);
  body.end();
  const target = expectTarget(draft, tenant, epoch);
  if (target.status > tenantStatus.fenced) throw wrongStatus(target, "given quotas");
  writeVerbatim(draft, target);
}

export function applyTenantQuota(step: Step): void {
  const { record, state } = step;
  assert(record.factsLength === 12 + quotaBytes, "the facts of new quotas have their fixed size");
  const at = openTarget(state, step);
  const from = record.factsFrom + 12;
  const { valueBytes, valueView } = state;
  copyBytes(record.bytes, record.view, from, from + quotaBytes, valueBytes, valueView, at + tenantField.quotas);
  assert(
    getU64(valueView, at + tenantField.quotas) === getU64(record.view, from),
    "the quotas set are those of the facts",
  );
}

/** Marks a tenant's row; used by the release. */
export function setStatus(step: Step, tenant: number, status: number): void {
  const known = step.state.update(tree.tenants, step.keys.one(tenant));
  assert(known, "a control command changes a tenant of this shard");
  const at = step.state.valueStart;
  assert(status > step.state.valueView.getUint8(at + tenantField.status), "a tenant leaves a shard one way");
  step.state.valueView.setUint8(at + tenantField.status, status);
}

/** Zeroes what a tombstone need not keep: all but version, status, epoch and next position. */
export function clearRow(step: Step, tenant: number): void {
  const known = step.state.update(tree.tenants, step.keys.one(tenant));
  assert(known, "a control command changes a tenant of this shard");
  const { valueBytes, valueView, valueStart: at } = step.state;
  assert(valueView.getUint8(at + tenantField.status) === tenantStatus.released, "a tombstone is of a released tenant");
  const nextPosition = getU64(valueView, at + tenantField.nextPosition);
  valueBytes.fill(0, at + tenantField.nextPosition, at + step.tenantRow.length);
  setU64(valueView, at + tenantField.nextPosition, nextPosition);
}
