/**
 * Statements that were bound before, by everything that binding depends on: text, types that the client gave, the tenant's catalog, and the
 * settings that change what names and literals mean.
 */
import type { BoundStatement } from "../../runtime/query/bind/bound.js";
import { temporarySchemaSetting } from "../../runtime/query/catalog/temporary.js";
import { type PastPoint, pastPointOf } from "../../runtime/query/execute/past-point.js";
import { type PointQuery, pointQueryOf } from "../../runtime/query/execute/point.js";
import { decodeStatement, type Statement } from "../../runtime/query/syntax/ast.js";
import { isSameResult, resultChanged, type SqlColumn, type SqlRequest, type SqlShape } from "../messages/sql.js";
import { roleSetOf } from "./evaluation.js";
import type { PlanSizes } from "./plan-sizes.js";
import { sqlColumns } from "./result-columns.js";

export const plansMax = 4_000;
/** Texts that are longer are seldom sent twice. An INSERT of a thousand rows is still among those that are kept. */
export const textLengthMax = 64 * 1024;
/** Characters of all texts that are kept: plans of long ones are large. */
export const charactersMax = 4 * 1024 * 1024;

/** Settings that binding reads; others are looked up when the statement runs. */
const bindingSettings = [
  "search_path",
  "timezone",
  "datestyle",
  "intervalstyle",
  "kimberlite.as_of",
  "is_superuser",
  "role",
  temporarySchemaSetting,
];

/** A statement that was bound and planned, and what follows from that alone. */
export interface PlannedStatement {
  readonly bound: BoundStatement;
  /** What its result columns are told as; null for no result. */
  readonly columns: readonly SqlColumn[] | null;
  /** What reads its one row; null when it is no such query. */
  readonly point: PointQuery | null;
  /** When it reads one row by its key as of a position. */
  readonly pastPoint: PastPoint | null;
  readonly sizes: PlanSizes;
}

/** A plan may change under a prepared statement; what its client was told of the result may not. */
function expectResult({ kind, columns }: SqlRequest, planned: PlannedStatement): void {
  if (kind === "execute" && columns !== null && !isSameResult(columns, planned.columns)) throw resultChanged();
}

function plannedStatement(bound: BoundStatement, sizes: PlanSizes): PlannedStatement {
  const { body, columns } = bound;
  return {
    bound,
    sizes: sizes.end(),
    columns: columns === null ? null : sqlColumns(columns),
    point: body.kind === "query" && !body.writes ? pointQueryOf(body.plan, body.outputs) : null,
    pastPoint: body.kind === "query" && !body.writes ? pastPointOf(body.plan, body.outputs) : null,
  };
}

/**
 *   by shape   the same request again: one look-up by the object's identity
 *   by key     the same statement in other words of the request: another application's name, another format of results
 */
export class PlanCache {
  #plans = new Map<string, PlannedStatement>();
  #byShape = new WeakMap<SqlShape, PlannedStatement>();
  #planCharacters = 0;
  #statements = new Map<string, Statement>();
  #statementCharacters = 0;

  static key(request: SqlRequest, catalogVersion: number): string {
    const { tenant, user, text, parameterTypes, settings } = request;
    let key = `${tenant} ${catalogVersion} ${user} ${roleSetOf(request).id} ${parameterTypes.join(",")}`;
    for (const [name, value] of settings) if (bindingSettings.includes(name.toLowerCase())) key += ` ${name}=${value}`;
    return `${key} ${text}`;
  }

  /** It may be outgrown. Throws `0A000` when the client was told of another result. */
  find(request: SqlRequest, catalogVersion: number): PlannedStatement | undefined {
    const { shape } = request;
    if (shape === undefined || shape === null) return this.#plans.get(PlanCache.key(request, catalogVersion));
    const known = this.#byShape.get(shape);
    if (known !== undefined && known.bound.catalogVersion === catalogVersion && !known.sizes.isOutgrown) return known;
    const found = this.#plans.get(PlanCache.key(request, catalogVersion));
    if (found === undefined) return undefined;
    expectResult(request, found);
    this.#byShape.set(shape, found);
    return found;
  }

  /** @param sizes what the planner was told by */
  keep(request: SqlRequest, bound: BoundStatement, sizes: PlanSizes): PlannedStatement {
    const planned = plannedStatement(bound, sizes);
    expectResult(request, planned);
    // The catalogs of open transactions come and go: what is planned under one is found by its request alone.
    if (bound.catalogVersion < 0) {
      if (request.shape !== undefined && request.shape !== null) this.#byShape.set(request.shape, planned);
      return planned;
    }
    const key = PlanCache.key(request, bound.catalogVersion);
    if (key.length > textLengthMax) return planned;
    if (this.#plans.size >= plansMax || this.#planCharacters + key.length > charactersMax) {
      this.#plans = new Map();
      this.#byShape = new WeakMap();
      this.#planCharacters = 0;
    }
    this.#plans.set(key, planned);
    this.#planCharacters += key.length;
    if (request.shape !== undefined && request.shape !== null) this.#byShape.set(request.shape, planned);
    return planned;
  }

  /** The statement of a request; null when it was sent by its text alone and the text is not known here. */
  statement({ text, syntax }: SqlRequest): Statement | null {
    if (syntax.length > 0) {
      const statement = decodeStatement(syntax);
      if (text.length <= textLengthMax) {
        if (this.#statements.size >= plansMax || this.#statementCharacters + text.length > charactersMax) {
          this.#statements = new Map();
          this.#statementCharacters = 0;
        }
        this.#statements.set(text, statement);
        this.#statementCharacters += text.length;
      }
      return statement;
    }
    return this.#statements.get(text) ?? null;
  }

  clear(): void {
    this.#plans.clear();
    this.#planCharacters = 0;
    this.#byShape = new WeakMap();
  }
}
