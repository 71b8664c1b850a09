/**
 * The roles that a gateway's sessions are judged by: read from the directory, good for a while (`rolesLeaseMs`), read anew when the directory
 * says that they are others, or before they run out where somebody asks. So a membership that was revoked is not used after the REVOKE was
 * answered, on whichever node: the answer waits until what was read before it has run out or is known to be old.
 */
import { type KnownRoles, rolesLeaseMs } from "../../actors/directory/messages.js";
import { bootstrapName, encodeRoles, RoleSet } from "../../runtime/query/catalog/role-set.js";
import { assert } from "../../runtime/types/assert.js";

/** What one tenant knows of roles. */
export interface TenantRoles {
  /** As requests carry it: the same text as long as nothing changes. */
  readonly text: string;
  readonly set: RoleSet;
}

export interface RoleBookHost {
  /** ms that only grow. */
  monotonic(): number;
  /** @param tenants whose owners are to be told, too */
  read(tenants: readonly number[]): Promise<KnownRoles>;
}

const nobody: TenantRoles = { text: "", set: new RoleSet([]) };

export class RoleBook {
  readonly #host: RoleBookHost;
  #known: KnownRoles | null = null;
  /** How many sessions each tenant has here. */
  readonly #sessions = new Map<number, number>();
  readonly #byTenant = new Map<number, TenantRoles>();
  /** When what is here was asked for; what was read before it does not count. ms */
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | null = null;
  /** Since when it was tried to read them, in vain so far; null: they were read when that was tried last. ms */
  #tryingSince: number | null = null;
  /** Grows when roles are known to be others: what was asked for before is old when it comes. */
  #changes = 0;

  constructor(host: RoleBookHost) {
    this.#host = host;
  }

  /** Whether the roles that are here may be judged by. Those that will not be for long are asked for on the side. */
  get isFresh(): boolean {
    const age = this.#host.monotonic() - this.#readAt;
    if (age >= rolesLeaseMs / 2 && age < rolesLeaseMs) this.refresh().catch(() => {});
    return age < rolesLeaseMs;
  }

  /** How long the roles could not be read by now. ms */
  get overdueMs(): number {
    return this.#tryingSince === null ? 0 : this.#host.monotonic() - this.#tryingSince;
  }

  /** Roles were changed: what is here is not good any more. */
  changed(): void {
    this.#changes += 1;
    this.#readAt = Number.NEGATIVE_INFINITY;
    this.#reading = null;
  }

  /** Resolves once the roles are those of now. Rejects with what kept them from being read. */
  refresh(): Promise<void> {
    if (this.#reading === null) {
      const reading = this.#read().finally(() => {
        if (this.#reading === reading) this.#reading = null;
      });
      this.#reading = reading;
    }
    return this.#reading;
  }

  async #read(): Promise<void> {
    const asked = this.#host.monotonic();
    const changes = this.#changes;
    this.#tryingSince ??= asked;
    const known = await this.#host.read([...this.#sessions.keys()]);
    assert(
      known.roles.every(({ name }) => name !== ""),
      "a role has a name",
    );
    if (changes !== this.#changes) return this.refresh();
    // What was asked for later has come before it.
    if (asked < this.#readAt) return;
    this.#readAt = asked;
    this.#tryingSince = null;
    this.#learn(known);
  }

  /** Tenants for which nothing is new keep their roles as they are. */
  #learn(known: KnownRoles): void {
    const before = this.#known;
    this.#known = known;
    if (before === null || JSON.stringify(before.roles) !== JSON.stringify(known.roles)) this.#byTenant.clear();
    for (const [tenant, { set }] of this.#byTenant)
      if (set.databaseOwner !== this.#ownerOf(tenant)) this.#byTenant.delete(tenant);
  }

  #ownerOf(tenant: number): string {
    const owner = this.#known?.owners.find((each) => each.tenant === tenant)?.owner ?? "";
    return owner === "" ? bootstrapName : owner;
  }

  /** Makes sure that somebody is known who was found to be there. */
  async meet(name: string): Promise<void> {
    if (this.#known?.roles.some((role) => role.name === name) === true) return;
    this.changed();
    await this.refresh();
  }

  /** A session of a tenant begins: resolves once it is known whose the tenant is. `leave` is due when the session ends. */
  async enter(tenant: number): Promise<void> {
    const before = this.#sessions.get(tenant) ?? 0;
    this.#sessions.set(tenant, before + 1);
    if (before > 0 && this.#known?.owners.some((each) => each.tenant === tenant) === true) return;
    // What is being read may have been asked for without this tenant; what has been read stays good for the others.
    await this.#read();
  }

  leave(tenant: number): void {
    const left = (this.#sessions.get(tenant) ?? 0) - 1;
    assert(left >= 0, "a session that ends has begun");
    if (left > 0) this.#sessions.set(tenant, left);
    else this.#sessions.delete(tenant);
  }

  /** Tenants that a role may use; null: all. */
  tenantsOf(name: string): readonly number[] | null {
    return this.#known?.roles.find((role) => role.name === name)?.tenants ?? null;
  }

  /** Those that a tenant knows: users of all tenants, and its own. What was read last, fresh or not. */
  of(tenant: number): TenantRoles {
    if (this.#known === null) return nobody;
    let known = this.#byTenant.get(tenant);
    if (known === undefined) {
      const roles = this.#known.roles.filter(({ tenants }) => tenants === null || tenants.includes(tenant));
      const databaseOwner = this.#ownerOf(tenant);
      known = { text: encodeRoles(roles, databaseOwner), set: new RoleSet(roles, databaseOwner) };
      this.#byTenant.set(tenant, known);
    }
    return known;
  }
}
