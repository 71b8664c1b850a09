/** What the directory asks about a shard's newest version: placements, users, tenants, and records of one that moves. */

import { tenantStatus } from "../../runtime/kernel/kinds.js";
import { listCommits } from "../../runtime/kernel/read/commits.js";
import { directoryByName, listDirectory } from "../../runtime/kernel/read/directory.js";
import { type StateReads, unbounded } from "../../runtime/kernel/read/state-reads.js";
import { listUsers, userNamed } from "../../runtime/kernel/read/users.js";
import { CatalogCache } from "../../runtime/query/catalog/over-trees.js";
import { roleUses } from "../../runtime/query/catalog/role-uses.js";
import { type LogReader, recordHeadBytes } from "../../runtime/storage/log-reader.js";
import { assert, unreachable } from "../../runtime/types/assert.js";
import { ByteWriter } from "../../runtime/types/byte-writer.js";
import type { DirectoryQuestion, ExportedRecords, RoleUses } from "./messages.js";

/** Commits that one export looks at: bounds the time of a turn. */
const exportCommitsMax = 5_000;

/** @param reads of a version that is pinned. Throws `KimberliteError` for what cannot be read. */
export function answerDirectory(question: DirectoryQuestion, reads: StateReads, log: LogReader): unknown {
  switch (question.kind) {
    case "directoryRows":
      return {
        rows: listDirectory(reads, question.after, question.limit),
        systemPosition: reads.tenant(0)?.nextPosition ?? 0,
      };
    case "directoryNamed":
      return directoryByName(reads, question.name);
    case "userRow":
      return userNamed(reads, question.name);
    case "userRows":
      return listUsers(reads, question.after, question.limit);
    case "roleUses":
      return usesOfRole(reads, question.name);
    case "tenantRows":
      return reads.tenants(question.after, question.limit);
    case "tenantRow":
      return reads.tenant(question.tenant);
    case "exportRecords":
      return exportRecords(reads, log, question.tenant, question.from, question.bytesMax);
    default:
      return unreachable(question);
  }
}

function exportRecords(
  reads: StateReads,
  log: LogReader,
  tenant: number,
  from: number,
  bytesMax: number,
): ExportedRecords {
  const commits = listCommits(reads, tenant, from, exportCommitsMax, unbounded);
  const out = new ByteWriter(64 * 1024);
  let count = 0;
  for (const commit of commits) {
    if (count > 0 && out.length + commit.recordLength > bytesMax) break;
    log.read(commit.address);
    assert(log.length + recordHeadBytes === commit.recordLength, "order: a commit points to its own record");
    out.raw(log.bytes.subarray(log.start - recordHeadBytes, log.start + log.length));
    count += 1;
  }
  return { count, records: out.finish(), nextPosition: reads.tenant(tenant)?.nextPosition ?? 0 };
}

/** What the tenants of a shard have of a user; nothing of those that have nothing. */
function usesOfRole(reads: StateReads, name: string): RoleUses[] {
  const catalogs = new CatalogCache();
  const found: RoleUses[] = [];
  for (const { tenant, status } of reads.tenants(0, Number.MAX_SAFE_INTEGER)) {
    if (status !== tenantStatus.active && status !== tenantStatus.fenced) continue;
    const uses = roleUses(catalogs.current(reads.state, tenant), name);
    if (uses.length > 0) found.push({ tenant, uses });
  }
  return found;
}
