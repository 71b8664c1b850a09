/**
 * A database, remote or in this process: `connect` and `open` give the same object, over the same protocol, with the same promises.
 */
import { KimberliteError } from "../../runtime/types/errors.js";
import { tenantName } from "../../runtime/types/ids.js";
import type { CallOptions, Client } from "../client/client.js";
import { Tenant } from "./tenant.js";
import { TenantSession } from "./tenant-session.js";
import { Tenants } from "./tenants.js";

/** Handles of tenants that are kept, each with what was seen of its tenant. */
const handlesMax = 100_000;

export class Database {
  readonly tenants: Tenants;
  readonly #client: Client;
  readonly #onClosed: () => Promise<void>;
  readonly #handles = new Map<string, Tenant>();
  #closing: Promise<void> | undefined;

  /** @param onClosed what ends with the database: the node, when it runs in this process */
  constructor(client: Client, onClosed: () => Promise<void> = () => Promise.resolve()) {
    this.#client = client;
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
    const tenant = new Tenant(new TenantSession(this.#client, tenantName(name)));
    this.#handles.set(name, tenant);
    return tenant;
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
      await this.#client.close(graceMs);
    } finally {
      await this.#onClosed();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
