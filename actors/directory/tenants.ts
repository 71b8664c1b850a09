/**
 * The tenants of the cluster: where each is, and what becomes of it. A change is first a fact of the system shard, then an act on the tenants'
 * shards; `reconcile` finishes at a start what was begun.
 */
import type { ActorContext } from "../../runtime/actor/definition.js";
import {
  encodeDirectoryCreate,
  encodeDirectoryDrop,
  encodeDirectoryMoveBegin,
  encodeDirectoryOwner,
  encodeDirectoryQuota,
  encodeTenantAdopt,
  encodeTenantControl,
  encodeTenantQuota,
} from "../../runtime/kernel/codecs/control-requests.js";
import { type DirectoryRow, directoryState, noShard } from "../../runtime/kernel/directory-rows.js";
import { commentIn, settingsIn } from "../../runtime/kernel/kept-settings.js";
import { requestKind, tenantStatus } from "../../runtime/kernel/kinds.js";
import { type Quotas, quotasDefault } from "../../runtime/kernel/tenant-row.js";
import { assert } from "../../runtime/types/assert.js";
import { hasCode, KimberliteError } from "../../runtime/types/errors.js";
import { tenantName } from "../../runtime/types/ids.js";
import { recordForms } from "../messages/relay.js";
import type { Certainty } from "./certainty.js";
import type { Route } from "./messages.js";
import { abandonMove, carryOver, type Move, release } from "./move.js";
import { firstUser, optionalCount, ownerFrom, pageLimit, quotasFrom, tenantReference } from "./params.js";
import type { ShardLink } from "./shard-link.js";
import type { TenantRows } from "./tenant-rows.js";
import { Turns } from "./turns.js";

export interface TenantsParts {
  readonly context: ActorContext;
  readonly link: ShardLink;
  readonly rows: TenantRows;
  readonly certainty: Certainty;
  /** Shards of this node, the system shard included. */
  readonly shards: number;
  /** A tenant is served elsewhere from now on. */
  announce(route: Route): void;
  /** What went on in the background has ended. */
  settled(): void;
  /** Resolves once no gateway judges by who owned a tenant before. */
  ownersHeard(): Promise<void>;
}

const systemPrincipal = "node";
/** Tenants in one answer: some 300 KB of JSON. */
const listLimitMax = 1_000;
/** The tenant that a first start makes, so that there is something to write to. */
const firstTenant = "main";

export class Tenants {
  readonly #parts: TenantsParts;
  readonly #turns: Turns;
  /** Creations under way by shard: those that run together must not all choose the shard that was emptiest before them. */
  readonly #placing: number[];
  /** Tenants that were moved since the start. */
  moves = 0;

  constructor(parts: TenantsParts) {
    this.#parts = parts;
    this.#turns = new Turns(parts.context);
    this.#placing = new Array<number>(parts.shards).fill(0);
  }

  /** Tenants with a change under way. */
  get changes(): number {
    return this.#turns.size;
  }

  /** A method `tenant.*` of the administration. Throws `notSupported` for one that there is not. */
  async call(method: string, params: Readonly<Record<string, unknown>>, principal: string): Promise<unknown> {
    switch (method) {
      case "tenant.list":
        return this.#parts.rows
          .page(optionalCount(params, "after") ?? 0, pageLimit(params, listLimitMax))
          .map((row) => this.#describe(row));
      case "tenant.get":
        return this.#get(this.find(params));
      case "tenant.create": {
        const name = tenantName(params["name"]);
        const shard = optionalCount(params, "shard");
        return this.#turns.take(name, () =>
          this.#create(name, shard, quotasFrom(params, quotasDefault), principal, params),
        );
      }
      case "tenant.drop": {
        const row = this.find(params);
        return this.#turns.take(row.name, () => this.#drop(row.tenant, principal));
      }
      case "tenant.move": {
        const row = this.find(params);
        const shard = optionalCount(params, "shard");
        if (shard === undefined) throw new KimberliteError("invalidArgument", "a move names a shard");
        return this.#turns.take(row.name, () => this.#move(row.tenant, shard, principal));
      }
      case "tenant.setOwner": {
        const row = this.find(params);
        const owner = ownerFrom(params);
        return this.#turns.take(row.name, () => this.#setOwner(row.tenant, owner, principal));
      }
      case "tenant.setQuota": {
        const row = this.find(params);
        return this.#turns.take(row.name, () => this.#setQuota(row.tenant, quotasFrom(params, row.quotas), principal));
      }
      default:
        throw new KimberliteError("notSupported", `administrative method ${method.slice(0, 64)}`);
    }
  }

  // ------------------------------------------------------------------ answers

  route(tenant: number): Route {
    const row = this.#parts.rows.get(tenant);
    if (row === undefined) return { tenant, shard: null, epoch: 0 };
    return { tenant, shard: row.shard, epoch: row.epoch };
  }

  #describe(row: DirectoryRow): Record<string, unknown> {
    return {
      id: row.tenant,
      name: row.name,
      shard: row.shard,
      epoch: row.epoch,
      state: row.state === directoryState.moving ? "moving" : "active",
      movingTo: row.targetShard === noShard ? null : row.targetShard,
      createdTime: row.createdTime,
      owner: row.owner === "" ? firstUser : row.owner,
      settings: settingsIn(row.settings).map(({ name, value }) => ({ name, value })),
      comment: commentIn(row.settings),
      quotas: { bytesMax: row.quotas.bytesMax, streamsMax: row.quotas.streamsMax },
    };
  }

  /** The tenant that parameters name, by number or name. Throws `tenantUnknown`. */
  find(params: Readonly<Record<string, unknown>>): DirectoryRow {
    const reference = tenantReference(params);
    const row = typeof reference === "string" ? this.#parts.rows.named(reference) : this.#parts.rows.get(reference);
    if (row === undefined) {
      throw new KimberliteError("tenantUnknown", `${reference}; see tenant.list`, { detail: { tenant: reference } });
    }
    return row;
  }

  #current(tenant: number): DirectoryRow {
    const row = this.#parts.rows.get(tenant);
    if (row === undefined)
      throw new KimberliteError("tenantUnknown", "it was dropped meanwhile", { detail: { tenant } });
    return row;
  }

  async #get(row: DirectoryRow): Promise<unknown> {
    const info = await this.#parts.link.tenantOn(row.shard, row.tenant);
    return {
      ...this.#describe(row),
      position: info === null ? 0 : info.nextPosition,
      streams: info?.streams ?? 0,
      storedBytes: info?.storedBytes ?? 0,
      sessions: info?.sessions ?? 0,
      groups: info?.groups ?? 0,
    };
  }

  // ------------------------------------------------------------------ start

  /** Reads the rows and makes every shard agree with them. */
  async reconcile(): Promise<void> {
    const { rows, systemPosition } = await this.#parts.link.directory();
    for (const row of rows) this.#learn(row);
    for (let shard = 0; shard < this.#parts.shards; shard++) await this.#reconcileShard(shard);
    for (const row of this.#parts.rows.values()) {
      if (row.state === directoryState.moving) {
        // The copy may be half done; carrying on is the same as beginning, since every step may be repeated.
        this.#turns
          .take(row.name, () => this.#carry(row, systemPrincipal))
          .catch((error: unknown) => {
            this.#parts.context.log.warn("a move was taken back", { tenant: row.tenant, error: String(error) });
            this.#parts.settled();
          });
      }
    }
    if (systemPosition === 0) await this.#create(firstTenant, undefined, quotasDefault, systemPrincipal);
  }

  async #reconcileShard(shard: number): Promise<void> {
    const there = new Map((await this.#parts.link.tenantsOf(shard)).map((info) => [info.tenant, info]));
    for (const row of this.#parts.rows.values()) {
      const info = there.get(row.tenant);
      if (row.shard === shard && (info === undefined || info.epoch < row.epoch))
        await this.#adopt(row, systemPrincipal);
      else if (row.shard === shard && info !== undefined && info.status === tenantStatus.fenced) {
        if (row.state !== directoryState.moving)
          await this.#control(shard, requestKind.tenantUnfence, row.tenant, row.epoch);
      }
    }
    for (const info of there.values()) {
      const row = this.#parts.rows.get(info.tenant);
      const belongs = row !== undefined && (row.shard === shard || row.targetShard === shard);
      if (belongs || info.status === tenantStatus.released) continue;
      if (info.status === tenantStatus.active)
        await this.#control(shard, requestKind.tenantFence, info.tenant, info.epoch);
      await release(this.#parts.link, shard, info.tenant, info.epoch, systemPrincipal);
    }
  }

  #learn(row: DirectoryRow): void {
    assert(row.shard < this.#parts.shards, "isolation: a tenant is placed on a shard of this node");
    this.#parts.rows.learn(row);
  }

  #control(shard: number, kind: number, tenant: number, epoch: number): Promise<unknown> {
    return this.#parts.link.command(shard, kind, systemPrincipal, (out) => encodeTenantControl(out, tenant, epoch));
  }

  #adopt(row: DirectoryRow, principal: string): Promise<unknown> {
    return this.#parts.link.command(row.shard, requestKind.tenantAdopt, principal, (out) =>
      encodeTenantAdopt(out, row.tenant, row.epoch, "fresh", row.quotas),
    );
  }

  // ------------------------------------------------------------------ changes

  /** The user shard with the fewest tenants. Shard 0 keeps to the system's own affairs. */
  #place(): number {
    const counts = [...this.#placing];
    for (const row of this.#parts.rows.values()) counts[row.shard] += 1;
    let best = Math.min(1, this.#parts.shards - 1);
    for (let shard = best; shard < counts.length; shard++) if (counts[shard] < counts[best]) best = shard;
    return best;
  }

  #checkShard(shard: number): void {
    if (shard >= 1 && shard < this.#parts.shards) return;
    throw new KimberliteError("shardUnknown", `this node has shards 1 to ${this.#parts.shards - 1}`, {
      detail: { shard },
    });
  }

  async #create(
    name: string,
    shard: number | undefined,
    quotas: Quotas,
    principal: string,
    params: Readonly<Record<string, unknown>> = {},
  ): Promise<unknown> {
    if (shard !== undefined) this.#checkShard(shard);
    const owner = await this.#ownerFor(params);
    const ifNotExists = params["ifNotExists"] === true;
    const chosen = shard ?? this.#place();
    this.#placing[chosen] += 1;
    const made = await this.#parts.certainty
      .logged(
        this.#parts.link.command(0, requestKind.directoryCreate, principal, (out) =>
          encodeDirectoryCreate(out, name, chosen, quotas, ifNotExists, owner),
        ),
      )
      .finally(() => {
        this.#placing[chosen] -= 1;
      });
    if (made.count === 0) return { ...this.#describe(this.#current(made.subject)), created: false };
    // The row as the log has it: numbers and epochs are the kernel's to hand out.
    const row = await this.#parts.certainty.carriedOut(this.#parts.link.placement(made.subject));
    assert(row !== null, "order: a placement that was committed can be read");
    this.#learn(row);
    await this.#parts.certainty.carriedOut(this.#adopt(row, principal));
    return { ...this.#describe(row), created: true };
  }

  /** While a node could not apply who owns a tenant, a new one is the first user's, unless it has to be somebody's (`mustOwn`). */
  async #ownerFor(params: Readonly<Record<string, unknown>>): Promise<string> {
    const owner = ownerFrom(params);
    if (owner === "") return owner;
    if (params["mustOwn"] === true) await this.#parts.link.expectForms(recordForms.ownersAndSettings);
    else if (!(await this.#parts.link.formsKnown(recordForms.ownersAndSettings))) return "";
    return owner;
  }

  async #drop(tenant: number, principal: string): Promise<unknown> {
    const row = this.#current(tenant);
    if (row.state === directoryState.moving)
      throw new KimberliteError("tenantMoving", "drop it once the move is through");
    await this.#parts.certainty.logged(
      this.#parts.link.command(0, requestKind.directoryDrop, principal, (out) => encodeDirectoryDrop(out, tenant)),
    );
    this.#parts.rows.forget(row);
    this.#parts.announce({ tenant, shard: null, epoch: row.epoch + 1 });
    await this.#parts.certainty.carriedOut(this.#control(row.shard, requestKind.tenantFence, tenant, row.epoch));
    this.#releaseLater(row.shard, tenant, row.epoch, principal);
    return { id: tenant, name: row.name, dropped: true };
  }

  async #move(tenant: number, shard: number, principal: string): Promise<unknown> {
    this.#checkShard(shard);
    const row = this.#current(tenant);
    if (row.shard === shard) return this.#describe(row);
    const begun = await this.#parts.certainty.logged(
      this.#parts.link.command(0, requestKind.directoryMoveBegin, principal, (out) =>
        encodeDirectoryMoveBegin(out, tenant, shard),
      ),
    );
    const moving: DirectoryRow = { ...row, state: directoryState.moving, targetShard: shard, lastEpoch: begun.first };
    this.#learn(moving);
    return this.#carry(moving, principal);
  }

  async #carry(row: DirectoryRow, principal: string): Promise<unknown> {
    const { tenant, quotas } = row;
    const move: Move = {
      tenant,
      quotas,
      principal,
      source: row.shard,
      sourceEpoch: row.epoch,
      target: row.targetShard,
      epoch: row.lastEpoch,
    };
    try {
      await carryOver(this.#parts.link, move);
    } catch (error) {
      this.#parts.context.log.warn("taking a move back", { tenant, error: String(error) });
      // Also when the move turns out to be committed: then the next start goes on from there.
      await this.#parts.certainty.carriedOut(abandonMove(this.#parts.link, move));
      this.#learn({ ...this.#current(tenant), state: directoryState.active, targetShard: noShard });
      throw error;
    }
    // Its owner and settings may have become others meanwhile.
    const moved: DirectoryRow = {
      ...this.#current(tenant),
      state: directoryState.active,
      shard: move.target,
      targetShard: noShard,
      epoch: move.epoch,
    };
    this.#learn(moved);
    this.moves += 1;
    this.#parts.announce(this.route(tenant));
    this.#releaseLater(move.source, tenant, move.sourceEpoch, principal);
    return this.#describe(moved);
  }

  /** What is left behind is removed in the background; a crash meanwhile is made good at the next start. */
  #releaseLater(shard: number, tenant: number, epoch: number, principal: string): void {
    release(this.#parts.link, shard, tenant, epoch, principal).catch((error: unknown) => {
      if (hasCode(error, "assertionFailed")) this.#parts.context.crash(error);
      this.#parts.context.log.warn("a release is put off to the next start", { shard, tenant, error: String(error) });
    });
  }

  async #setOwner(tenant: number, owner: string, principal: string): Promise<unknown> {
    this.#current(tenant);
    await this.#parts.link.expectForms(recordForms.ownersAndSettings);
    await this.#parts.certainty.logged(
      this.#parts.link.command(0, requestKind.directoryOwner, principal, (out) =>
        encodeDirectoryOwner(out, tenant, owner),
      ),
    );
    await this.learnAnew(tenant);
    await this.#parts.ownersHeard();
    return this.#describe(this.#current(tenant));
  }

  /** What is known of a tenant, as the log has it now. */
  async learnAnew(tenant: number): Promise<void> {
    const row = await this.#parts.certainty.carriedOut(this.#parts.link.placement(tenant));
    if (row !== null && this.#parts.rows.get(tenant) !== undefined) this.#learn(row);
  }

  async #setQuota(tenant: number, quotas: Quotas, principal: string): Promise<unknown> {
    const row = this.#current(tenant);
    if (row.state === directoryState.moving)
      throw new KimberliteError("tenantMoving", "set quotas once the move is through");
    await this.#parts.certainty.logged(
      this.#parts.link.command(0, requestKind.directoryQuota, principal, (out) =>
        encodeDirectoryQuota(out, tenant, quotas),
      ),
    );
    await this.#parts.certainty.carriedOut(
      this.#parts.link.command(row.shard, requestKind.tenantQuota, principal, (out) =>
        encodeTenantQuota(out, tenant, row.epoch, quotas),
      ),
    );
    this.#learn({ ...this.#current(tenant), quotas });
    return this.#describe(this.#current(tenant));
  }
}
