/**
 * The working state beside its trees: what every append touches is kept as objects while a prepare is decided or applied, and written
 * into the trees at its end (`settle`). An append then costs no search of a tree but one for its key, and a run of them three
 * inserts in all.
 *
 * What is kept stands for the trees, never against them:
 *   1. Before a prepare's version is sealed everything is settled, so sealed versions are the trees alone, and dropping one drops all.
 *   2. Commands other than appends work on the trees: they find everything settled, and what they change ends what was kept. The
 *      trees count their changes and roll-backs (`writes`), so that cannot be forgotten.
 *   3. The rows are a function of the log: when and how often it is settled changes no byte of them.
 */
import type { Cursor, TreeWriter } from "../store/tree.js";
import { assert } from "../types/assert.js";
import { AppendRun } from "./append-run.js";
import { CommitWalk } from "./commit-walk.js";
import { HotStream, HotTenant } from "./hot-rows.js";
import { tree } from "./kinds.js";
import type { RecordView } from "./record.js";
import { RequestKeys } from "./request-keys.js";
import { StateKeys } from "./state-keys.js";

/** Objects kept from prepare to prepare; beyond it all are dropped, and loaded again as they are needed. */
const tenantsKeptMax = 4_096;
const streamsKeptMax = 65_536;

export class WorkingState {
  readonly keys = new StateKeys();
  readonly requestKeys = new RequestKeys();
  readonly commits = new CommitWalk();
  readonly #run = new AppendRun();
  readonly #tenants = new Map<number, HotTenant>();
  #dirtyTenants: HotTenant[] = [];
  #dirtyStreams: HotStream[] = [];
  #streams = 0;
  #state: TreeWriter;
  /** The trees' count of changes when they and what is kept were last at one. */
  #writes: number;
  readonly #cursors: (Cursor | undefined)[] = [];

  constructor(state: TreeWriter) {
    this.#state = state;
    this.#writes = state.writes;
  }

  /** Looks whether what is kept still stands for the trees. Before the first call of anything else in a turn. */
  open(state: TreeWriter): void {
    if (state === this.#state && state.writes === this.#writes) return;
    assert(this.#isSettled, "snapshot: nobody changes the trees before what stands beside them is settled");
    this.#forget();
    if (state !== this.#state) this.#cursors.length = 0;
    this.#state = state;
    this.#writes = state.writes;
  }

  /** Has trees changed that nothing here stands for. */
  past(change: () => void): void {
    assert(this.#state.writes === this.#writes, "what is kept stands for the trees");
    change();
    this.#writes = this.#state.writes;
  }

  get #isSettled(): boolean {
    return this.#run.isStored && this.#dirtyTenants.length === 0 && this.#dirtyStreams.length === 0;
  }

  #forget(): void {
    this.#run.drop();
    this.#tenants.clear();
    this.#streams = 0;
    this.requestKeys.drop();
  }

  cursor(number: number): Cursor {
    const kept = this.#cursors[number];
    if (kept !== undefined) return kept;
    const made = this.#state.cursor(number);
    this.#cursors[number] = made;
    return made;
  }

  /** Null for a tenant that was never on this shard. */
  tenant(tenant: number): HotTenant | null {
    const kept = this.#tenants.get(tenant);
    if (kept !== undefined) return kept;
    const state = this.#state;
    if (!state.get(tree.tenants, this.keys.one(tenant))) return null;
    const loaded = new HotTenant(tenant, state.valueView, state.valueStart);
    this.#tenants.set(tenant, loaded);
    return loaded;
  }

  /** Null for a stream that the tenant does not have. */
  stream(tenant: HotTenant, stream: number): HotStream | null {
    const kept = tenant.streamsById.get(stream);
    if (kept !== undefined) return kept;
    const state = this.#state;
    if (!state.get(tree.streams, this.keys.two(tenant.tenant, stream))) return null;
    const loaded = new HotStream(tenant.tenant, stream, state.valueView, state.valueStart);
    tenant.streamsById.set(stream, loaded);
    this.#streams += 1;
    return loaded;
  }

  /** The position of a request key's command, or -1. @param oldest positions below it are forgotten */
  positionOfKey(tenant: number, view: DataView, keyAt: number, oldest: number): number {
    const running = this.#run.positionOf(tenant, view, keyAt);
    if (running >= 0) return running >= oldest ? running : -1;
    if (this.requestKeys.isFree(tenant, view, keyAt)) return -1;
    // What is noted of free keys is noted of the tree: the run's keys have to be in it.
    this.#storeRun();
    return this.requestKeys.find(this.cursor(tree.requestKeys), tenant, view, keyAt, oldest);
  }

  /**
   * Applies an append to the tenant's and the stream's objects and the run.
   *
   * @param oldest positions below it are forgotten before this one is written
   */
  append(
    record: RecordView,
    tenant: HotTenant,
    stream: HotStream,
    address: number,
    count: number,
    length: number,
    oldest: number,
  ): void {
    const { nextPosition: position } = tenant;
    const { nextOffset: first, bytes: bytesBefore } = stream;
    const run = this.#run;
    const isContinued = run.isContinuedBy(record, tenant.tenant, stream.stream, position, address);
    if (!isContinued) this.#storeRun();
    if (record.hasKey) {
      this.requestKeys.claim(
        this.#state,
        this.cursor(tree.requestKeys),
        tenant.tenant,
        record.view,
        record.keyFrom,
        oldest,
      );
    }
    if (isContinued) run.add(record, count);
    else run.begin(record, tenant.tenant, position, address, stream.stream, first, count, bytesBefore);
    tenant.nextPosition = position + 1;
    tenant.lastTime = record.time;
    tenant.storedBytes += length;
    stream.nextOffset = first + count;
    stream.bytes = bytesBefore + length;
    if (!tenant.isDirty) {
      tenant.isDirty = true;
      this.#dirtyTenants.push(tenant);
    }
    if (!stream.isDirty) {
      stream.isDirty = true;
      this.#dirtyStreams.push(stream);
    }
    if (oldest >= 0) this.#leaveWindow(tenant, oldest);
    this.#writes = this.#state.writes;
  }

  #storeRun(): void {
    this.#run.store(this.#state, this.keys, this.requestKeys);
    this.#writes = this.#state.writes;
  }

  /** A position has left the window of request keys. With the last one of its row the row's keys go. */
  #leaveWindow(tenant: HotTenant, position: number): void {
    const run = this.#run;
    // Of the run under way the last is not known yet; and it is newer than this one.
    if (position < tenant.windowRowLast || (run.tenant === tenant.tenant && position >= run.firstPosition)) return;
    if (position !== tenant.windowRowLast) {
      const { commits } = this;
      const found = commits.find(this.cursor(tree.commits), tenant.tenant, position);
      assert(found, "order: every position below the next one has its commit");
      const last = commits.rowPosition + commits.rowCommands - 1;
      while (commits.position < last) commits.next();
      tenant.windowRowLast = last;
      tenant.windowRowKey = commits.hasKey ? new DataView(commits.requestKey().buffer) : null;
      if (position < last) return;
    }
    this.#forgetKey(tenant.tenant, tenant.windowRowKey, position);
  }

  #forgetKey(tenant: number, key: DataView | null, position: number): void {
    if (key === null) return;
    this.requestKeys.forget(this.#state, this.cursor(tree.requestKeys), tenant, key, 0, position);
  }

  /** The request key of a command that is no append: remembered at once, and what falls out of the window for it forgotten. */
  claimKey(record: RecordView, tenant: number, position: number, evicted: number): void {
    const state = this.#state;
    const { view, keyFrom, hasKey } = record;
    assert(this.#isSettled, "commands other than appends work on the trees");
    if (hasKey) this.requestKeys.claim(state, this.cursor(tree.requestKeys), tenant, view, keyFrom, evicted);
    if (hasKey) this.requestKeys.put(state, tenant, view, keyFrom, position, 1);
    if (evicted >= 0) {
      const { commits } = this;
      const found = commits.find(this.cursor(tree.commits), tenant, evicted);
      assert(found, "order: every position below the next one has its commit");
      const isLast = evicted === commits.rowPosition + commits.rowCommands - 1;
      if (isLast && commits.hasKey) this.#forgetKey(tenant, new DataView(commits.requestKey().buffer), evicted);
    }
  }

  /** Writes everything that stands beside the trees into them. */
  settle(state: TreeWriter): void {
    this.open(state);
    if (this.#isSettled) return;
    this.#storeRun();
    for (const stream of this.#dirtyStreams) {
      const found = state.update(tree.streams, this.keys.two(stream.tenant, stream.stream));
      assert(found, "a stream that is written back has its row");
      stream.writeBack(state.valueView, state.valueStart);
    }
    for (const tenant of this.#dirtyTenants) {
      const found = state.update(tree.tenants, this.keys.one(tenant.tenant));
      assert(found, "a tenant that is written back has its row");
      tenant.writeBack(state.valueView, state.valueStart);
    }
    this.#dirtyStreams.length = 0;
    this.#dirtyTenants.length = 0;
    if (this.#tenants.size > tenantsKeptMax || this.#streams > streamsKeptMax) {
      this.#tenants.clear();
      this.#streams = 0;
    }
    this.#writes = state.writes;
    assert(this.#isSettled, "what is settled stands in the trees");
  }
}
