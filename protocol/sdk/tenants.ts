/** Tenants of the node or cluster: create, look up, drop, move, limit. */
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { tenantName } from "../../runtime/types/ids.js";
import type { CallOptions, Client } from "../client/client.js";
import { countWithin, wireNumber } from "./numbers.js";

const listLimitMax = 1_000;

/** Limits of one tenant; what is left out stays at its default. */
export interface Quotas {
  readonly bytesMax?: number;
  readonly streamsMax?: number;
  readonly sessionsMax?: number;
  readonly groupsPerStreamMax?: number;
}

export interface TenantInfo {
  readonly id: bigint;
  readonly name: string;
  /** The shard that holds it. */
  readonly shard: number;
  /** What else the server said, such as its state and quotas. */
  readonly more: Readonly<Record<string, unknown>>;
}

function parseTenant(raw: unknown): TenantInfo {
  if (typeof raw === "object" && raw !== null) {
    const { id, name, shard, ...more } = raw as Record<string, unknown>;
    if (typeof id === "number" && Number.isSafeInteger(id) && typeof name === "string" && typeof shard === "number") {
      return { id: BigInt(id), name, shard, more };
    }
  }
  throw new KimberliteError("frameInvalid", "the server describes a tenant in a way that this client does not know");
}

/** Rejects with `tenantUnknown`. */
export const fetchTenant = async (client: Client, name: string, options: CallOptions): Promise<TenantInfo> =>
  parseTenant(await client.admin("tenant.get", { name }, options));

export class Tenants {
  readonly #client: Client;
  readonly #onDropped: (name: string) => void;

  /** @param onDropped told of a tenant that is no more, so that its handle is not reused for another of the same name */
  constructor(client: Client, onDropped: (name: string) => void) {
    this.#client = client;
    this.#onDropped = onDropped;
  }

  /** Rejects with `tenantExists` unless `ifNotExists`, and with `shardUnknown`. Without a shard the node chooses one. */
  async create(
    name: string,
    options: CallOptions & {
      readonly shard?: number | undefined;
      readonly quotas?: Quotas | undefined;
      readonly ifNotExists?: boolean | undefined;
    } = {},
  ): Promise<TenantInfo> {
    const { shard, quotas, ifNotExists = false } = options;
    const params = {
      name: tenantName(name),
      ...(shard === undefined ? {} : { shard }),
      ...(quotas === undefined ? {} : { quotas }),
      ...(ifNotExists ? { ifNotExists } : {}),
    };
    return parseTenant(await this.#client.admin("tenant.create", params, options));
  }

  /** Tenants by ascending id, at most `limit` (default and most: 1,000), those after the id `after`. */
  async list(
    options: CallOptions & { readonly after?: bigint | number | undefined; readonly limit?: number | undefined } = {},
  ): Promise<TenantInfo[]> {
    const { after = 0, limit = listLimitMax } = options;
    const params = { after: wireNumber(after, "after"), limit: countWithin(limit, "limit", listLimitMax) };
    const list = await this.#client.admin("tenant.list", params, options);
    if (!Array.isArray(list)) throw new KimberliteError("frameInvalid", "a list of tenants was expected");
    return list.map(parseTenant);
  }

  /** All tenants, page by page. */
  async *all(options: CallOptions & { readonly pageSize?: number | undefined } = {}): AsyncGenerator<TenantInfo, void> {
    const { pageSize = listLimitMax, ...others } = options;
    let after = 0n;
    for (;;) {
      const page = await this.list({ ...others, after, limit: pageSize });
      yield* page;
      const last = page.at(-1);
      if (last === undefined || page.length < pageSize) return;
      assert(last.id > after, "a page of a list goes beyond the one before");
      after = last.id;
    }
  }

  /** Rejects with `tenantUnknown`. */
  get(name: string, options: CallOptions = {}): Promise<TenantInfo> {
    return fetchTenant(this.#client, tenantName(name), options);
  }

  /** Rejects with `tenantUnknown`, `tenantNotEmpty`. */
  async drop(name: string, options: CallOptions = {}): Promise<void> {
    await this.#client.admin("tenant.drop", { name: tenantName(name) }, options);
    this.#onDropped(name);
  }

  /** Moves it to another shard of the node while it goes on taking writes. Resolves when it is served from there. */
  async move(name: string, shard: number, options: CallOptions = {}): Promise<void> {
    await this.#client.admin("tenant.move", { name: tenantName(name), shard: wireNumber(shard, "shard") }, options);
  }

  async setQuota(name: string, quotas: Quotas, options: CallOptions = {}): Promise<void> {
    await this.#client.admin("tenant.setQuota", { name: tenantName(name), quotas }, options);
  }
}
