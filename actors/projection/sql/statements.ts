/**
 * Statements that only read, up to their first row: the state that each reads, its names, its plan. What is answered at once is answered
 * here; what has rows comes out as a run, for `SqlReads` to pull.
 */
import type { StateReads } from "../../../runtime/kernel/read/state-reads.js";
import {
  announcedTypes,
  type BoundExplain,
  type BoundQuery,
  type BoundStatement,
} from "../../../runtime/query/bind/bound.js";
import type { QueryEnvironment, RowStream } from "../../../runtime/query/engine.js";
import { notSupported, SqlError } from "../../../runtime/query/error.js";
import type { SpillSpace } from "../../../runtime/query/execute/spill.js";
import type { EvaluationContext } from "../../../runtime/query/functions/context.js";
import type { ColumnCache } from "../../../runtime/query/table/column-cache.js";
import { TreeTableSource } from "../../../runtime/query/table/tree-table-source.js";
import { CatalogDraft } from "../../../runtime/query/write/definition/draft.js";
import type { TreeReader } from "../../../runtime/store/tree.js";
import type { SqlReply, SqlRequest } from "../../messages/sql.js";
import { asOfPosition } from "../../sql/as-of.js";
import { AuditSource } from "../../sql/audit-source.js";
import { DataRows } from "../../sql/data-rows.js";
import { type Evaluation, unixTimeOf } from "../../sql/evaluation.js";
import type { EventRecords } from "../../sql/event-scan.js";
import { readParameters } from "../../sql/parameters.js";
import type { PlannedStatement } from "../../sql/plan-cache.js";
import { expectNoPartialIndex } from "../../sql/varied-constants.js";
import { ended, type Run } from "./run.js";
import { isWhole, type PlansHost, StatementPlans } from "./statement-plans.js";

export interface StatementsHost extends PlansHost {
  /** Records of the log, for events. */
  records(): EventRecords;
  /** Columns that statements find decoded. */
  readonly columns: ColumnCache;
  /** Where statements write rows that do not fit their memory. */
  readonly spill: SpillSpace;
  /** A statement takes long, and is at work. */
  working(): void;
  monotonic(): number;
}

export type Begun = { readonly kind: "reply"; readonly reply: SqlReply } | { readonly kind: "run"; readonly run: Run };

/** A single step, in which nobody else is served. */
const stepMsMax = 60_000;

export class Statements {
  readonly #host: StatementsHost;
  readonly #plans: StatementPlans;
  #stepUntil = 0;
  executed = 0;

  constructor(host: StatementsHost) {
    this.#host = host;
    this.#plans = new StatementPlans(host);
  }

  /** Evaluates what has to do with no statement: the session's settings, under the names of now. */
  contextOf(request: SqlRequest, reader: TreeReader, position: number): EvaluationContext {
    const catalog = this.#plans.catalogs.current(reader, request.tenant);
    return this.#plans.evaluation(request, catalog, position, reader).context;
  }

  /** A statement is pulled from here on; it has to give others their turn before long. */
  beginStep(): void {
    this.#stepUntil = this.#host.monotonic() + stepMsMax;
  }

  /** @param newest position of the tenant's newest command */
  begin(request: SqlRequest, reader: TreeReader, reads: StateReads, newest: number): Begun {
    const { isOpen, isolation, snapshot } = request.transaction;
    const isSnapshot = isOpen && isolation !== "readCommitted" && snapshot >= 0;
    const { catalogs, plans } = this.#plans;
    const current = catalogs.current(reader, request.tenant);
    const asOf = asOfPosition(
      request,
      reads,
      newest,
      () => this.#plans.evaluation(request, current, newest, reader).context,
    );
    const position = asOf ?? (isSnapshot ? Math.min(snapshot, newest) : newest);
    // The past is read under its own definitions.
    const catalog = asOf === null ? current : catalogs.past(reader, request.tenant, position);
    const evaluation = this.#plans.evaluation(request, catalog, position, reader);
    const known = plans.find(request, catalog.version);
    const positionAt = (at: number): number => reads.positionsUntil(request.tenant, unixTimeOf(at)) - 1;
    // A session that reads the past has its position in each plan.
    const isAsPlanned = position === newest || (asOf !== null && known?.point === null);
    if (known !== undefined && isAsPlanned && isWhole(request)) {
      const row = this.#plans.point(request, known, evaluation.context, reader, position, positionAt);
      if (row !== null) {
        this.executed += 1;
        return answer(row);
      }
    }
    const source = new TreeTableSource(reader, request.tenant, Math.max(0, position), position < newest, {
      definitions: (past, table, versions) => catalogs.tableVersions(past, request.tenant, table, versions),
      cache: this.#host.columns,
    });
    const began = this.#host.monotonic();
    const planned = this.#plans.suited(known, source) ?? this.#plans.plan(request, catalog, evaluation, source);
    const planningMs = this.#host.monotonic() - began;
    if (planned === null) return answer({ kind: "syntaxWanted" });
    const { bound, columns } = planned;
    const { body } = bound;
    if (request.kind === "describe") {
      const { context } = evaluation;
      expectNoPartialIndex(request.text, bound, catalog, (table) =>
        this.#host.engine.rulesOf(table, { catalog, context }),
      );
      return answer({ kind: "described", parameterTypes: announcedTypes(bound), columns });
    }
    if (body.kind === "session" && body.statement.kind === "maintenance") {
      // There is nothing to vacuum, analyze or reindex; what is named must be there.
      const draft = new CatalogDraft(catalog, evaluation.context, -1);
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
    const past = (position: number) => this.#plans.catalogs.past(reads.state, tenant, position);
    return {
      source: new AuditSource(source, { reads, tenant, catalog, past, records: this.#host.records() }),
      context,
      parameters: readParameters(request.parameters, bound, context),
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

const noRows: RowStream = { prepare: () => true, next: () => null, close: () => {} };
