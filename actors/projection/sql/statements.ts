/**
 * Statements that only read, up to their first row: the state that each reads, its names, its plan. What is answered at once is answered
 * here; what has rows comes out as a run, for `SqlReads` to pull.
 */
import type { StateReads } from "../../../runtime/kernel/read/state-reads.js";
import type { BoundExplain, BoundQuery, BoundStatement } from "../../../runtime/query/bind/bound.js";
import { CatalogCache, type ObjectCatalog } from "../../../runtime/query/catalog/over-trees.js";
import type { QueryEnvironment, RowStream } from "../../../runtime/query/engine.js";
import { notSupported, SqlError } from "../../../runtime/query/error.js";
import type { PointQuery } from "../../../runtime/query/execute/point.js";
import type { SpillSpace } from "../../../runtime/query/execute/spill.js";
import type { EvaluationContext } from "../../../runtime/query/functions/context.js";
import { TreeTableSource } from "../../../runtime/query/table/tree-table-source.js";
import { int64 } from "../../../runtime/query/types/bytes.js";
import { CatalogDraft } from "../../../runtime/query/write/definition/draft.js";
import type { TreeReader } from "../../../runtime/store/tree.js";
import { assert } from "../../../runtime/types/assert.js";
import type { SqlColumn, SqlReply, SqlRequest } from "../../messages/sql.js";
import { asOfPosition } from "../../sql/as-of.js";
import { AuditSource } from "../../sql/audit-source.js";
import { DataRows } from "../../sql/data-rows.js";
import type { Engine } from "../../sql/engine.js";
import { Evaluation, noEffects, type Surroundings, unixTimeOf } from "../../sql/evaluation.js";
import type { EventRecords } from "../../sql/event-scan.js";
import { readParameters } from "../../sql/parameters.js";
import { PlanCache, type PlannedStatement } from "../../sql/plan-cache.js";
import { readSequence } from "../../sql/sequence-state.js";
import { ended, noRowBytes, type Run } from "./run.js";

export interface StatementsHost {
  readonly engine: Engine;
  /** Records of the log, for events. */
  records(): EventRecords;
  /** Where statements write rows that do not fit their memory. */
  readonly spill: SpillSpace;
  /** A statement takes long, and is at work. */
  working(): void;
  /** ms since 1970. */
  now(): number;
  monotonic(): number;
  random(): number;
}

export type Begun = { readonly kind: "reply"; readonly reply: SqlReply } | { readonly kind: "run"; readonly run: Run };

/** A single step, in which nobody else is served. */
const stepMsMax = 60_000;

export class Statements {
  readonly #host: StatementsHost;
  readonly #catalogs = new CatalogCache();
  readonly #plans = new PlanCache();
  readonly #pointRows = new WeakMap<
    readonly SqlColumn[],
    { readonly formats: SqlRequest["resultFormats"]; readonly rows: DataRows }
  >();
  #stepUntil = 0;
  executed = 0;

  constructor(host: StatementsHost) {
    this.#host = host;
  }

  /** Evaluates what has to do with no statement: the session's settings, under the names of now. */
  contextOf(request: SqlRequest, reader: TreeReader, position: number): EvaluationContext {
    return new Evaluation(
      request,
      this.#around(this.#catalogs.current(reader, request.tenant), position, request.tenant, reader),
    ).context;
  }

  /** A statement is pulled from here on; it has to give others their turn before long. */
  beginStep(): void {
    this.#stepUntil = this.#host.monotonic() + stepMsMax;
  }

  /** @param newest position of the tenant's newest command */
  begin(request: SqlRequest, reader: TreeReader, reads: StateReads, newest: number): Begun {
    const { isOpen, isolation, snapshot } = request.transaction;
    const isSnapshot = isOpen && isolation !== "readCommitted" && snapshot >= 0;
    const current = this.#catalogs.current(reader, request.tenant);
    const evaluationAt = (catalog: ObjectCatalog, position: number): Evaluation =>
      new Evaluation(request, this.#around(catalog, position, request.tenant, reader));
    const asOf = asOfPosition(request, reads, newest, () => evaluationAt(current, newest).context);
    const position = asOf ?? (isSnapshot ? Math.min(snapshot, newest) : newest);
    // The past is read under its own definitions.
    const catalog = asOf === null ? current : this.#catalogs.past(reader, request.tenant, position);
    const evaluation = evaluationAt(catalog, position);
    const known = this.#plans.find(request, catalog.version);
    if (known !== undefined && known.point !== null && position === newest && isWhole(request)) {
      return this.#point(request, known, known.point, evaluation, reader, position);
    }
    const source = new TreeTableSource(reader, request.tenant, Math.max(0, position), position < newest, {
      definitions: (past, table, versions) => this.#catalogs.tableVersions(past, request.tenant, table, versions),
    });
    const began = this.#host.monotonic();
    const planned = known ?? this.#plan(request, catalog, evaluation, source);
    const planningMs = this.#host.monotonic() - began;
    if (planned === null) return answer({ kind: "syntaxWanted" });
    const { bound, columns } = planned;
    const { body } = bound;
    if (request.kind === "describe") {
      return answer({ kind: "described", parameterTypes: bound.parameterTypes, columns });
    }
    if (body.kind === "session" && body.statement.kind === "maintenance") {
      // There is nothing to vacuum, analyze or reindex; what is named must be there.
      const draft = new CatalogDraft(catalog, evaluation.context.searchPath, -1);
      for (const name of body.statement.tables) draft.table(name);
      return answer({ ...ended(body.statement.command), position });
    }
    if (body.kind !== "query" && body.kind !== "explain")
      throw notSupported(`a ${body.kind} where only reads are done`);
    const environment: QueryEnvironment = {
      ...this.#environment(request, bound, evaluation, source, reads),
      stopwatch: { monotonic: () => this.#host.monotonic(), planningMs },
    };
    const run = this.#start(request, body, planned, evaluation, source, environment, position);
    this.executed += 1;
    return { kind: "run", run };
  }

  #around(catalog: ObjectCatalog, position: number, tenant: number, reader: TreeReader): Surroundings {
    return {
      catalog,
      position,
      now: Math.floor(this.#host.now() * 1_000),
      clock: () => this.#host.now(),
      random: () => this.#host.random(),
      effects: {
        ...noEffects,
        sequenceState: (sequence) => {
          const found = readSequence(reader, tenant, sequence);
          return found === null ? null : { value: int64(found.value), isCalled: found.isCalled };
        },
      },
      names: (searchPath) => this.#host.engine.names(catalog, searchPath),
    };
  }

  #plan(
    request: SqlRequest,
    catalog: ObjectCatalog,
    evaluation: Evaluation,
    statistics: TreeTableSource,
  ): PlannedStatement | null {
    const statement = this.#plans.statement(request);
    if (statement === null) return null;
    const { text, parameterTypes } = request;
    const { context } = evaluation;
    const bound = this.#host.engine.bind({ statement, text, catalog, parameterTypes, context, statistics });
    return this.#plans.keep(request, bound);
  }

  /** One row by its key, read and answered at once. */
  #point(
    request: SqlRequest,
    { bound, columns }: PlannedStatement,
    point: PointQuery,
    { context }: Evaluation,
    reader: TreeReader,
    position: number,
  ): Begun {
    const parameters = readParameters(request.parameters, bound.parameterTypes, context, "");
    const row = point.read(reader, request.tenant, parameters);
    let rows = noRowBytes;
    if (row !== null) {
      assert(columns !== null, "a query has result columns");
      rows = this.#rowOf(columns, request, context).addOnly(row);
    }
    this.executed += 1;
    const rowCount = row === null ? 0 : 1;
    return answer({ ...ended(`SELECT ${rowCount}`), columns, rows, rowCount, position });
  }

  /** Where rows of a point are written, used again and again. */
  #rowOf(columns: readonly SqlColumn[], { resultFormats }: SqlRequest, context: EvaluationContext): DataRows {
    const known = this.#pointRows.get(columns);
    if (known !== undefined && known.formats === resultFormats) return known.rows.under(context);
    const rows = new DataRows(
      columns.map(({ type }) => ({ oid: type })),
      resultFormats,
      context,
    );
    this.#pointRows.set(columns, { formats: resultFormats, rows });
    return rows;
  }

  #environment(
    request: SqlRequest,
    bound: BoundStatement,
    evaluation: Evaluation,
    source: TreeTableSource,
    reads: StateReads,
  ): QueryEnvironment {
    const { engine } = this.#host;
    const { context } = evaluation;
    const { statementTimeout: timeoutMs, queryMemory } = evaluation;
    const deadline = timeoutMs > 0 ? this.#host.monotonic() + timeoutMs : Number.POSITIVE_INFINITY;
    const { tenant } = request;
    const { catalog } = context;
    const past = (position: number) => this.#catalogs.past(reads.state, tenant, position);
    return {
      source: new AuditSource(source, { reads, tenant, catalog, past, records: this.#host.records() }),
      context,
      parameters: readParameters(request.parameters, bound.parameterTypes, context, ""),
      memoryBytesMax: queryMemory,
      spill: this.#host.spill,
      check: () => this.#check(deadline),
      positionAt: (at) => reads.positionsUntil(tenant, unixTimeOf(at)) - 1,
      systemRows: (table) => engine.systemRows(table, { catalog, context }),
    };
  }

  #check(deadline: number): void {
    this.#host.working();
    const now = this.#host.monotonic();
    if (now >= deadline) throw new SqlError("57014", "canceling statement due to statement timeout");
    if (now < this.#stepUntil) return;
    throw new SqlError("57014", `canceling statement: one step of it took longer than ${stepMsMax / 1_000} s`, {
      hint: "An index, or a smaller part of the data, makes its steps shorter.",
    });
  }

  #start(
    request: SqlRequest,
    body: BoundQuery | BoundExplain,
    { bound, columns }: PlannedStatement,
    evaluation: Evaluation,
    source: TreeTableSource,
    environment: QueryEnvironment,
    position: number,
  ): Run {
    const { engine } = this.#host;
    const rows = new DataRows(
      (bound.columns ?? []).map(({ type }) => type),
      request.resultFormats,
      evaluation.context,
    );
    const common = { source, environment, rows, evaluation, columns, position };
    this.beginStep();
    if (body.kind === "explain") {
      for (const line of engine.explain(body, environment)) rows.add([line]);
      return { ...common, stream: noRows, tag: () => "EXPLAIN", isDone: true };
    }
    const stream = engine.run(body.plan, body.outputs, environment);
    return { ...common, stream, tag: (shown) => `SELECT ${shown}`, isDone: false };
  }
}

const answer = (reply: SqlReply): Begun => ({ kind: "reply", reply });

/** Whether the first answer is to have all rows of a query that yields one at most. */
const isWhole = ({ kind, rowsMax }: SqlRequest): boolean => kind === "execute" && rowsMax !== 1;

const noRows: RowStream = { prepare: () => true, next: () => null, close: () => {} };
