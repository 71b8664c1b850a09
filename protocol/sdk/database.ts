/**
 * A database, remote or in this process: `connect` and `open` give the same object, over the same protocol, with the same promises.
 */
import { KimberliteError } from "../../runtime/types/errors.js";
import { tenantName } from "../../runtime/types/ids.js";
import type { CallOptions, Client } from "../client/client.js";
import type { SqlTarget } from "../client/sql/sql-connection.js";
import { SqlPool } from "../client/sql/sql-pool.js";
import { type Sql, sqlOf } from "./sql.js";
import { Tenant } from "./tenant.js";
import { TenantSession } from "./tenant-session.js";
import { Tenants } from "./tenants.js";

/** Handles of tenants that are kept, each with what was seen of its tenant. */
const handlesMax = 100_000;

/** Who wants to use SQL, and where it is spoken. */
export interface SqlLogin {
  readonly connectionsMax?: number | undefined;
  target(): Promise<Omit<SqlTarget, "database">>;
}

export class Database {
  readonly tenants: Tenants;
  readonly #client: Client;
  readonly #onClosed: () => Promise<void>;
  readonly #handles = new Map<string, Tenant>();
  readonly #login: SqlLogin | null;
  readonly #pools: SqlPool[] = [];
  #closing: Promise<void> | undefined;

  /**
   * @param login who wants to use SQL, and where; null: nobody
   * @param onClosed what ends with the database: the node, when it runs in this process
   */
  constructor(client: Client, login: SqlLogin | null = null, onClosed: () => Promise<void> = () => Promise.resolve()) {
    this.#client = client;
    this.#login = login;
    this.#onClosed = onClosed;
    this.tenants = new Tenants(client, (name) => this.#handles.delete(name));
  }

  /** A tenant's handle; the same name gives the same handle, which remembers what was seen. Throws `invalidArgument`. */
  tenant(name: string): Tenant {
    const known = this.#handles.get(name);
    if (known !== undefined) return known;
    if (this.#handles.size >= handlesMax) {
      throw new KimberliteError(
        "invalidArgument",
        `one database object keeps handles of at most ${handlesMax} tenants`,
      );
    }
    const tenant = new Tenant(new TenantSession(this.#client, tenantName(name)), () => this.#sql(name));
    this.#handles.set(name, tenant);
    return tenant;
  }

  #sql(tenant: string): Sql {
    const login = this.#login;
    if (login === null) {
      throw new KimberliteError(
        "unauthenticated",
        "SQL needs a user: connect(target, { sql: { user, password } }), or open(directory, { sql: true })",
      );
    }
    const pool = new SqlPool(async () => ({ ...(await login.target()), database: tenant }), login.connectionsMax);
    this.#pools.push(pool);
    return sqlOf(pool);
  }

  /** State of the node: version, uptime, shards, data directory. */
  status(options: CallOptions = {}): Promise<unknown> {
    return this.#client.admin("node.status", {}, options);
  }

  /** Actors of the node: thread, mailbox, rates, memory, restarts. */
  top(options: CallOptions = {}): Promise<unknown> {
    return this.#client.admin("node.top", {}, options);
  }

  /** The node's configuration with the origin of each setting. */
  config(options: CallOptions = {}): Promise<unknown> {
    return this.#client.admin("node.config", {}, options);
  }

  /** Resolves when requests leave at once: what a fast producer awaits between appends to keep in step. */
  whenRoom(): Promise<void> {
    return this.#client.whenRoom();
  }

  /** Lets requests in flight be answered, at most for the grace, and closes. An embedded node is stopped with it. */
  close(graceMs = 5_000): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    try {
      await Promise.all(this.#pools.map((pool) => pool.close()));
      await this.#client.close(graceMs);
    } finally {
      await this.#onClosed();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
