/**
 * The directory actor: which shard serves which tenant. Its truth is the log of the system shard (shard 0); what it holds in memory
 * is a copy of those rows, read when it starts. It hands out routes and steps out of the data path.
 *
 * A change is first a fact of the system shard, then an act on the tenants' shards. A crash between the two is made good at the
 * next start: `#reconcile` compares every shard with the rows and finishes what was begun.
 */
import type { Actor, ActorContext, ActorDefinition } from "../../runtime/actor/definition.js";
import type { Envelope } from "../../runtime/actor/envelope.js";
import {
  encodeDirectoryCreate,
  encodeDirectoryDrop,
  encodeDirectoryMoveBegin,
  encodeDirectoryQuota,
  encodeTenantAdopt,
  encodeTenantControl,
  encodeTenantQuota,
} from "../../runtime/kernel/codecs/control-requests.js";
import { type DirectoryRow, directoryState, noShard } from "../../runtime/kernel/directory-rows.js";
import { requestKind, tenantStatus } from "../../runtime/kernel/kinds.js";
import { type Quotas, quotasDefault } from "../../runtime/kernel/tenant-row.js";
import { assert, unreachable } from "../../runtime/types/assert.js";
import { fromErrorRecord, hasCode, KimberliteError, toErrorRecord } from "../../runtime/types/errors.js";
import { tenantName } from "../../runtime/types/ids.js";
import { decodeCall, decodeResult, encodeCall, encodeResult } from "./call.js";
import { type DirectoryMessage, type Route, rolesLeaseMs } from "./messages.js";
import { abandonMove, carryOver, type Move, release } from "./move.js";
import { optionalCount, pageLimit, quotasFrom, tenantReference } from "./params.js";
import { ShardLink } from "./shard-link.js";
import { TenantRows } from "./tenant-rows.js";
import { Users } from "./users.js";

export interface DirectoryArgs {
  /** Shards of this node, the system shard included. */
  readonly shards: number;
}

const systemPrincipal = "node";
/** Before a start is tried again because a shard does not serve yet: a moment first, since it mostly lacks a few milliseconds. */
const retryMsMin = 10;
const retryMsMax = 500;
/** Tenants in one answer: some 300 KB of JSON. */
const listLimitMax = 1_000;
/** The tenant that a first start makes, so that there is something to write to. */
const firstTenant = "main";

class Directory implements Actor<DirectoryMessage> {
  readonly #context: ActorContext;
  readonly #args: DirectoryArgs;
  readonly #link: ShardLink;
  readonly #rows = new TenantRows();
  readonly #users: Users;
  /** Changes of one tenant, one after the other. */
  readonly #changes = new Map<string, Promise<unknown>>();
  readonly #awaiting: Envelope[] = [];
  /** Creations under way by shard: those that run together must not all choose the shard that was emptiest before them. */
  readonly #placing: number[];
  /** Whoever waits until what gateways have read of roles has run out, in the order of time. */
  readonly #runningOut: (() => void)[] = [];
  #isReady = false;
  /** The system shard leads on this node. */
  #leads = false;
  #isBeginning = false;
  #retryMs = retryMsMin;
  #moves = 0;
  /** Why the rows in memory, or the shards, may not be what the log says. Only a start, which reads the log, makes sure. */
  #uncertain: unknown = null;

  constructor(context: ActorContext, args: DirectoryArgs) {
    this.#context = context;
    this.#args = args;
    this.#placing = new Array<number>(args.shards).fill(0);
    this.#link = new ShardLink(context);
    this.#users = new Users({
      link: this.#link,
      logged: (step) => this.#logged(step),
      tenantNumber: (name) => this.#find({ name }).tenant,
      tenantName: (tenant) => this.#rows.get(tenant)?.name ?? null,
      shards: args.shards,
      heard: (how) => this.#rolesHeard(how),
    });
    context.after(0, { kind: "begin" });
  }

  receive(message: DirectoryMessage, envelope: Envelope): void {
    switch (message.kind) {
      case "route":
        if (!this.#isReady) {
          this.#context.fail(envelope, new KimberliteError("shardUnavailable", "the directory is starting"));
        } else if (this.#leads) {
          this.#context.reply(envelope, this.#route(message.tenant));
        } else {
          this.#answer(envelope, this.#lookUp(message.tenant));
        }
        return;
      case "user":
        this.#answer(envelope, this.#link.user(message.name));
        return;
      case "roles":
        this.#answer(envelope, this.#users.known());
        return;
      case "tenantNamed":
        this.#answer(envelope, this.#tenantNamed(message.name));
        return;
      case "admin": {
        const { method, params, principal } = message;
        const work = this.#leads ? this.#admin(method, params, principal) : this.#askLeader(method, params, principal);
        this.#answer(envelope, work);
        return;
      }
      case "adminRelayed":
        this.#answer(envelope, this.#administer(message.call));
        return;
      case "systemShard":
        this.#systemShard(message.leads);
        return;
      case "awaitReady":
        if (this.#isReady) this.#context.reply(envelope, true);
        else this.#awaiting.push(envelope);
        return;
      case "begin":
        this.#begin();
        return;
      case "rolesRunOut":
        this.#runningOut.shift()?.();
        return;
      default:
        unreachable(message);
    }
  }

  #answer(envelope: Envelope, work: Promise<unknown>): void {
    // What ended without asking anyone goes on in a microtask of its own, outside any turn: come back in as one.
    work.then(
      (value) => this.#context.enter(() => this.#context.reply(envelope, value)),
      (error: unknown) =>
        this.#context.enter(() => {
          this.#context.fail(envelope, error);
          this.#crashIfUncertain();
        }),
    );
  }

  /** The asker has its answer; what was begun is finished by the next incarnation (`#reconcile`). */
  #crashIfUncertain(): void {
    if (this.#uncertain !== null) this.#context.crash(this.#uncertain);
  }

  /** The step that makes a change a fact. When nobody knows whether it is one, the rows in memory cannot be trusted. */
  async #logged<Result>(step: Promise<Result>): Promise<Result> {
    try {
      return await step;
    } catch (error) {
      if (!(error instanceof KimberliteError) || error.outcome !== "notCommitted") this.#uncertain ??= error;
      throw error;
    }
  }

  /** The steps after it. What is a fact is not taken back by a shard that does not answer: it is carried out at the next start. */
  async #carriedOut<Result>(steps: Promise<Result>): Promise<Result> {
    try {
      return await steps;
    } catch (error) {
      this.#uncertain ??= error;
      throw new KimberliteError("shardUnavailable", "the change is logged and will be carried out in a moment", {
        outcome: "committed",
        cause: error,
      });
    }
  }

  // ------------------------------------------------------------------ several nodes

  /** Where the system shard leads, its directory holds the rows and changes them; elsewhere it looks up and hands on. */
  #systemShard(leads: boolean): void {
    if (leads === this.#leads) return;
    this.#leads = leads;
    this.#rows.forgetAll();
    if (!leads) return;
    this.#isReady = false;
    this.#begin();
  }

  async #lookUp(tenant: number): Promise<Route> {
    const row = await this.#link.placement(tenant);
    return row === null ? { tenant, shard: null, epoch: 0 } : { tenant, shard: row.shard, epoch: row.epoch };
  }

  async #tenantNamed(name: string): Promise<number | null> {
    const known = this.#leads && this.#isReady ? this.#rows.named(name) : await this.#link.tenantNamed(name);
    return known?.tenant ?? null;
  }

  async #askLeader(method: string, params: Readonly<Record<string, unknown>>, principal: string): Promise<unknown> {
    const result = decodeResult(await this.#link.askLeader(encodeCall({ method, params, principal })));
    if (!result.ok) throw fromErrorRecord(result.error);
    return result.value;
  }

  async #administer(call: Uint8Array): Promise<Uint8Array> {
    const { method, params, principal } = decodeCall(call);
    if (!this.#leads) throw new KimberliteError("shardUnavailable", "the system shard does not lead here any more");
    try {
      return encodeResult({ ok: true, value: await this.#admin(method, params, principal) });
    } catch (error) {
      return encodeResult({ ok: false, error: toErrorRecord(error) });
    }
  }

  // ------------------------------------------------------------------ start

  #begin(): void {
    if (this.#isBeginning) return;
    this.#isBeginning = true;
    const ready =
      this.#context.neighbours().includes("projection-0.0") && this.#context.neighbours().includes("shard-0");
    const work = ready ? this.#prepare() : Promise.reject(new KimberliteError("shardUnavailable"));
    work.then(
      (asLeader) => this.#context.enter(() => this.#began(asLeader)),
      (error: unknown) => this.#context.enter(() => this.#beginAgain(error)),
    );
  }

  #began(asLeader: boolean): void {
    this.#isBeginning = false;
    // The system shard began to lead, or to follow, in the middle of it.
    if (asLeader !== this.#leads) {
      this.#begin();
      return;
    }
    this.#isReady = true;
    this.#retryMs = retryMsMin;
    this.#uncertain = null;
    for (const envelope of this.#awaiting) this.#context.reply(envelope, true);
    this.#awaiting.length = 0;
  }

  /** A shard that is being restarted comes back; anything else would fail the same way again and is for the supervisor. */
  #beginAgain(error: unknown): void {
    this.#isBeginning = false;
    if (!(error instanceof KimberliteError && error.retry === "later")) {
      this.#context.crash(error);
      return;
    }
    this.#context.after(this.#retryMs, { kind: "begin" });
    this.#retryMs = Math.min(2 * this.#retryMs, retryMsMax);
  }

  /** True when it was prepared as the one that changes things. */
  async #prepare(): Promise<boolean> {
    for (let shard = 0; shard < this.#args.shards; shard++) await this.#link.ready(shard);
    const asLeader = this.#leads;
    if (asLeader) await this.#reconcile();
    return asLeader;
  }

  /** Reads the rows and makes every shard agree with them. */
  async #reconcile(): Promise<void> {
    const { rows, systemPosition } = await this.#link.directory();
    for (const row of rows) this.#learn(row);
    for (let shard = 0; shard < this.#args.shards; shard++) await this.#reconcileShard(shard);
    for (const row of this.#rows.values()) {
      if (row.state === directoryState.moving) {
        // The copy may be half done; carrying on is the same as beginning, since every step may be repeated.
        this.#serially(row.name, () => this.#carry(row, systemPrincipal)).catch((error: unknown) => {
          this.#context.log.warn("a move was taken back", { tenant: row.tenant, error: String(error) });
          this.#crashIfUncertain();
        });
      }
    }
    if (systemPosition === 0) await this.#create(firstTenant, undefined, quotasDefault, systemPrincipal);
  }

  async #reconcileShard(shard: number): Promise<void> {
    const there = new Map((await this.#link.tenantsOf(shard)).map((info) => [info.tenant, info]));
    for (const row of this.#rows.values()) {
      const info = there.get(row.tenant);
      if (row.shard === shard && (info === undefined || info.epoch < row.epoch))
        await this.#adopt(row, systemPrincipal);
      else if (row.shard === shard && info !== undefined && info.status === tenantStatus.fenced) {
        if (row.state !== directoryState.moving)
          await this.#control(shard, requestKind.tenantUnfence, row.tenant, row.epoch);
      }
    }
    for (const info of there.values()) {
      const row = this.#rows.get(info.tenant);
      const belongs = row !== undefined && (row.shard === shard || row.targetShard === shard);
      if (belongs || info.status === tenantStatus.released) continue;
      if (info.status === tenantStatus.active)
        await this.#control(shard, requestKind.tenantFence, info.tenant, info.epoch);
      await release(this.#link, shard, info.tenant, info.epoch, systemPrincipal);
    }
  }

  #learn(row: DirectoryRow): void {
    assert(row.shard < this.#args.shards, "isolation: a tenant is placed on a shard of this node");
    this.#rows.learn(row);
  }

  #control(shard: number, kind: number, tenant: number, epoch: number): Promise<unknown> {
    return this.#link.command(shard, kind, systemPrincipal, (out) => encodeTenantControl(out, tenant, epoch));
  }

  #adopt(row: DirectoryRow, principal: string): Promise<unknown> {
    return this.#link.command(row.shard, requestKind.tenantAdopt, principal, (out) =>
      encodeTenantAdopt(out, row.tenant, row.epoch, "fresh", row.quotas),
    );
  }

  // ------------------------------------------------------------------ answers

  #route(tenant: number): Route {
    const row = this.#rows.get(tenant);
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
      quotas: { bytesMax: row.quotas.bytesMax, streamsMax: row.quotas.streamsMax },
    };
  }

  async #admin(method: string, params: Readonly<Record<string, unknown>>, principal: string): Promise<unknown> {
    if (!this.#isReady)
      throw new KimberliteError("shardUnavailable", "the directory is starting; try again in a moment");
    if (method.startsWith("user.")) return this.#users.call(method, params, principal);
    switch (method) {
      case "tenant.list":
        return this.#rows
          .page(optionalCount(params, "after") ?? 0, pageLimit(params, listLimitMax))
          .map((row) => this.#describe(row));
      case "tenant.get":
        return this.#get(this.#find(params));
      case "tenant.create": {
        const name = tenantName(params["name"]);
        const shard = optionalCount(params, "shard");
        return this.#serially(name, () =>
          this.#create(name, shard, quotasFrom(params, quotasDefault), principal, params),
        );
      }
      case "tenant.drop": {
        const row = this.#find(params);
        return this.#serially(row.name, () => this.#drop(row.tenant, principal));
      }
      case "tenant.move": {
        const row = this.#find(params);
        const shard = optionalCount(params, "shard");
        if (shard === undefined) throw new KimberliteError("invalidArgument", "a move names a shard");
        return this.#serially(row.name, () => this.#move(row.tenant, shard, principal));
      }
      case "tenant.setQuota": {
        const row = this.#find(params);
        return this.#serially(row.name, () => this.#setQuota(row.tenant, quotasFrom(params, row.quotas), principal));
      }
      default:
        throw new KimberliteError("notSupported", `administrative method ${method.slice(0, 64)}`);
    }
  }

  #find(params: Readonly<Record<string, unknown>>): DirectoryRow {
    const reference = tenantReference(params);
    const row = typeof reference === "string" ? this.#rows.named(reference) : this.#rows.get(reference);
    if (row === undefined) {
      throw new KimberliteError("tenantUnknown", `${reference}; see tenant.list`, { detail: { tenant: reference } });
    }
    return row;
  }

  #current(tenant: number): DirectoryRow {
    const row = this.#rows.get(tenant);
    if (row === undefined)
      throw new KimberliteError("tenantUnknown", "it was dropped meanwhile", { detail: { tenant } });
    return row;
  }

  async #get(row: DirectoryRow): Promise<unknown> {
    const info = await this.#link.tenantOn(row.shard, row.tenant);
    return {
      ...this.#describe(row),
      position: info === null ? 0 : info.nextPosition,
      streams: info?.streams ?? 0,
      storedBytes: info?.storedBytes ?? 0,
      sessions: info?.sessions ?? 0,
      groups: info?.groups ?? 0,
    };
  }

  // ------------------------------------------------------------------ changes

  /** Changes of one tenant wait for one another; a failed one does not stop the next. */
  #serially<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    const before = this.#changes.get(name) ?? Promise.resolve();
    // What waited goes on in a microtask, outside any turn: it begins as one.
    const begin = (): Promise<Result> =>
      new Promise((resolve, reject) => {
        this.#context.enter(() => {
          work().then(resolve, reject);
        });
      });
    const mine = before.then(begin, begin);
    const settled = mine.then(
      () => undefined,
      () => undefined,
    );
    this.#changes.set(name, settled);
    void settled.then(() => {
      if (this.#changes.get(name) === settled) this.#changes.delete(name);
    });
    return mine;
  }

  /** The user shard with the fewest tenants. Shard 0 keeps to the system's own affairs. */
  #place(): number {
    const counts = [...this.#placing];
    for (const row of this.#rows.values()) counts[row.shard] += 1;
    let best = Math.min(1, this.#args.shards - 1);
    for (let shard = best; shard < counts.length; shard++) if (counts[shard] < counts[best]) best = shard;
    return best;
  }

  #checkShard(shard: number): void {
    if (shard >= 1 && shard < this.#args.shards) return;
    throw new KimberliteError("shardUnknown", `this node has shards 1 to ${this.#args.shards - 1}`, {
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
    const ifNotExists = params["ifNotExists"] === true;
    const chosen = shard ?? this.#place();
    this.#placing[chosen] += 1;
    const made = await this.#logged(
      this.#link.command(0, requestKind.directoryCreate, principal, (out) =>
        encodeDirectoryCreate(out, name, chosen, quotas, ifNotExists),
      ),
    ).finally(() => {
      this.#placing[chosen] -= 1;
    });
    if (made.count === 0) return { ...this.#describe(this.#current(made.subject)), created: false };
    // The row as the log has it: numbers and epochs are the kernel's to hand out.
    const row = await this.#carriedOut(this.#link.placement(made.subject));
    assert(row !== null, "order: a placement that was committed can be read");
    this.#learn(row);
    await this.#carriedOut(this.#adopt(row, principal));
    return { ...this.#describe(row), created: true };
  }

  async #drop(tenant: number, principal: string): Promise<unknown> {
    const row = this.#current(tenant);
    if (row.state === directoryState.moving)
      throw new KimberliteError("tenantMoving", "drop it once the move is through");
    await this.#logged(
      this.#link.command(0, requestKind.directoryDrop, principal, (out) => encodeDirectoryDrop(out, tenant)),
    );
    this.#rows.forget(row);
    this.#announce({ tenant, shard: null, epoch: row.epoch + 1 });
    await this.#carriedOut(this.#control(row.shard, requestKind.tenantFence, tenant, row.epoch));
    this.#releaseLater(row.shard, tenant, row.epoch, principal);
    return { id: tenant, name: row.name, dropped: true };
  }

  async #move(tenant: number, shard: number, principal: string): Promise<unknown> {
    this.#checkShard(shard);
    const row = this.#current(tenant);
    if (row.shard === shard) return this.#describe(row);
    const begun = await this.#logged(
      this.#link.command(0, requestKind.directoryMoveBegin, principal, (out) =>
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
      await carryOver(this.#link, move);
    } catch (error) {
      this.#context.log.warn("taking a move back", { tenant, error: String(error) });
      // Also when the move turns out to be committed: then the next start goes on from there.
      await this.#carriedOut(abandonMove(this.#link, move));
      this.#learn({ ...row, state: directoryState.active, targetShard: noShard });
      throw error;
    }
    const moved: DirectoryRow = {
      ...row,
      state: directoryState.active,
      shard: move.target,
      targetShard: noShard,
      epoch: move.epoch,
    };
    this.#learn(moved);
    this.#moves += 1;
    this.#announce(this.#route(tenant));
    this.#releaseLater(move.source, tenant, move.sourceEpoch, principal);
    return this.#describe(moved);
  }

  /** What is left behind is removed in the background; a crash meanwhile is made good at the next start. */
  #releaseLater(shard: number, tenant: number, epoch: number, principal: string): void {
    release(this.#link, shard, tenant, epoch, principal).catch((error: unknown) => {
      if (hasCode(error, "assertionFailed")) this.#context.crash(error);
      this.#context.log.warn("a release is put off to the next start", { shard, tenant, error: String(error) });
    });
  }

  async #setQuota(tenant: number, quotas: Quotas, principal: string): Promise<unknown> {
    const row = this.#current(tenant);
    if (row.state === directoryState.moving)
      throw new KimberliteError("tenantMoving", "set quotas once the move is through");
    await this.#logged(
      this.#link.command(0, requestKind.directoryQuota, principal, (out) => encodeDirectoryQuota(out, tenant, quotas)),
    );
    await this.#carriedOut(
      this.#link.command(row.shard, requestKind.tenantQuota, principal, (out) =>
        encodeTenantQuota(out, tenant, row.epoch, quotas),
      ),
    );
    this.#learn({ ...row, quotas });
    return this.#describe(this.#current(tenant));
  }

  #announce(route: Route): void {
    for (const neighbour of this.#context.neighbours()) {
      if (!neighbour.startsWith("gateway-") && !neighbour.startsWith("postgres-")) continue;
      const port = this.#context.port(neighbour);
      if (port !== null) this.#context.tell(port, { kind: "routeChanged", route });
    }
  }

  /**
   * Tells this node's gateways that roles are others now. What those of other nodes have read, and one that does not answer, runs out by
   * itself: that is waited for.
   */
  async #rolesHeard(how: "awaited" | "told"): Promise<void> {
    const told = this.#context
      .neighbours()
      .filter((neighbour) => neighbour.startsWith("postgres-"))
      .map((neighbour) => this.#tellRolesChanged(neighbour));
    if (how === "told") return;
    const over = this.#rolesRunOut();
    const nodes = await this.#link.nodes().catch(() => Number.POSITIVE_INFINITY);
    await (nodes > 1 ? over : Promise.race([Promise.all(told), over]));
  }

  #rolesRunOut(): Promise<void> {
    return new Promise((resolve) => {
      this.#context.enter(() => {
        this.#runningOut.push(resolve);
        this.#context.after(rolesLeaseMs, { kind: "rolesRunOut" });
      });
    });
  }

  /** Resolves once the gateway has said that it heard, or can have read nothing of before. */
  #tellRolesChanged(neighbour: string): Promise<void> {
    return new Promise((resolve) => {
      this.#context.enter(() => {
        const port = this.#context.port(neighbour);
        if (port === null) return;
        this.#context.request(port, { kind: "rolesChanged" }, { deadlineMs: 2 * rolesLeaseMs }, () => resolve());
      });
    });
  }

  inspect(): Record<string, string | number> {
    return { tenants: this.#rows.size, ready: this.#isReady ? 1 : 0, moves: this.#moves, changes: this.#changes.size };
  }
}

export const directoryDefinition: ActorDefinition<DirectoryArgs, DirectoryMessage> = {
  kind: "directory",
  mailbox: { countMax: 10_000, bytesMax: 64 * 1024 * 1024, overflow: "reject" },
  create: (context, args) => new Directory(context, args),
};
