/**
 * Rows that a gateway reads by their keys itself, on the state that the shard has published: no thread is woken and no message sent for what
 * takes a microsecond. It sees what a projection would see, by the same plans; whatever else is asked, or stands in the way, is left to
 * the projection: null is the answer then.
 */
import { tenantStatus } from "../../../runtime/kernel/kinds.js";
import { StateReads } from "../../../runtime/kernel/read/state-reads.js";
import type { ObjectCatalog } from "../../../runtime/query/catalog/over-trees.js";
import { TreeTableSource } from "../../../runtime/query/table/tree-table-source.js";
import type { DiskFile } from "../../../runtime/storage/disk.js";
import { StoreReader } from "../../../runtime/store/reader.js";
import { assert } from "../../../runtime/types/assert.js";
import { KimberliteError } from "../../../runtime/types/errors.js";
import type { SqlRequest, SqlRows } from "../../messages/sql.js";
import { type Machine, realMachine } from "../../shard/machine.js";
import type { AttachMessage } from "../../shard/messages.js";
import { pagesPath } from "../../shard/state-files.js";
import { isAsOf } from "../../sql/as-of.js";
import { type Evaluation, unixTimeOf } from "../../sql/evaluation.js";
import type { PlannedStatement } from "../../sql/plan-cache.js";
import { isWhole, type PlansHost, StatementPlans } from "./statement-plans.js";

/** What one version of the state says of a tenant. */
interface Served {
  readonly version: number;
  readonly position: number;
  readonly catalog: ObjectCatalog;
}

/** Tenants that are remembered at once. */
const servedMax = 1_024;
/** Positions whose definitions are remembered at once, and moments whose positions are. */
const pastMax = 64;

export class PointReads {
  readonly #file: DiskFile;
  readonly #reader: StoreReader;
  readonly #reads: StateReads;
  readonly #plans: StatementPlans;
  readonly #served = new Map<number, Served>();
  /** Positions of moments that are past for good, by tenant and moment. */
  readonly #moments = new Map<string, number>();
  /** Definitions of positions, by tenant and position. */
  readonly #past = new Map<string, ObjectCatalog>();
  executed = 0;

  /** @param owner what the reader is known by to the shard */
  constructor(
    { store, directory }: AttachMessage,
    owner: number,
    host: PlansHost,
    { disk }: Pick<Machine, "disk"> = realMachine,
  ) {
    assert(owner > 0, "a reader is known by a number");
    this.#file = disk.open(pagesPath(directory), "read");
    this.#reader = StoreReader.attach(store, { file: this.#file, owner });
    this.#reads = new StateReads(this.#reader);
    this.#plans = new StatementPlans(host);
  }

  /** Throws a `SqlError` for what the statement is refused with. */
  read(request: SqlRequest): SqlRows | null {
    const { isOpen, isolation } = request.transaction;
    const isOfNow = !isOpen || isolation === "readCommitted";
    if (!isOfNow || !isWhole(request) || request.isLinearizable) return null;
    try {
      this.#reader.pin();
      return this.#read(request);
    } catch (error) {
      // A damaged page, a shard that stops: a projection knows what to do about it.
      if (error instanceof KimberliteError) return null;
      throw error;
    } finally {
      if (this.#reader.isPinned) this.#reader.unpin();
    }
  }

  #read(request: SqlRequest): SqlRows | null {
    const now = this.#servedNow(request.tenant);
    if (now === null || now.position < request.atLeast) return null;
    const isPast = isAsOf(request);
    const served = isPast ? this.#servedThen(request, now) : now;
    if (served === null) return null;
    const { catalog, position } = served;
    const evaluation = this.#plans.evaluation(request, catalog, position, this.#reader);
    const planned = this.#plans.plans.find(request, catalog.version) ?? this.#plan(request, served, evaluation);
    // A session that reads the past has its position in each plan.
    if (planned === null || (isPast && planned.point !== null)) return null;
    const positionAt = (at: number): number => this.#positionAt(request.tenant, at, now.position);
    const row = this.#plans.point(request, planned, evaluation.context, this.#reader, position, positionAt);
    if (row !== null) this.executed += 1;
    return row;
  }

  #positionAt(tenant: number, at: number, newest: number): number {
    const name = `${tenant} ${at}`;
    const known = this.#moments.get(name);
    if (known !== undefined) return known;
    const position = this.#reads.positionsUntil(tenant, unixTimeOf(at)) - 1;
    // A command stands behind the moment, so none will come before it any more.
    if (position < newest) {
      if (this.#moments.size >= pastMax) this.#moments.clear();
      this.#moments.set(name, position);
    }
    return position;
  }

  /** What a session is served whose past is a position; null for a moment, and for what is no position. */
  #servedThen({ tenant, settings }: SqlRequest, now: Served): Served | null {
    const setting = settings.find(([name]) => name.toLowerCase() === "kimberlite.as_of")?.[1] ?? "";
    const position = /^\d+$/.test(setting) ? Number(setting) : -1;
    if (position < 0 || position > now.position) return null;
    // The definitions of a position that was reached are the same for good.
    const name = `${tenant} ${position}`;
    let catalog = this.#past.get(name);
    if (catalog === undefined) {
      catalog = this.#plans.catalogs.past(this.#reader, tenant, position);
      if (this.#past.size >= pastMax) this.#past.clear();
      this.#past.set(name, catalog);
    }
    return { version: now.version, position, catalog };
  }

  #plan(request: SqlRequest, { catalog, position }: Served, evaluation: Evaluation): PlannedStatement | null {
    const statistics = new TreeTableSource(this.#reader, request.tenant, Math.max(0, position), false);
    return this.#plans.plan(request, catalog, evaluation, statistics);
  }

  /** Null for a tenant that is not served here. */
  #servedNow(tenant: number): Served | null {
    const { version } = this.#reader;
    const known = this.#served.get(tenant);
    if (known?.version === version) return known;
    const info = this.#reads.tenant(tenant);
    if (info === null || tenant === 0 || info.status !== tenantStatus.active) return null;
    const catalog = this.#plans.catalogs.current(this.#reader, tenant);
    const served = { version, position: info.nextPosition - 1, catalog };
    if (this.#served.size >= servedMax) this.#served.clear();
    this.#served.set(tenant, served);
    return served;
  }

  close(): void {
    this.#reader.close();
    this.#file.close();
  }
}
