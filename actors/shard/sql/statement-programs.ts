/**
 * Writes that have a program of their own (runtime/query/write/program/): one that stands alone puts its facts straight into the record
 * that is made, one of an open transaction writes into the transaction's overlay. Programs hang on the plans that they were made of.
 */
import { putFact, removeFact } from "../../../runtime/kernel/sql-facts.js";
import { type BoundModification, isBoundModification } from "../../../runtime/query/bind/bound.js";
import type { ObjectCatalog } from "../../../runtime/query/catalog/over-trees.js";
import { SqlError } from "../../../runtime/query/error.js";
import { mayTouchRows } from "../../../runtime/query/plan/walk.js";
import { KeyTooLong } from "../../../runtime/query/table/key-codec.js";
import type { Datum } from "../../../runtime/query/types/datum.js";
import type { TextContext } from "../../../runtime/query/types/text-context.js";
import type { ProgramRun, WriteProgram } from "../../../runtime/query/write/program/program.js";
import { writeProgramOf } from "../../../runtime/query/write/program/write-program.js";
import { itemAt, tableSpace, tableTree } from "../../../runtime/store/table-trees.js";
import { AssertionFailed, assert } from "../../../runtime/types/assert.js";
import type { SqlReply, SqlRequest } from "../../messages/sql.js";
import type { DecodedSqlRequest } from "../../messages/sql-codec.js";
import { isAsOf } from "../../sql/as-of.js";
import { DataRows } from "../../sql/data-rows.js";
import { statementError } from "../../sql/engine.js";
import { Evaluation, noEffects } from "../../sql/evaluation.js";
import { readParameters } from "../../sql/parameters.js";
import type { PlannedStatement } from "../../sql/plan-cache.js";
import type { QueuedRequest } from "../request-queue.js";
import type { CommitMaker } from "./commit-maker.js";
import type { Deciding } from "./deciding.js";
import { DrawnNumbers } from "./drawn-numbers.js";
import { expectTaken } from "./facts-limits.js";
import { beginFacts, endFacts, factsHeadBytes } from "./facts-of.js";
import { LoadedBlock, loadedValues } from "./loaded-values.js";
import { answer, failed, type SqlOutcome } from "./outcome.js";
import { soleReply } from "./result-replies.js";
import { RowLoad } from "./row-load.js";
import type { Session } from "./session.js";
import { StatementLocks } from "./statement-locks.js";
import { modificationTag, type StatementParts, type StatementResult, StatementRun } from "./statement-run.js";
import { tableLockName, writing } from "./table-locks.js";

export class StatementPrograms {
  readonly #deciding: Deciding;
  readonly #commits: CommitMaker;
  readonly #programs = new WeakMap<PlannedStatement, WriteProgram | null>();
  /** Statements that were done by a program of their own. */
  singleRows = 0;
  /** Statements of transactions, and those of several rows, that were done by programs. */
  programRuns = 0;

  constructor(deciding: Deciding, commits: CommitMaker) {
    this.#deciding = deciding;
    this.#commits = commits;
  }

  #programOf(planned: PlannedStatement, catalog: ObjectCatalog): WriteProgram | null {
    const { body } = planned.bound;
    if (!isBoundModification(body)) return null;
    let program = this.#programs.get(planned);
    if (program === undefined) {
      program = writeProgramOf(body, catalog);
      this.#programs.set(planned, program);
    }
    return program;
  }

  /**
   * A statement that stands alone, writes one row and meets nobody; null when it is to be run the general way.
   *
   * @param session of the request, for whoever draws numbers
   */
  decide(
    waiting: Readonly<QueuedRequest>,
    request: DecodedSqlRequest,
    position: number,
    session: () => Session,
  ): SqlOutcome | null {
    const { kind, tenant, transaction } = request;
    if (kind !== "execute" || transaction.isOpen || transaction.isReadOnly || isAsOf(request)) return null;
    const { host, catalogs, plans, locks: lockTable } = this.#deciding;
    const { state } = host;
    const { facts } = this.#commits;
    const drawn = new DrawnNumbers(this.#deciding, tenant);
    try {
      const catalog = catalogs.current(state, tenant);
      const planned = plans.find(request, catalog.version);
      const program = planned === undefined ? null : this.#programOf(planned, catalog);
      if (planned === undefined || program === null || program.rows > 1 || program.draws === "more") return null;
      const { body } = planned.bound;
      assert(isBoundModification(body), "a program writes to a table");
      // Views that read the table change with it, and rows that do not outlive a transaction are not even written.
      if (catalog.isMaintaining(body.table.oid) || body.table.onCommit !== undefined) return null;
      const locks = new StatementLocks(lockTable, tenant, null, null);
      if (!locks.isFree(tableLockName(tenant, body.table.oid), writing)) return null;
      beginFacts(facts, tenant);
      const { context } = new Evaluation(request, {
        catalog,
        position,
        now: Math.floor(host.now() * 1_000),
        clock: () => host.now(),
        random: () => host.random(),
        effects: program.draws === "nothing" ? noEffects : drawn.effects(catalog),
        names: (searchPath, user) => host.engine.names(catalog, searchPath, user),
      });
      const returned = returnedOf(planned, request, context);
      const { itemBytes } = host.limits;
      const rows = runOf(program, {
        state,
        tenant,
        frame: { row: [], parameters: readParameters(request.parameters, planned.bound, context), context },
        load: null,
        put: (space, object, treeKey, content) => {
          expectTaken(treeKey, itemBytes);
          putFact(facts, space, object, treeKey.subarray(itemAt), content);
        },
        remove: (space, object, treeKey) => removeFact(facts, space, object, treeKey.subarray(itemAt)),
        returned: (row) => returned?.add(row),
        lock: (tree, treeKey, strength, table) => locks.lock(tree, treeKey, strength, "skip", table),
        nextRowNumber: (storage) => drawn.nextRowNumber(storage),
      });
      if (rows === null) {
        drawn.giveBack();
        return null;
      }
      this.singleRows += 1;
      const result = resultOf(body, rows, returned);
      const reply = (at: number, wrote: boolean): SqlReply => soleReply(result, planned, at, wrote);
      if (facts.length === factsHeadBytes && drawn.isEmpty) return answer(reply(position, false));
      drawn.note(facts);
      drawn.tell(session);
      endFacts(facts, rows);
      return this.#commits.ofFacts(waiting, null, {
        committed: (at) => reply(at, true),
        refused: () => {
          drawn.leave();
          return null;
        },
      });
    } catch (error) {
      drawn.leave();
      const reply = failed(statementError(error, (defect) => host.defect(defect)));
      return this.#commits.ofNumbersLeft(waiting, tenant, position, reply);
    }
  }

  /** A write into its transaction's overlay; null when it is to be run the general way. */
  run(parts: StatementParts, planned: PlannedStatement, catalog: ObjectCatalog): StatementResult | null {
    const { request, transaction, locks, reader, evaluation } = parts;
    const { overlay, isolation, snapshot } = transaction;
    const { itemBytes } = parts.limits;
    if (isolation === "serializable" || snapshot >= 0) return null;
    const program = this.#programOf(planned, catalog);
    const { body } = planned.bound;
    if (program === null || !isBoundModification(body)) return null;
    const isLoad = request.kind === "load" || program.input === "plan" || program.rows >= loadRowsMin;
    if (isLoad && !program.isLoad && (request.kind === "load" || program.input === "plan")) return null;
    locks.lockWhole(tableLockName(request.tenant, body.table.oid), writing);
    const { context } = evaluation;
    if (request.kind === "load") {
      const { block } = program;
      return this.#load(parts, (run) =>
        orElse(() =>
          block === null
            ? runForEach(program, run, loadedValues(parts, planned))
            : block(new LoadedBlock(parts, planned), run),
        ),
      );
    }
    if (program.input === "plan") return this.#loadPlan(parts, planned, program);
    const parameters = readParameters(request.parameters, planned.bound, context);
    if (isLoad && program.isLoad) {
      return this.#load(parts, (run) => runOf(program, { ...run, frame: { row: [], parameters, context } }));
    }
    const mark = overlay.mark();
    const returned = returnedOf(planned, request, context);
    let rows: number | null = null;
    try {
      rows = runOf(program, {
        state: reader,
        tenant: request.tenant,
        frame: { row: [], parameters, context },
        load: null,
        put: (space, _object, treeKey, content) => {
          expectTaken(treeKey, itemBytes);
          overlay.put(treeOfSpace(space), treeKey, content);
        },
        remove: (space, _object, treeKey) => overlay.remove(treeOfSpace(space), treeKey),
        returned: (row) => returned?.add(row),
        lock: (tree, treeKey, strength, table) => locks.lock(tree, treeKey, strength, "block", table),
        nextRowNumber: (storage) => this.#nextRowNumber(parts, storage),
      });
    } finally {
      if (rows === null) overlay.rollbackTo(mark);
    }
    if (rows === null) {
      parts.sequences.giveBack();
      return null;
    }
    this.programRuns += 1;
    return resultOf(body, rows, returned);
  }

  #nextRowNumber({ transaction, sequences, state, request }: StatementParts, storage: number): number {
    transaction.sequences.add(storage);
    return sequences.nextRowNumber(state, request.tenant, storage);
  }

  /**
   * An INSERT of what a query yields. Rows are read while others are written when the transaction has not written any before: what is read then
   * is the state, which does not change. Else all are read first.
   */
  #loadPlan(parts: StatementParts, planned: PlannedStatement, program: WriteProgram): StatementResult | null {
    const statement = new StatementRun(parts, planned.bound);
    const { body } = planned.bound;
    assert(body.kind === "insert", "rows of a plan are inserted");
    const { plan } = body;
    const isApart = !parts.transaction.overlay.hasRows && !mayTouchRows(plan);
    const rows = isApart ? statement.rowsOfState(plan) : [...statement.rowsOf(plan)];
    return this.#load(parts, (run) =>
      runForEach(
        program,
        run,
        checked(rows, () => statement.check()),
      ),
    );
  }

  /** An INSERT of many rows; null when one of them is in the way of another, or is refused: the general way knows what to say. */
  #load(parts: StatementParts, run: (into: ProgramRun) => number | null): StatementResult | null {
    const { request, transaction, locks, state, evaluation } = parts;
    const load = new RowLoad(state, request.tenant, transaction.overlay, locks, parts.limits);
    let rows: number | null = null;
    try {
      rows = run({
        state: load.reader,
        tenant: request.tenant,
        frame: { row: [], parameters: [], context: evaluation.context },
        load,
        put: onlyAdds,
        remove: onlyAdds,
        returned: onlyAdds,
        lock: onlyAdds,
        nextRowNumber: (storage) => this.#nextRowNumber(parts, storage),
      });
    } finally {
      if (rows === null) load.undo();
    }
    if (rows === null) {
      parts.sequences.giveBack();
      return null;
    }
    this.programRuns += 1;
    const tag = `INSERT 0 ${rows}`;
    return { rows: null, count: rows, tag: () => tag };
  }
}

const onlyAdds = (): never => {
  throw new AssertionFailed("a load adds rows, and tells of none");
};

/** Where the rows of RETURNING go; null without one. */
function returnedOf({ bound, columns }: PlannedStatement, request: SqlRequest, context: TextContext): DataRows | null {
  if (!isBoundModification(bound.body) || bound.body.returning === null) return null;
  assert(columns !== null, "RETURNING has columns");
  return new DataRows(
    columns.map(({ type }) => ({ oid: type })),
    request.resultFormats,
    context,
  );
}

function resultOf({ kind }: BoundModification, count: number, rows: DataRows | null): StatementResult {
  const tag = modificationTag(kind, count);
  return { rows, count, tag: () => tag };
}

/** Null for a row that is refused: the general way knows which, and what to say of it. */
function orElse(run: () => number | null): number | null {
  try {
    return run();
  } catch (error) {
    if (error instanceof SqlError) return null;
    throw error;
  }
}

/** Runs a program; null, as for whatever has to be done the general way, for a key that is too long: that way knows whose it is. */
function runOf(program: WriteProgram, run: ProgramRun): number | null {
  try {
    return program.run(run);
  } catch (error) {
    if (error instanceof KeyTooLong) return null;
    throw error;
  }
}

/** Runs a program of one row for each row of values; null when one of them has to be done the general way. */
function runForEach(program: WriteProgram, run: ProgramRun, rows: Iterable<readonly Datum[]>): number | null {
  let count = 0;
  for (const parameters of rows) {
    run.frame.parameters = parameters;
    const written = runOf(program, run);
    if (written === null) return null;
    count += written;
  }
  return count;
}

/** The rows, with a look now and then at whether the statement is to end. */
function* checked(rows: Iterable<readonly Datum[]>, check: () => void): Iterable<readonly Datum[]> {
  let count = 0;
  for (const row of rows) {
    count += 1;
    if (count % checkRows === 0) check();
    yield row;
  }
}

const checkRows = 1_024;
/** From here on an INSERT is a load. */
const loadRowsMin = 8;

const treeOfSpace = (space: number): number => (space === tableSpace.rows ? tableTree.rows : tableTree.index);
