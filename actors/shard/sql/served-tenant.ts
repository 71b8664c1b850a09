/** Whether a tenant's statements are decided by this shard. */
import { tenantStatus } from "../../../runtime/kernel/kinds.js";
import type { StateReads } from "../../../runtime/kernel/read/state-reads.js";
import { KimberliteError } from "../../../runtime/types/errors.js";

/** Position of the tenant's newest command. Throws `tenantUnknown`, `tenantMoving`, `routeStale` for one that is not served here. */
export function servedPosition(reads: StateReads, tenant: number): number {
  const info = reads.tenant(tenant);
  if (info === null || tenant === 0)
    throw new KimberliteError("tenantUnknown", `tenant ${tenant} was never on this shard`);
  const { status, epoch } = info;
  if (status === tenantStatus.fenced || status === tenantStatus.importing) {
    throw new KimberliteError("tenantMoving", `tenant ${tenant} is between two shards`, { detail: { tenant, epoch } });
  }
  if (status !== tenantStatus.active) {
    throw new KimberliteError("routeStale", `tenant ${tenant} has left this shard`, { detail: { tenant, epoch } });
  }
  return info.nextPosition - 1;
}
