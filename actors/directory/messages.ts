/** What the directory accepts, and its answers. */
import type { KeptSetting } from "../../runtime/kernel/kept-settings.js";
import type { Role } from "../../runtime/query/catalog/role-set.js";

/** A role as gateways judge by it. */
export interface KnownRole extends Role {
  /** Tenants that it may use, and that know of it; null: all. */
  readonly tenants: readonly number[] | null;
}

/** A tenant as gateways find it by its name. */
export interface KnownTenant {
  readonly id: number;
  /** What its sessions begin with. */
  readonly settings: readonly KeptSetting[];
}

export interface TenantOwner {
  readonly tenant: number;
  /** A user's name; empty: the first user. */
  readonly owner: string;
}

export interface KnownRoles {
  readonly roles: readonly KnownRole[];
  /** Of the tenants that were asked for, in that order; dropped ones left out. */
  readonly owners: readonly TenantOwner[];
}

/**
 * How long a gateway may judge by roles that it has read, counted from when it asked for them; and how long the answer to a change waits
 * where not all gateways, of this node and of others, say that they have heard. ms
 */
export const rolesLeaseMs = 2_000;

/** Where a tenant is served. `epoch` grows with each move; `shard` null: there is no such tenant (any more). */
export interface Route {
  readonly tenant: number;
  readonly shard: number | null;
  readonly epoch: number;
}

export type DirectoryMessage =
  /** Asked by gateways; answered with a `Route`. */
  | { readonly kind: "route"; readonly tenant: number }
  /** Asked by gateways when a client logs in: the user as the newest state has it. Answered with `UserRow | null`. */
  | { readonly kind: "user"; readonly name: string }
  /**
   * Asked by gateways of PostgreSQL's protocol: all roles, and who owns the tenants that they serve, as the newest state has them. Answered
   * with `KnownRoles`.
   */
  | { readonly kind: "roles"; readonly tenants: readonly number[] }
  /** Asked by gateways: the tenant of a name. Answered with `KnownTenant | null`. */
  | { readonly kind: "tenantNamed"; readonly name: string }
  /** Asked by gateways on behalf of a client: a method of the administration and its parameters; answered with plain JSON data. */
  | {
      readonly kind: "admin";
      readonly method: string;
      readonly params: Readonly<Record<string, unknown>>;
      readonly principal: string;
    }
  /** Asked by the system shard on behalf of another node's directory: the call as `call.ts` encodes it; answered likewise. */
  | { readonly kind: "adminRelayed"; readonly call: Uint8Array }
  /**
   * Asked by the system shard on behalf of the directory that changed roles: they are others now. Answered with no bytes once no gateway of
   * this node judges by those of before.
   */
  | { readonly kind: "rolesChangedElsewhere" }
  /** Told by the system shard: whether it leads here. Only then this directory changes anything. */
  | { readonly kind: "systemShard"; readonly leads: boolean }
  /** Asked by the node once at start: answered when every tenant is served by its shard. */
  | { readonly kind: "awaitReady" }
  /** A timer of its own: read the system shard's state and make the shards follow it. */
  | { readonly kind: "begin" }
  /** A timer of its own: what gateways had read of roles when it was set has run out. */
  | { readonly kind: "rolesRunOut" };
