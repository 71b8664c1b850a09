/**
 * What a thread that reads rows remembers of statements: catalogs by version, plans by statement. And the commonest statement of all, one row
 * by its key, which is read and answered at once.
 */
import { CatalogCache, type ObjectCatalog } from "../../../runtime/query/catalog/over-trees.js";
import type { PositionAt } from "../../../runtime/query/execute/past-point.js";
import type { EvaluationContext } from "../../../runtime/query/functions/context.js";
import type { Statistics } from "../../../runtime/query/plan/plan-context.js";
import { storedBytes } from "../../../runtime/query/table/stored-bytes.js";
import { int64 } from "../../../runtime/query/types/bytes.js";
import type { TreeReader } from "../../../runtime/store/tree.js";
import { assert } from "../../../runtime/types/assert.js";
import type { SqlRequest, SqlRows } from "../../messages/sql.js";
import type { Engine } from "../../sql/engine.js";
import { Evaluation, noEffects } from "../../sql/evaluation.js";
import { readParameters } from "../../sql/parameters.js";
import { PlanCache, type PlannedStatement } from "../../sql/plan-cache.js";
import { PlanSizes } from "../../sql/plan-sizes.js";
import { PointRows } from "../../sql/point-rows.js";
import { readSequence } from "../../sql/sequence-state.js";
import { expectTemporary } from "../../sql/temporary-loss.js";
import { ended, noRowBytes } from "./run.js";

export interface PlansHost {
  readonly engine: Engine;
  /** ms since 1970. */
  now(): number;
  random(): number;
}

export class StatementPlans {
  readonly catalogs = new CatalogCache();
  readonly plans = new PlanCache();
  readonly #host: PlansHost;
  readonly #rows = new PointRows();

  constructor(host: PlansHost) {
    this.#host = host;
  }

  /** The world of a statement that reads the state of a position. */
  evaluation(request: SqlRequest, catalog: ObjectCatalog, position: number, reader: TreeReader): Evaluation {
    const host = this.#host;
    return new Evaluation(request, {
      catalog,
      position,
      now: Math.floor(host.now() * 1_000),
      clock: () => host.now(),
      random: () => host.random(),
      effects: {
        ...noEffects,
        storedBytes: (part, object, when) => storedBytes(reader, request.tenant, part, object, when),
        sequenceState: (sequence) => {
          const found = readSequence(reader, request.tenant, sequence);
          return found === null ? null : { value: int64(found.value), isCalled: found.isCalled };
        },
      },
      names: (searchPath, user) => host.engine.names(catalog, searchPath, user),
    });
  }

  /** A statement that was planned before, for tables that are still much the same. */
  suited(known: PlannedStatement | undefined, statistics: Statistics): PlannedStatement | undefined {
    return known?.sizes.suits(() => statistics, this.#host.now()) === true ? known : undefined;
  }

  /** Binds and plans a statement, to be kept; null when its text is not known and it came without its syntax. */
  plan(
    request: SqlRequest,
    catalog: ObjectCatalog,
    { context }: Evaluation,
    statistics: Statistics,
  ): PlannedStatement | null {
    const statement = this.plans.statement(request);
    if (statement === null) return null;
    // Who takes stale reads may be before the making of his own tables.
    if (request.atLeast >= 0) expectTemporary(request, catalog);
    const { text, parameterTypes } = request;
    const sizes = new PlanSizes(statistics, this.#host.now());
    const bound = this.#host.engine.bind({ statement, text, catalog, parameterTypes, context, statistics: sizes });
    return this.plans.keep(request, bound, sizes);
  }

  /**
   * One row by its key, as the state has it now or had it at a position; null when the statement is to be run the general way. Its bytes are
   * overwritten by the next one.
   */
  point(
    request: SqlRequest,
    { bound, columns, point, pastPoint }: PlannedStatement,
    context: EvaluationContext,
    reader: TreeReader,
    position: number,
    positionAt: PositionAt,
  ): SqlRows | null {
    if (point === null && pastPoint === null) return null;
    assert(isWhole(request), "the one row of a point is all that is asked for");
    const parameters = readParameters(request.parameters, bound, context);
    const { tenant } = request;
    const row =
      point === null
        ? pastPoint?.read(reader, tenant, parameters, position, positionAt)
        : point.read(reader, tenant, parameters);
    if (row === undefined) return null;
    let rows = noRowBytes;
    if (row !== null) {
      assert(columns !== null, "a query has result columns");
      rows = this.#rows.of(columns, request.resultFormats, context).addOnly(row);
    }
    const rowCount = row === null ? 0 : 1;
    return { ...ended(row === null ? "SELECT 0" : "SELECT 1"), columns, rows, rowCount, position };
  }
}

/** Whether the first answer is to have all rows of a query that yields one at most. */
export const isWhole = ({ kind, rowsMax }: SqlRequest): boolean => kind === "execute" && rowsMax !== 1;
