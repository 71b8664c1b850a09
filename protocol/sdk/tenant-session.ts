/** What the handles of one tenant share: the client, the tenant's number once it is known, and what was seen of it. */
import { assert } from "../../runtime/types/assert.js";
import type { CallOptions, Client } from "../client/client.js";
import { SessionMemory } from "./position-token.js";
import { fetchTenant } from "./tenants.js";

export class TenantSession {
  readonly client: Client;
  readonly name: string;
  readonly memory = new SessionMemory();
  #id: number | undefined;
  #resolving: Promise<number> | undefined;

  constructor(client: Client, name: string) {
    this.client = client;
    this.name = name;
  }

  get knownId(): number | undefined {
    return this.#id;
  }

  /** Asked for once. Rejects with `tenantUnknown`. */
  async id(options: CallOptions): Promise<number> {
    if (this.#id !== undefined) return this.#id;
    this.#resolving ??= fetchTenant(this.client, this.name, options)
      .then((tenant) => {
        this.learn(Number(tenant.id));
        return Number(tenant.id);
      })
      .finally(() => {
        this.#resolving = undefined;
      });
    return await this.#resolving;
  }

  learn(id: number): void {
    assert(id > 0, "a user's tenant is not the system tenant");
    assert(this.#id === undefined || this.#id === id, "a session belongs to one tenant for ever");
    this.#id = id;
  }
}
