/**
 * Request bodies of the node's own commands, writing side; they go to a shard's system tenant. The layouts stand at the heads
 * of `commands/tenant-control.ts`, `tenant-import.ts`, `tenant-release.ts` and `directory.ts`.
 */
import { assert } from "../../types/assert.js";
import type { ByteWriter } from "../../types/byte-writer.js";
import { systemTenant } from "../../types/ids.js";
import { adoptMode } from "../commands/tenant-control.js";
import { encodeWriteHead } from "../request.js";
import { encodeQuotas, type Quotas } from "../tenant-row.js";

const systemHead = { tenant: systemTenant } as const;

export function encodeTenantAdopt(
  out: ByteWriter,
  tenant: number,
  epoch: number,
  mode: keyof typeof adoptMode,
  quotas: Quotas,
): ByteWriter {
  assert(tenant !== systemTenant, "the system tenant is not adopted");
  encodeWriteHead(out, systemHead).u64(tenant).u32(epoch).u8(adoptMode[mode]);
  encodeQuotas(out, quotas);
  return out;
}

/** tenantFence, tenantUnfence and tenantRelease: only the kind of the request differs. */
export function encodeTenantControl(out: ByteWriter, tenant: number, epoch: number): ByteWriter {
  assert(tenant !== systemTenant, "the system tenant stays on its shard");
  return encodeWriteHead(out, systemHead).u64(tenant).u32(epoch);
}

/** @param nextPosition what the source answered to the fence */
export function encodeTenantActivate(out: ByteWriter, tenant: number, epoch: number, nextPosition: number): ByteWriter {
  return encodeTenantControl(out, tenant, epoch).u64(nextPosition);
}

export function encodeTenantQuota(out: ByteWriter, tenant: number, epoch: number, quotas: Quotas): ByteWriter {
  encodeQuotas(encodeTenantControl(out, tenant, epoch), quotas);
  return out;
}

/** @param records whole records back to back, as they stand in the source's log */
export function encodeTenantImport(
  out: ByteWriter,
  tenant: number,
  epoch: number,
  firstPosition: number,
  count: number,
  records: Uint8Array,
): ByteWriter {
  assert(count > 0, "an import holds at least one record");
  return encodeTenantControl(out, tenant, epoch).u64(firstPosition).u32(count).raw(records);
}

export function encodeDirectoryCreate(
  out: ByteWriter,
  name: string,
  shard: number,
  quotas: Quotas,
  ifNotExists: boolean,
  owner = "",
  requestKey?: Uint8Array,
): ByteWriter {
  assert(name.length > 0, "a tenant has a name");
  encodeWriteHead(out, { tenant: systemTenant, requestKey })
    .u8(ifNotExists ? 1 : 0)
    .u32(shard);
  encodeQuotas(out, quotas);
  out.string(name);
  return owner === "" ? out : out.string(owner);
}

/** @param owner empty: the first user */
export const encodeDirectoryOwner = (out: ByteWriter, tenant: number, owner: string): ByteWriter =>
  encodeDirectoryDrop(out, tenant).string(owner);

export function encodeDirectoryDrop(out: ByteWriter, tenant: number): ByteWriter {
  assert(tenant !== systemTenant, "the system tenant is not in the directory");
  return encodeWriteHead(out, systemHead).u64(tenant);
}

export function encodeDirectoryMoveBegin(out: ByteWriter, tenant: number, targetShard: number): ByteWriter {
  return encodeDirectoryDrop(out, tenant).u32(targetShard);
}

/** directoryMoveCommit and directoryMoveAbort: only the kind of the request differs. */
export function encodeDirectoryMoveEnd(out: ByteWriter, tenant: number, epoch: number): ByteWriter {
  return encodeDirectoryDrop(out, tenant).u32(epoch);
}

export function encodeDirectoryQuota(out: ByteWriter, tenant: number, quotas: Quotas): ByteWriter {
  encodeQuotas(encodeDirectoryDrop(out, tenant), quotas);
  return out;
}
