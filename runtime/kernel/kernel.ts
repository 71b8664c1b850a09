/**
 * The kernel: what a shard's state is and how commands change it. Two functions, without clock, disk, socket or chance:
 *
 *   decide(state, request, time, out, reply) → Decision    reads the state; writes one record, or says why not
 *   apply(state, record, tenant, position, address)        changes the state; the same on the primary, at replay and in a move
 *   settle(state)                                          ends a prepare: only then is all of it in the trees, and may be sealed
 *
 * The primary decides and then applies the bytes it has just written; everyone else only applies. Between two `settle`s what appends
 * change stands beside the trees (`working-state.ts`); behind one the state is the trees alone, so a root that is rolled back
 * takes everything with it.
 *
 * Order of the checks in `decide`, each resting on the ones before: shape of the head → tenant and its status → request key →
 * session → the command's own. Order of the changes in `apply`: tenant row → session → the command's own → commit → request key.
 */
import { isPageDamage } from "../store/page-file.js";
import type { TreeWriter } from "../store/tree.js";
import { assert } from "../types/assert.js";
import { KimberliteError, toErrorRecord } from "../types/errors.js";
import { systemTenant } from "../types/ids.js";
import { appendBytesMax, idempotencyKeysPerTenantMax, kiB } from "../types/limits.js";
import { applyAppend } from "./commands/append.js";
import { sqlCommitBytes } from "./commands/sql-commit.js";
import { applyCommand, decideCommand } from "./commands/table.js";
import { importRecords } from "./commands/tenant-import.js";
import { commandRowBytesMax, commitField, commitRowBytes, commitTablesMax, tooManyTables } from "./commit-row.js";
import { type Decision, decided } from "./decision.js";
import { Draft } from "./draft.js";
import type { HotTenant } from "./hot-rows.js";
import { isSystemCommand, isTenantCommand, requestKind, tenantStatus, tree } from "./kinds.js";
import { copyBytes, getU64, getU64OrNone, setU64 } from "./numbers.js";
import { Output } from "./output.js";
import { isZeroKey, recordOverheadBytesMax, requestKeyBytes } from "./record.js";
import { Request, writeHeadBytes } from "./request.js";
import { sessionField } from "./session-rows.js";
import { Step } from "./step.js";
import { tenantField, tenantRowBytes, writeTenantRow } from "./tenant-row.js";
import { WorkingState } from "./working-state.js";

/** A request body beyond this is refused: the largest append, or an import of records that hold one. */
export const requestBytesMax = appendBytesMax + 32 * kiB;
/** Room that a record of a request of this many bytes may need: its facts are at most 64 bytes longer than its own fields. */
export const recordRoom = (requestBytes: number): number => requestBytes + recordOverheadBytesMax + 64;

export interface KernelOptions {
  /** Only tests set it: all replicas of a cluster must agree on it for ever. */
  readonly idempotencyKeysMax?: number;
  /** Told now and then while one command takes long. */
  readonly atWork?: () => void;
  /** A row's or an index's key of more than 492 bytes (`itemBytesMaxBefore`) was applied. */
  readonly longKey?: () => void;
}

const noBytes = new Uint8Array(0);

export class Kernel {
  readonly #working: WorkingState;
  readonly #draft: Draft;
  readonly #step: Step;
  readonly #idempotencyKeysMax: number;

  /** @param state any state, only so that the scratch has its shape from the start */
  constructor(state: TreeWriter, options: KernelOptions = {}) {
    this.#working = new WorkingState(state);
    this.#draft = new Draft(state, this.#working, new Request(), new Output(noBytes), new Output(noBytes));
    this.#step = new Step(state, this.#working, options.atWork ?? (() => {}), options.longKey ?? (() => {}));
    this.#idempotencyKeysMax = options.idempotencyKeysMax ?? idempotencyKeysPerTenantMax;
    assert(this.#idempotencyKeysMax >= 1, "at least one request key is kept");
  }

  /**
   * Decides one write request. On `written`, a record stands at the output's old `at` and the reply at the reply's; on
   * `answered`, only the reply; else both outputs are as they were. O(log n) in the state; no allocation for an append that is
   * written or answered.
   *
   * @param time µs; greater than that of every record of this shard before. `decision.time` may be greater still (a tenant that
   *   moved here from a shard whose clock was ahead), and binds the next call.
   */
  decide(state: TreeWriter, request: Request, time: number, out: Output, reply: Output): Decision {
    const draft = this.#draft;
    const decision = draft.decision;
    assert(request.to <= request.bytes.length, "a request lies within its bytes");
    assert(request.principalLength <= 255, "a principal is at most 255 bytes");
    decision.outcome = 0;
    decision.afterPosition = -1;
    decision.replayed = false;
    decision.error = null;
    draft.state = state;
    draft.request = request;
    draft.out = out;
    draft.reply = reply;
    draft.hotTenant = null;
    if (request.kind === requestKind.append) this.#working.open(state);
    else this.#working.settle(state);
    const recordAt = out.at;
    const replyAt = reply.at;
    try {
      if (this.#open(draft, time)) decideCommand(draft);
    } catch (error) {
      // The only boundary: rare commands refuse by throwing our errors; anything else is a bug and stops the shard, and so does a damaged
      // page, for its state to be derived anew.
      if (!(error instanceof KimberliteError) || isPageDamage(error)) throw error;
      decision.outcome = decided.refused;
      decision.error = toErrorRecord(error);
    }
    assert(decision.outcome !== 0, "every request is decided");
    if (decision.outcome !== decided.written) {
      out.at = recordAt;
      if (decision.outcome !== decided.answered) {
        reply.at = replyAt;
        decision.afterPosition = Math.max(decision.afterPosition, draft.position - 1);
      }
    }
    return decision;
  }

  /** The common head, the tenant, the request key and the session. False when that decided the request. */
  #open(draft: Draft, time: number): boolean {
    const { request, decision } = draft;
    const { view, from, to, kind } = request;
    const length = to - from;
    draft.position = 0;
    if (length > requestBytesMax) {
      draft.refuse("batchTooLarge", `a request of ${length} bytes where ${requestBytesMax} are the limit: split it`);
      return false;
    }
    if (draft.out.room < recordRoom(length)) {
      decision.outcome = decided.full;
      return false;
    }
    if (length < writeHeadBytes) {
      draft.refuse("frameInvalid", "a write is shorter than its head");
      return false;
    }
    const tenant = getU64OrNone(view, from);
    const session = getU64OrNone(view, from + 24);
    const requestNumber = getU64OrNone(view, from + 32);
    if (tenant < 0 || session < 0 || requestNumber < 0 || (session === 0) !== (requestNumber === 0)) {
      draft.refuse("frameInvalid", "a tenant, session or request number is out of range");
      return false;
    }
    draft.tenant = tenant;
    draft.keyFrom = from + 8;
    draft.hasKey = !isZeroKey(view, from + 8);
    draft.session = session;
    draft.requestNumber = requestNumber;
    draft.bodyFrom = from + writeHeadBytes;
    draft.requestCrc = 0;
    draft.requestLength = 0;
    draft.tailBytes = 0;

    if (tenant === systemTenant ? !isSystemCommand(kind) : !isTenantCommand(kind)) {
      draft.refuse("invalidArgument", `requests of kind ${kind} do not belong to this tenant`, { kind, tenant });
      return false;
    }
    const row = this.#working.tenant(tenant);
    if (row === null) {
      draft.refuse("tenantUnknown", `tenant ${tenant} was never on this shard`, { tenant });
      return false;
    }
    if (!this.#openRow(draft, row, time)) return false;

    if (draft.hasKey || session !== 0) {
      draft.fingerprint();
      if (draft.hasKey) {
        const oldest = draft.position - this.#idempotencyKeysMax;
        const known = this.#working.positionOfKey(tenant, view, draft.keyFrom, oldest);
        if (known >= 0) {
          draft.answerStored(known, "idempotencyKeyReused");
          return false;
        }
      }
      if (session !== 0 && !this.#openSession(draft)) return false;
    }
    return true;
  }

  /** Reads the tenant's row into the draft. False when its status refuses writes. */
  #openRow(draft: Draft, row: HotTenant, time: number): boolean {
    const { status, epoch } = row;
    draft.hotTenant = row;
    draft.position = row.nextPosition;
    if (status !== tenantStatus.active) {
      const { tenant } = draft;
      if (status === tenantStatus.fenced || status === tenantStatus.importing) {
        draft.refuse("tenantMoving", `tenant ${tenant} is between two shards`, { tenant, epoch });
      } else {
        draft.refuse("routeStale", `tenant ${tenant} has left this shard`, { tenant, epoch });
      }
      return false;
    }
    draft.time = Math.max(time, row.lastTime + 1);
    draft.epoch = epoch;
    draft.nextStream = row.nextStream;
    draft.streams = row.streams;
    draft.storedBytes = row.storedBytes;
    draft.sessions = row.sessions;
    draft.quotaBytes = row.quotaBytes;
    draft.quotaStreams = row.quotaStreams;
    draft.quotaSessions = row.quotaSessions;
    draft.quotaGroups = row.quotaGroups;
    return true;
  }

  /** False when the request number is not the next one, after which it is answered or refused. */
  #openSession(draft: Draft): boolean {
    const { state, keys, tenant, session, requestNumber } = draft;
    assert(session > 0 && requestNumber > 0, "a request in a session has a number");
    if (!state.get(tree.sessions, keys.session(tenant, session))) {
      draft.refuse(
        "sessionUnknown",
        `session ${session}: open a new one and send again with the same idempotency key`,
        {
          session,
        },
      );
      return false;
    }
    const last = getU64(state.valueView, state.valueStart + sessionField.lastNumber);
    const lastPosition = getU64(state.valueView, state.valueStart + sessionField.lastPosition);
    assert(last === 0 || lastPosition < draft.position, "a session's last outcome lies before the next position");
    if (requestNumber === last) {
      draft.answerStored(lastPosition, "sessionOutOfOrder");
      return false;
    }
    if (requestNumber !== last + 1) {
      draft.refuse("sessionOutOfOrder", `number ${requestNumber} after ${last}`, { session, requestNumber, last });
      return false;
    }
    return true;
  }

  /**
   * Applies the record that lies at [from, to). Whatever does not fit the state is an assertion: the log is wrong, or we are.
   *
   * @param address log address of the byte at `from`
   */
  apply(
    state: TreeWriter,
    bytes: Uint8Array,
    view: DataView,
    from: number,
    to: number,
    tenant: number,
    position: number,
    address: number,
  ): void {
    const step = this.#step;
    step.state = state;
    step.tenant = tenant;
    step.position = position;
    step.address = address;
    const sound = step.record.open(bytes, view, from, to);
    assert(sound, "a record that is applied is well formed");
    assert(step.record.to === to, "a record that is applied ends where it should");
    const { kind } = step.record;
    if (tenant === systemTenant) {
      assert(isSystemCommand(kind), "isolation: the system tenant carries only the node's own commands");
    } else {
      assert(isTenantCommand(kind), "isolation: a tenant carries only its own commands");
    }
    if (kind === requestKind.append) this.#applyAppend(step, tenantStatus.active);
    else this.#applyOther(step, tenantStatus.active);
    if (kind === requestKind.tenantImport) importRecords(step, this.#applyImported);
  }

  /** Ends a prepare: everything that was applied stands in the trees. Before a version is sealed. */
  settle(state: TreeWriter): void {
    this.#working.settle(state);
  }

  /** The position that a tenant's next record gets; 0 for a tenant that was never here. */
  nextPosition(state: TreeWriter, tenant: number): number {
    this.#working.open(state);
    return this.#working.tenant(tenant)?.nextPosition ?? 0;
  }

  readonly #applyImported = (step: Step): void => {
    assert(step.tenant !== systemTenant, "isolation: the system tenant is never imported");
    assert(isTenantCommand(step.record.kind), "isolation: an imported record is a tenant's own command");
    if (step.record.kind === requestKind.append) this.#applyAppend(step, tenantStatus.importing);
    else this.#applyOther(step, tenantStatus.importing);
  };

  #applyAppend(step: Step, status: number): void {
    const { record, position } = step;
    const working = this.#working;
    working.open(step.state);
    if (record.session !== 0) working.past(() => this.#applySession(step));
    const tenant = working.tenant(step.tenant);
    assert(tenant !== null, "isolation: a record's tenant is on this shard");
    checkPlace(tenant, status, position, record.time);
    applyAppend(step, tenant, position - this.#idempotencyKeysMax);
  }

  #applyOther(step: Step, status: number): void {
    const { state, record, position } = step;
    const working = this.#working;
    working.settle(state);
    const tenant = working.tenant(step.tenant);
    assert(tenant !== null, "isolation: a record's tenant is on this shard");
    checkPlace(tenant, status, position, record.time);
    const known = state.update(tree.tenants, step.keys.one(step.tenant));
    assert(known, "a tenant that was found has its row");
    const { valueView: row, valueStart: at } = state;
    setU64(row, at + tenantField.nextPosition, position + 1);
    setU64(row, at + tenantField.lastTime, record.time);
    if (record.kind === requestKind.sqlCommit || record.kind === requestKind.sqlStage) {
      setU64(row, at + tenantField.storedBytes, getU64(row, at + tenantField.storedBytes) + sqlCommitBytes(step));
    }
    if (record.session !== 0) this.#applySession(step);
    step.tables = 0;
    applyCommand(step);
    this.#applyCommit(step);
    this.#applyRequestKey(step);
  }

  #applySession(step: Step): void {
    const { state, record, keys, tenant, position } = step;
    const found = state.update(tree.sessions, keys.session(tenant, record.session));
    assert(found, "isolation: a record's session is one of its tenant's");
    const row = state.valueView;
    const at = state.valueStart;
    const last = getU64(row, at + sessionField.lastNumber);
    assert(record.requestNumber === last + 1, "order: a session's request numbers follow one another");
    setU64(row, at + sessionField.lastNumber, last + 1);
    setU64(row, at + sessionField.lastPosition, position);
  }

  #applyCommit(step: Step): void {
    const { state, record, keys, tenant, position, commitRow: row, commitView: view } = step;
    setU64(view, commitField.time, record.time);
    view.setUint8(commitField.kind, record.kind);
    view.setUint8(commitField.flags, record.hasKey ? 1 : 0);
    view.setUint32(commitField.recordLength, record.to - record.from, true);
    view.setUint16(commitField.commands, 1, true);
    setU64(view, commitField.address, step.address);
    const keyTo = record.keyFrom + requestKeyBytes;
    copyBytes(record.bytes, record.view, record.keyFrom, keyTo, row, view, commitField.requestKey);
    setU64(view, commitField.subject, step.subject);
    setU64(view, commitField.first, step.first);
    view.setUint32(commitField.count, step.count, true);
    view.setUint32(commitField.requestCrc, record.requestCrc, true);
    view.setUint32(commitField.requestLength, record.requestLength, true);
    const inserted = state.insert(tree.commits, keys.two(tenant, position), row.subarray(0, writeAuthor(step)));
    assert(inserted, "order: a position is written once");
  }

  /** Remembers the record's key, and forgets the key that falls out of the window: exact, and O(log n). */
  #applyRequestKey(step: Step): void {
    const { state, record, tenant, position } = step;
    const working = this.#working;
    const evicted = position - this.#idempotencyKeysMax;
    // The command has changed the trees past the working state.
    working.open(state);
    working.claimKey(record, tenant, position, evicted);
  }
}

/** Who caused the command, and which tables it changes, behind the rest of its row. Answers the row's length. */
function writeAuthor({ record, commitRow: row, commitView: view, tables, tableNumbers }: Step): number {
  const { bytes, view: recordView, principalFrom, principalLength } = record;
  let at = commitRowBytes;
  view.setUint8(at, principalLength);
  at += 1;
  copyBytes(bytes, recordView, principalFrom, principalFrom + principalLength, row, view, at);
  at += principalLength;
  const fits = tables <= commitTablesMax;
  view.setUint8(at, fits ? tables : tooManyTables);
  at += 1;
  for (let table = 0; fits && table < tables; table++, at += 4) view.setUint32(at, tableNumbers[table] ?? 0, true);
  assert(at <= commandRowBytesMax, "a command's row fits its scratch");
  return at;
}

function checkPlace(tenant: HotTenant, status: number, position: number, time: number): void {
  assert(tenant.status === status, "isolation: a tenant takes records only in the status for it");
  assert(tenant.nextPosition === position, "order: a record is applied at its tenant's next position");
  assert(time > tenant.lastTime, "order: the time of a tenant's records grows");
}

/** The state before the first record of a shard: the system tenant's row. Called once, on an empty store. */
export function genesis(state: TreeWriter): void {
  const row = new Uint8Array(tenantRowBytes);
  writeTenantRow(row, new DataView(row.buffer), tenantStatus.active, 0);
  const key = new Uint8Array(8);
  assert(!state.get(tree.tenants, key), "a genesis finds no system tenant");
  const inserted = state.insert(tree.tenants, key, row);
  assert(inserted, "a genesis is made once");
}
