/**
 * The directory actor: which shard serves which tenant. Its truth is the log of the system shard (shard 0); what it holds in memory
 * is a copy of those rows, read when it starts. It hands out routes and steps out of the data path.
 *
 * A change is first a fact of the system shard, then an act on the tenants' shards. A crash between the two is made good at the
 * next start: `Tenants.reconcile` compares every shard with the rows and finishes what was begun.
 */
import type { Actor, ActorContext, ActorDefinition } from "../../runtime/actor/definition.js";
import type { Envelope } from "../../runtime/actor/envelope.js";
import { unreachable } from "../../runtime/types/assert.js";
import { fromErrorRecord, KimberliteError, toErrorRecord } from "../../runtime/types/errors.js";
import { decodeCall, decodeResult, encodeCall, encodeResult } from "./call.js";
import { Certainty } from "./certainty.js";
import { type DirectoryMessage, type KnownRoles, type KnownTenant, type Route, rolesLeaseMs } from "./messages.js";
import { ShardLink } from "./shard-link.js";
import { TenantRows } from "./tenant-rows.js";
import { Tenants } from "./tenants.js";
import { Users } from "./users.js";

export interface DirectoryArgs {
  /** Shards of this node, the system shard included. */
  readonly shards: number;
}

/** Before a start is tried again because a shard does not serve yet: a moment first, since it mostly lacks a few milliseconds. */
const retryMsMin = 10;
const retryMsMax = 500;
/** A new role is known on the other nodes that answer within this time. */
const heardSoonMs = 250;

class Directory implements Actor<DirectoryMessage> {
  readonly #context: ActorContext;
  readonly #args: DirectoryArgs;
  readonly #link: ShardLink;
  readonly #rows = new TenantRows();
  readonly #certainty = new Certainty();
  readonly #tenants: Tenants;
  readonly #users: Users;
  readonly #awaiting: Envelope[] = [];
  /** Whoever waits until what gateways have read of roles has run out, in the order of time. */
  readonly #runningOut: (() => void)[] = [];
  #isReady = false;
  /** The system shard leads on this node. */
  #leads = false;
  #isBeginning = false;
  #retryMs = retryMsMin;

  constructor(context: ActorContext, args: DirectoryArgs) {
    this.#context = context;
    this.#args = args;
    this.#link = new ShardLink(context);
    this.#tenants = new Tenants({
      context,
      link: this.#link,
      rows: this.#rows,
      certainty: this.#certainty,
      shards: args.shards,
      announce: (route) => this.#announce(route),
      settled: () => this.#crashIfUncertain(),
      ownersHeard: () => this.#rolesHeard("awaited"),
    });
    this.#users = new Users({
      link: this.#link,
      logged: (step) => this.#certainty.logged(step),
      tenantNumber: (name) => this.#tenants.find({ name }).tenant,
      tenantName: (tenant) => this.#rows.get(tenant)?.name ?? null,
      shards: args.shards,
      settingsChanged: (tenant) => this.#tenants.learnAnew(tenant),
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
          this.#context.reply(envelope, this.#tenants.route(message.tenant));
        } else {
          this.#answer(envelope, this.#lookUp(message.tenant));
        }
        return;
      case "user":
        this.#answer(envelope, this.#link.user(message.name));
        return;
      case "roles":
        this.#answer(envelope, this.#known(message.tenants));
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
      case "rolesChangedElsewhere":
        this.#answer(
          envelope,
          this.#tellGateways().then(() => new Uint8Array(0)),
        );
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

  /** The asker has its answer; what was begun is finished by the next incarnation (`Tenants.reconcile`). */
  #crashIfUncertain(): void {
    if (this.#certainty.doubt !== null) this.#context.crash(this.#certainty.doubt);
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

  async #tenantNamed(name: string): Promise<KnownTenant | null> {
    const known = this.#leads && this.#isReady ? this.#rows.named(name) : await this.#link.tenantNamed(name);
    return known === undefined || known === null ? null : { id: known.tenant, settings: known.settings };
  }

  async #known(tenants: readonly number[]): Promise<KnownRoles> {
    const [roles, ...rows] = await Promise.all([
      this.#users.known(),
      ...tenants.map((tenant) => (this.#leads ? this.#rows.get(tenant) : this.#link.placement(tenant))),
    ]);
    const owners = rows.flatMap((row) => (row === null || row === undefined ? [] : [row]));
    return { roles, owners: owners.map(({ tenant, owner }) => ({ tenant, owner })) };
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
    this.#certainty.doubt = null;
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
    if (asLeader) await this.#tenants.reconcile();
    return asLeader;
  }

  // ------------------------------------------------------------------ answers

  async #admin(method: string, params: Readonly<Record<string, unknown>>, principal: string): Promise<unknown> {
    if (!this.#isReady)
      throw new KimberliteError("shardUnavailable", "the directory is starting; try again in a moment");
    if (method.startsWith("user.")) return this.#users.call(method, params, principal);
    return this.#tenants.call(method, params, principal);
  }

  // ------------------------------------------------------------------ gateways

  #announce(route: Route): void {
    for (const neighbour of this.#context.neighbours()) {
      if (!neighbour.startsWith("gateway-") && !neighbour.startsWith("postgres-")) continue;
      const port = this.#context.port(neighbour);
      if (port !== null) this.#context.tell(port, { kind: "routeChanged", route });
    }
  }

  /**
   * Tells all gateways that roles are others now. What those have read that do not answer, or whose nodes do not, runs out by itself: that is
   * waited for where it matters; where nobody could be misjudged, only those are that answer soon, so that their next statement knows.
   */
  async #rolesHeard(how: "awaited" | "told"): Promise<void> {
    const here = this.#tellGateways();
    if (how === "told") {
      await this.#link.rolesChanged(heardSoonMs).catch(() => false);
      return;
    }
    const over = this.#rolesRunOut();
    const elsewhere = this.#link.rolesChanged(2 * rolesLeaseMs).catch(() => false);
    const heard = Promise.all([here, elsewhere]).then(([, areTold]) => areTold);
    const isHeard = await Promise.race([heard, over.then(() => true)]);
    if (!isHeard) await over;
  }

  /** Resolves once each of this node's gateways has said that it heard; never, when one does not come back. */
  async #tellGateways(): Promise<void> {
    const gateways = this.#context.neighbours().filter((neighbour) => neighbour.startsWith("postgres-"));
    await Promise.all(gateways.map((neighbour) => this.#tellRolesChanged(neighbour)));
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
    return {
      tenants: this.#rows.size,
      ready: this.#isReady ? 1 : 0,
      moves: this.#tenants.moves,
      changes: this.#tenants.changes,
    };
  }
}

export const directoryDefinition: ActorDefinition<DirectoryArgs, DirectoryMessage> = {
  kind: "directory",
  mailbox: { countMax: 10_000, bytesMax: 64 * 1024 * 1024, overflow: "reject" },
  create: (context, args) => new Directory(context, args),
};
