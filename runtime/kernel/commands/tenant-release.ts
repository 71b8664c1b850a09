/**
 * tenantRelease: removes what a tenant that has left (fenced) or never fully came (importing) holds on this shard. A tenant may
 * have millions of entries, so each command removes a bounded number, in the fixed order of trees and keys; it is sent until the
 * outcome says that nothing is left. The row stays as a tombstone: its epoch tells a stale route from an unknown tenant.
 *
 * Request, after the common head: tenant u64 · epoch u32.
 * Facts: tenant u64 · epoch u32 · entries to remove at most u32.
 * Outcome: subject = tenant, first = next position, count = 1 when everything is gone, else 0: send again.
 *
 * The log still holds the tenant's records; they go with its segments, or with its keys.
 */
import { tableTree } from "../../store/table-trees.js";
import { treeKeyBytesMax } from "../../store/tree.js";
import { assert } from "../../types/assert.js";
import type { Draft } from "../draft.js";
import { tenantStatus, tree } from "../kinds.js";
import { getU64, getU64Key } from "../numbers.js";
import type { Step } from "../step.js";
import { tenantField } from "../tenant-row.js";
import { answerAlready, clearRow, expectTarget, readTarget, setStatus, wrongStatus } from "./tenant-control.js";

/** Entries that one release removes: about 2 ms of work. */
export const releaseEntriesMax = 2_000;

/** All trees that hold a tenant's entries under keys that begin with the tenant. */
const tenantTrees = [
  tree.streams,
  tree.streamNames,
  tree.events,
  tree.commits,
  tree.requestKeys,
  tree.sessions,
  tree.groups,
  tree.groupAcks,
  tree.parked,
  ...Object.values(tableTree),
] as const;

export function decideTenantRelease(draft: Draft): void {
  const body = draft.body();
  const { tenant, epoch } = readTarget(body);
  body.end();
  const target = expectTarget(draft, tenant, epoch);
  assert(target.tenant === tenant, "the target is the tenant that was named");
  if (target.status === tenantStatus.released) return answerAlready(draft, target, 1);
  if (target.status === tenantStatus.active) throw wrongStatus(target, "released before it is fenced");
  draft.beginRecord();
  draft.out.u64(tenant).u32(epoch).u32(releaseEntriesMax);
  draft.finish(tenant, target.nextPosition, 0);
}

export function applyTenantRelease(step: Step): void {
  const { state, record, keys } = step;
  const { view, factsFrom } = record;
  const tenant = getU64(view, factsFrom);
  assert(record.factsLength === 16, "the facts of a release have their fixed size");
  assert(tenant !== 0, "the system tenant is not released");
  const known = state.get(tree.tenants, keys.one(tenant));
  assert(known, "a release is of a tenant of this shard");
  const at = state.valueStart;
  const status = state.valueView.getUint8(at + tenantField.status);
  step.subject = tenant;
  step.first = getU64(state.valueView, at + tenantField.nextPosition);
  step.count = 0;
  assert(
    state.valueView.getUint32(at + tenantField.epoch, true) === view.getUint32(factsFrom + 8, true),
    "order: a control command is applied at the epoch it was decided for",
  );
  assert(
    status !== tenantStatus.active && status !== tenantStatus.released,
    "isolation: only a fenced tenant is released",
  );
  if (status !== tenantStatus.releasing) setStatus(step, tenant, tenantStatus.releasing);
  if (removeEntries(step, tenant, view.getUint32(factsFrom + 12, true))) {
    setStatus(step, tenant, tenantStatus.released);
    clearRow(step, tenant);
  }
}

/** Removes at most `budget` entries of a tenant. True when none is left. */
function removeEntries(step: Step, tenant: number, budget: number): boolean {
  const { state, keys } = step;
  const key = new Uint8Array(treeKeyBytesMax);
  const keyView = new DataView(key.buffer);
  let left = budget;
  assert(budget > 0, "a release removes at least one entry");
  for (const number of tenantTrees) {
    const cursor = state.cursor(number);
    while (cursor.seek(keys.one(tenant))) {
      const length = cursor.keyInto(key);
      if (getU64Key(keyView, 0) !== tenant) break;
      if (left === 0) return false;
      const removed = state.delete(number, key.subarray(0, length));
      assert(removed, "an entry that was found is removed");
      left -= 1;
    }
  }
  return true;
}
