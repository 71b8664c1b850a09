/**
 * A materialized view's query, made ready to be computed as a whole and, where its shape allows, from the changes of what it reads.
 *
 * The change of a join is the sum of the changes through each table that it reads: the first table's changed rows with the others as they
 * were, the second's with the first as it is now and the others as they were, and so on. Each has a plan of its own, made once, in which the
 * changed rows are a small table that drives the look-ups in the others.
 */
import { AssertionFailed, assert } from "../../types/assert.js";
import type { RowRules } from "../bind/bound.js";
import type { Catalog, MaterializedViewDefinition, TableDefinition } from "../catalog/model.js";
import type { QueryEnvironment, RowBatch } from "../engine.js";
import { SqlError } from "../error.js";
import { compileRow, rowsOfStream, runPlan } from "../execute/run.js";
import type { BoundExpression, ColumnId } from "../plan/expression.js";
import type { PlanColumn, PlanNode, ProjectNode } from "../plan/plan.js";
import type { Statistics } from "../plan/plan-context.js";
import { planRows } from "../plan/planner.js";
import { withInputs } from "../plan/rewrite.js";
import { inputsOf, mayTouchRows } from "../plan/walk.js";
import type { TableSource } from "../table/access.js";
import type { Datum } from "../types/datum.js";
import type { WritePorts } from "../write/ports.js";
import { changedTable, DeltaSource, type TableChange, type TableRoles } from "./delta-source.js";
import { Groups } from "./groups.js";
import { scansOf, type ViewShape } from "./shape.js";

/** What a run of a view's plans needs. */
export interface ViewRun {
  /** Everything but the source. */
  readonly environment: QueryEnvironment;
  /** The tables as they are with the commit, and as they were before it. */
  readonly after: TableSource;
  readonly before: TableSource;
  /** Changes by the tables' oids. */
  readonly changes: ReadonlyMap<number, TableChange>;
}

export type Sign = 1 | -1;

/** One way for a change to get into the result: through one of the tables that the query reads. */
interface Way {
  readonly table: number;
  readonly roles: TableRoles;
  readonly plan: PlanNode;
}

interface Grouping {
  readonly groups: Groups;
  readonly above: (row: readonly Datum[]) => readonly Datum[];
}

interface Planned {
  readonly plan: PlanNode;
  readonly outputs: readonly ColumnId[];
}

/** The plan with each scan, numbered in the order of `scansOf`, of another definition of its table. */
function withTables(plan: PlanNode, tableAt: (scan: number, table: TableDefinition) => TableDefinition): PlanNode {
  let count = 0;
  const change = (node: PlanNode): PlanNode => {
    if (node.kind === "scan") {
      count += 1;
      return { ...node, table: tableAt(count - 1, node.table) };
    }
    return withInputs(node, inputsOf(node).map(change));
  };
  return change(plan);
}

export class ViewProgram {
  readonly view: MaterializedViewDefinition;
  readonly shape: ViewShape;
  /** What is computed as a whole: of a view by groups the rows that are grouped, else the view's own. */
  readonly #whole: Planned;
  readonly #ways: readonly Way[];
  readonly #ofGroup: PlanNode | null;
  #rules: RowRules | null = null;
  #grouping: Grouping | null = null;

  constructor(
    view: MaterializedViewDefinition,
    shape: ViewShape,
    whole: Planned,
    /** Says of a row that is grouped that it belongs to the group whose values are the parameters. */
    isOfGroup: BoundExpression | null,
    catalog: Catalog,
    statistics: Statistics,
  ) {
    this.view = view;
    this.shape = shape;
    const { plan, outputs } = whole;
    this.#whole = { plan: planRows(plan, outputs, statistics, catalog), outputs };
    this.#ways = shape.kind === "refresh" ? [] : waysOf(plan, outputs, statistics, catalog);
    this.#ofGroup = null;
    if (isOfGroup !== null) {
      const filtered: PlanNode = {
        kind: "filter",
        input: plan,
        condition: isOfGroup,
        columns: plan.columns,
        rows: -1,
        cost: -1,
      };
      this.#ofGroup = planRows(filtered, outputs, statistics, catalog);
    }
  }

  /** Rules of the table that holds the view's rows, bound once. */
  rules({ rulesOf }: Pick<WritePorts, "rulesOf">): RowRules {
    this.#rules ??= rulesOf(this.view.rows);
    return this.#rules;
  }

  /** How groups are kept and shown. What is computed of them is immutable, so any environment will do. */
  grouping(environment: QueryEnvironment): Grouping {
    const { shape } = this;
    if (shape.kind !== "groups") throw new AssertionFailed("a view by groups has them");
    this.#grouping ??= {
      groups: new Groups(shape.aggregate, environment.context),
      above: compileAbove(shape.aggregate.columns, shape.above, shape.outputs, environment),
    };
    return this.#grouping;
  }

  /** All rows, as the tables are now. A batch is valid until the next one. */
  batches(run: ViewRun): Iterable<RowBatch> {
    return this.#batchesOf(this.#whole.plan, { ...run.environment, source: run.after });
  }

  /** Rows that are grouped under these values, as the tables are now. Every row, where one of them is NULL. */
  batchesOfGroup(run: ViewRun, values: readonly Datum[]): Iterable<RowBatch> {
    if (this.#ofGroup === null || values.includes(null)) return this.batches(run);
    return this.#batchesOf(this.#ofGroup, { ...run.environment, source: run.after, parameters: values });
  }

  *#batchesOf(plan: PlanNode, environment: QueryEnvironment): Iterable<RowBatch> {
    const stream = runPlan(plan, this.#whole.outputs, environment);
    try {
      for (let batch = stream.next(); batch !== null; batch = stream.next()) yield batch;
    } finally {
      stream.close();
    }
  }

  /** Whether computing it as a whole may change rows, or lock some. */
  get mayTouchRows(): boolean {
    return mayTouchRows(this.#whole.plan);
  }

  /** Rows that come (1) and go (-1) with the changes. The same row may do both. */
  *changes(run: ViewRun): Iterable<readonly [sign: Sign, row: readonly Datum[]]> {
    assert(this.shape.kind !== "refresh", "only what is maintained is changed by what it reads");
    for (const { table, roles, plan } of this.#ways) {
      const change = run.changes.get(table);
      if (change === undefined) continue;
      for (const [sign, rows] of [
        [-1, change.removed],
        [1, change.added],
      ] as const) {
        if (rows.length === 0) continue;
        const source = new DeltaSource(roles, rows, run.before, run.after);
        const stream = rowsOfStream(runPlan(plan, this.#whole.outputs, { ...run.environment, source }));
        for (const row of stream) yield [sign, row];
      }
    }
  }

  /** An error of the query is one of the statement that changes what it reads: it says which view it comes from. */
  named(error: unknown): unknown {
    if (!(error instanceof SqlError)) return error;
    const { sqlState, message, fields } = error;
    const detail = fields.detail ?? `It was met while the materialized view "${this.view.name}" was computed.`;
    return new SqlError(sqlState, message, { ...fields, detail });
  }
}

function waysOf(
  plan: PlanNode,
  outputs: readonly ColumnId[],
  statistics: Statistics,
  catalog: Catalog,
): readonly Way[] {
  const scans = scansOf(plan);
  return scans.map(({ table }, changedAt): Way => {
    const changed = changedTable(table);
    const before = new Set<TableDefinition>();
    const own = withTables(plan, (at, definition) => {
      if (at === changedAt) return changed;
      if (at < changedAt) return definition;
      const copy = { ...definition };
      before.add(copy);
      return copy;
    });
    const estimates: Statistics = {
      rowsEstimate: (each) => (each === changed ? 1 : statistics.rowsEstimate(each)),
    };
    return { table: table.oid, roles: { before, changed }, plan: planRows(own, outputs, estimates, catalog) };
  });
}

/** Computes what a query says of its groups, step by step. */
function compileAbove(
  columns: readonly PlanColumn[],
  above: readonly ProjectNode[],
  outputs: readonly ColumnId[],
  environment: QueryEnvironment,
): (row: readonly Datum[]) => readonly Datum[] {
  let ids = columns.map(({ id }) => id);
  const steps: ((row: readonly Datum[]) => readonly Datum[])[] = [];
  for (const { columns: next, expressions } of above) {
    steps.push(compileRow(expressions, ids, environment));
    ids = next.map(({ id }) => id);
  }
  const places = outputs.map((id) => {
    const place = ids.indexOf(id);
    if (place < 0) throw new AssertionFailed("a view's column is one of its plan's");
    return place;
  });
  return (row) => {
    let at = row;
    for (const step of steps) at = step(at);
    return places.map((place) => at[place] ?? null);
  };
}
