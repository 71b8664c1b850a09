/** What a projection accepts, beyond packed requests. */
import type { RequestsMessage, SubscriptionFlushedMessage } from "../messages/requests.js";
import type { AdvancedMessage, AttachMessage } from "../shard/messages.js";

export type ProjectionMessage =
  | RequestsMessage
  | SubscriptionFlushedMessage
  | AdvancedMessage
  | AttachMessage
  | DirectoryQuestion
  /** Timers of its own: deadlines of waiting reads, leases of groups. */
  | { readonly kind: "sweep" }
  | { readonly kind: "resend" };

/** What the directory asks about the newest version. */
export type DirectoryQuestion =
  /** The system shard's placements, in pages. Answered with `DirectoryPage`. */
  | { readonly kind: "directoryRows"; readonly after: number; readonly limit: number }
  /** The placement of a tenant of this name. Answered with `DirectoryRow | null`. */
  | { readonly kind: "directoryNamed"; readonly name: string }
  /** One user of the system shard, or all in pages. Answered with `UserRow | null`, `UserRow[]`. */
  | { readonly kind: "userRow"; readonly name: string }
  | { readonly kind: "userRows"; readonly after: string; readonly limit: number }
  /** What this shard's tenants have of a user. Answered with `RoleUses[]`. */
  | { readonly kind: "roleUses"; readonly name: string }
  /** This shard's tenants in pages, the system tenant left out. Answered with `TenantInfo[]`. */
  | { readonly kind: "tenantRows"; readonly after: number; readonly limit: number }
  /** One tenant's row on this shard. Answered with `TenantInfo | null`. */
  | { readonly kind: "tenantRow"; readonly tenant: number }
  /** For a move: a tenant's records from a position on, verbatim. Answered with `ExportedRecords`. */
  | { readonly kind: "exportRecords"; readonly tenant: number; readonly from: number; readonly bytesMax: number };

/** What one tenant has of a user, in words, one for each object. */
export interface RoleUses {
  readonly tenant: number;
  readonly uses: readonly string[];
}

export interface ExportedRecords {
  readonly count: number;
  /** Whole records back to back. */
  readonly records: Uint8Array;
  /** The tenant's next position on this shard: what is left to export follows from it. */
  readonly nextPosition: number;
}
