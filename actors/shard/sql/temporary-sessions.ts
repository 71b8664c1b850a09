/**
 * Whose temporary tables are kept, and which have been left: by sessions that ended while somebody changed what they had, whose node or gateway
 * is gone, or who were of another leader's time. Nobody ends those, so the shard does it itself.
 *
 *   called in ──(its link or gateway ends)──▶ silent ──(nothing heard for `silentMs`)──▶ left ──▶ cleared away
 *       ▲                                        │
 *       └──────────(called in again)─────────────┘
 *
 * A link that was broken for a moment is no end of anybody: gateways name the sessions that have such tables as soon as they hear of a leader
 * again. One that is cut off for longer loses them, and ends as soon as it is heard of (temporary-loss.ts).
 *
 * A shard that begins to decide has heard of nobody. Once all had that time to call in, it searches its tenants for schemas of those who have not.
 */
import type { Port } from "../../../runtime/actor/definition.js";
import { tenantStatus } from "../../../runtime/kernel/kinds.js";
import type { StateReads } from "../../../runtime/kernel/read/state-reads.js";
import { CatalogCache } from "../../../runtime/query/catalog/over-trees.js";
import {
  sessionOfTemporary,
  temporarySchemaSetting,
  temporarySchemas,
} from "../../../runtime/query/catalog/temporary.js";
import { assert } from "../../../runtime/types/assert.js";
import type { SqlRequest } from "../../messages/sql.js";

/** How long nothing has to be heard of a session until what it has is left. */
export const silentMs = 15_000;
/** What could not be cleared away is tried again after that. */
const againMs = 5_000;
/** Tenants that are searched in one go. */
const searchedMax = 64;

/** A session's schema. */
export interface TemporarySchema {
  readonly tenant: number;
  readonly schema: string;
}

interface Speaker extends TemporarySchema {
  /** Where the session was heard of last; null: nobody knows. */
  port: Port | null;
}

interface Left extends TemporarySchema {
  /** When it is to be cleared away next, on the shard's clock. ms */
  dueAt: number;
}

/** What records of the node's own are made as. */
const nodePrincipal = "node";

const nameOf = (tenant: number, schema: string): string => `${tenant} ${schema}`;

export class TemporarySessions {
  readonly #reads: StateReads;
  readonly #now: () => number;
  readonly #speakers = new Map<string, Speaker>();
  /** Those whose link or gateway has ended, and when. */
  readonly #silent = new Map<string, number>();
  readonly #left = new Map<string, Left>();
  #since: number;
  /** The tenant up to which schemas were searched; null once all were. */
  #searched: number | null = -1;

  /** @param now on the shard's clock. ms */
  constructor(reads: StateReads, now: () => number) {
    this.#reads = reads;
    this.#now = now;
    this.#since = now();
  }

  /** All has to be heard anew. */
  clear(): void {
    this.#speakers.clear();
    this.#silent.clear();
    this.#left.clear();
    this.#since = this.#now();
    this.#searched = -1;
  }

  callIn(tenant: number, schema: string, port: Port | null): void {
    const name = nameOf(tenant, schema);
    const speaker = this.#speakers.get(name);
    if (speaker === undefined) this.#speakers.set(name, { tenant, schema, port });
    else speaker.port = port;
    this.#left.delete(name);
    // What was asked over a link that is gone by now says nothing of whom it came from.
    if (port?.isOpen !== false) this.#silent.delete(name);
    else if (!this.#silent.has(name)) this.#silent.set(name, this.#now());
  }

  /** The session is over. What it has is left until it is `cleared`. */
  leave(tenant: number, schema: string): void {
    const name = nameOf(tenant, schema);
    this.#speakers.delete(name);
    this.#silent.delete(name);
    if (!this.#left.has(name)) this.#left.set(name, { tenant, schema, dueAt: 0 });
  }

  isLeft(tenant: number, schema: string): boolean {
    return this.#left.has(nameOf(tenant, schema));
  }

  /** Nothing of it is there. */
  cleared(tenant: number, schema: string): void {
    this.#left.delete(nameOf(tenant, schema));
  }

  /** Ports have closed. */
  portsClosed(): void {
    const now = this.#now();
    for (const [name, { port }] of this.#speakers)
      if (port?.isOpen === false && !this.#silent.has(name)) this.#silent.set(name, now);
  }

  /** Time alone may bring something to its end. */
  get isWaiting(): boolean {
    return this.#searched !== null || this.#silent.size > 0 || this.#left.size > 0;
  }

  /** What is to be cleared away now. What is not `cleared` comes again. */
  due(): readonly TemporarySchema[] {
    const now = this.#now();
    if (now - this.#since >= silentMs) this.#search();
    for (const [name, since] of this.#silent) {
      if (now - since < silentMs) continue;
      const speaker = this.#speakers.get(name);
      assert(speaker?.port?.isOpen === false, "who is silent has no way to be heard");
      this.leave(speaker.tenant, speaker.schema);
    }
    const due: TemporarySchema[] = [];
    for (const [name, left] of this.#left) {
      if (left.dueAt > now) continue;
      left.dueAt = now + againMs;
      const status = this.#reads.tenant(left.tenant)?.status;
      if (status === tenantStatus.active) due.push(left);
      // Another shard has it, and is to see to what it has got.
      else if (status !== tenantStatus.fenced && status !== tenantStatus.importing) this.#left.delete(name);
    }
    return due;
  }

  /** Looks through some more tenants. */
  #search(): void {
    if (this.#searched === null) return;
    const tenants = this.#reads.tenants(this.#searched, searchedMax);
    // Of its own: most of them nobody uses now.
    const catalogs = new CatalogCache();
    for (const { tenant, status } of tenants) {
      if (tenant === 0 || status !== tenantStatus.active) continue;
      for (const { name: schema } of temporarySchemas(catalogs.current(this.#reads.state, tenant)))
        if (!this.#speakers.has(nameOf(tenant, schema))) this.leave(tenant, schema);
    }
    this.#searched = tenants.length < searchedMax ? null : (tenants.at(-1)?.tenant ?? null);
  }
}

const noBytes = new Uint8Array(0);

/** What is said of a session whose schema is to be cleared away: that it is over. Its commands are recorded as the node's own. */
export function endOf({ tenant, schema }: TemporarySchema): SqlRequest {
  return {
    kind: "end",
    tenant,
    session: sessionOfTemporary(schema),
    user: nodePrincipal,
    database: "",
    text: "",
    syntax: noBytes,
    parameterTypes: [],
    parameters: [],
    resultFormats: [],
    rowsMax: 0,
    cursor: 0,
    atLeast: -1,
    isLinearizable: false,
    columns: null,
    settings: [[temporarySchemaSetting, schema]],
    roles: "",
    transaction: {
      isOpen: false,
      isolation: "readCommitted",
      isReadOnly: false,
      requests: 0,
      snapshot: -1,
      startedAt: 0,
    },
  };
}
