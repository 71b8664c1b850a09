/** What is shared by all levels of one statement while it is bound: numbers of columns, types of parameters, depth, and how to bind a query. */
import { assert } from "../../types/assert.js";
import type { ViewDefinition } from "../catalog/model.js";
import { findTypeIn } from "../catalog/user-types.js";
import { SqlError } from "../error.js";
import type { BoundExpression, ColumnId } from "../plan/expression.js";
import type { LockNode, PlanNode } from "../plan/plan.js";
import type { Expression } from "../syntax/ast-expression.js";
import type { DataStatement } from "../syntax/ast-modify.js";
import type { Query } from "../syntax/ast-query.js";
import { nestingMax, tooDeep } from "../syntax/conversion.js";
import { namedOid, type Oid, type SqlType, sqlType, typeOid } from "../types/sql-type.js";
import { typeLabel } from "../types/type-name.js";
import { Authority } from "./authority.js";
import type { BoundModification } from "./bound.js";
import type { ExpressionContext } from "./context.js";
import type { BindEnvironment } from "./environment.js";
import type { WrittenItem } from "./missing-relation.js";
import type { CommonTables, LockablePart, Scope } from "./scope.js";

export interface OutputColumn {
  readonly id: ColumnId;
  readonly name: string;
  readonly type: SqlType;
  /** The column that it is, unchanged; 0 for others. */
  readonly table: Oid;
  readonly column: number;
  readonly location: number;
  /** The literal or parameter that it is while nothing has told its type: whoever asked to decide reads it in the column's place. */
  readonly untyped: BoundExpression | null;
}

/** A query as a part of another: what it puts out, which may be fewer columns than its plan has. */
export interface BoundRows {
  readonly plan: PlanNode;
  readonly outputs: readonly OutputColumn[];
  /** Whose rows its rows are made of, one each, where their keys were asked for; null where rows are not made so. */
  readonly parts?: readonly LockablePart[] | null;
  /** Rows that it locks. */
  readonly locks?: LockNode["locks"];
}

export interface QueryOptions {
  /** Literals and parameters of unknown type in a SELECT's output: text, or left for the caller to decide. */
  readonly keepsUnknown: boolean;
  /** Whether row keys of the tables that it reads are put out beside its columns, for them to be locked. */
  readonly keepsKeys: boolean;
}
export const plainQuery: QueryOptions = { keepsUnknown: false, keepsKeys: false };
export const untypedQuery: QueryOptions = { keepsUnknown: true, keepsKeys: false };
export const lockedQuery: QueryOptions = { keepsUnknown: false, keepsKeys: true };

/** An output of a query for whoever stands above it. */
export const outputOf = ({ id, name, type, location, untyped }: OutputColumn): BoundExpression =>
  untyped ?? { kind: "column", id, name, type, location };

export type BindQuery = (
  query: Query,
  parent: Scope | null,
  commonTables: CommonTables | null,
  options: QueryOptions,
) => BoundRows;

export type BindModification = (
  statement: Exclude<DataStatement, Query>,
  commonTables: CommonTables | null,
) => BoundModification;

export class Binder {
  readonly environment: BindEnvironment;
  /** Whose rights it is bound with. */
  readonly authority: Authority;
  readonly bindQuery: (binder: Binder, ...rest: Parameters<BindQuery>) => BoundRows;
  readonly #bindModification: (binder: Binder, ...rest: Parameters<BindModification>) => BoundModification;
  /** Schemas of tables that were named without one, by the name's node. */
  readonly tableSchemas = new Map<object, string>();
  /** Columns that each `*` of a select list stands for, by its node; and those that NATURAL joins share. */
  readonly stars = new Map<object, readonly Expression[]>();
  /** Unqualified names of columns with the relation that they are of, where another could get a column of the same name. */
  readonly qualified = new Map<object, Expression>();
  readonly naturals = new Map<object, readonly string[]>();
  /** The level that computes each aggregate. */
  readonly aggregateScopes = new Map<ColumnId, Scope>();
  /** Views whose queries are being bound, within one another. */
  readonly #views = new Set<Oid>();
  /** Something in it writes or locks. */
  writes = false;
  /** Where a table's name stands for the type of its rows; null while none does. */
  namesRowTypes: number | null = null;
  locks = false;
  #refusal: SqlError | null = null;
  /** Types of the parameters, by their places; null while nothing has told one. */
  readonly #parameters: (SqlType | null)[];
  /** Of the expressions whose subqueries are being bound, outermost first. */
  readonly #contexts: ExpressionContext[] = [];
  #nextId = 1;
  /** Expressions of the catalog within one another. */
  #stored = 0;
  #depth = 0;
  /** Queries and modifications within one another. */
  #statements = 0;
  /** Of each of them, outermost first. */
  readonly #written: WrittenItem[][] = [];

  constructor(
    environment: BindEnvironment,
    bindQuery: Binder["bindQuery"],
    bindModification: (binder: Binder, ...rest: Parameters<BindModification>) => BoundModification,
  ) {
    this.environment = environment;
    this.authority = new Authority(environment);
    this.bindQuery = bindQuery;
    this.#bindModification = bindModification;
    this.#parameters = environment.parameterTypes.map((oid) => this.#givenType(oid));
  }

  /** Binds what a view reads. Throws 42P17 where that is, by way of views that were replaced, the view itself. */
  withinView<Result>(view: ViewDefinition, bind: () => Result): Result {
    if (this.#views.has(view.oid))
      throw new SqlError("42P17", `infinite recursion detected in rules for relation "${view.name}"`);
    this.#views.add(view.oid);
    try {
      return bind();
    } finally {
      this.#views.delete(view.oid);
    }
  }

  /** Binds what is kept in the catalog, whose places are in another text. */
  withinStored<Result>(bind: () => Result): Result {
    this.#stored += 1;
    try {
      return bind();
    } finally {
      this.#stored -= 1;
    }
  }

  /** Warns of what stands in the statement itself: of what is stored it was said when that was made. */
  warn(sqlState: string, message: string, location: number): void {
    if (this.#views.size > 0 || this.#stored > 0) return;
    const { session } = this.environment.context;
    session.notice("WARNING", sqlState, message, { position: positionOf(location) });
  }

  newId(): ColumnId {
    const id = this.#nextId;
    this.#nextId += 1;
    return id;
  }

  /** Refuses a statement that can be understood, once all of it has been: names and values that are wrong are told before. */
  refuse(error: SqlError): void {
    this.#refusal ??= error;
  }

  /** Throws the first refusal. */
  expectAccepted(): void {
    if (this.#refusal !== null) throw this.#refusal;
  }

  query(...rest: Parameters<BindQuery>): BoundRows {
    return this.authority.below(() => this.within(-1, () => this.statement(() => this.bindQuery(this, ...rest))));
  }

  modification(...rest: Parameters<BindModification>): BoundModification {
    return this.statement(() => this.#bindModification(this, ...rest));
  }

  /** Binds a query or a modification, or a part that stands one level below where it is bound. */
  statement<T>(bind: () => T): T {
    this.#statements += 1;
    this.#written.push([]);
    const result = bind();
    this.#written.pop();
    this.#statements -= 1;
    return result;
  }

  /** Notes what stands in FROM, or is the target, of what is bound. */
  write(item: WrittenItem): void {
    this.#written.at(-1)?.push(item);
  }

  /** What stands in FROM of what is bound, or else of what is around it. */
  writtenItem(is: (item: WrittenItem) => boolean): WrittenItem | null {
    for (const items of this.#written.toReversed()) {
      const found = items.find(is);
      if (found !== undefined) return found;
    }
    return null;
  }

  /** What stands in FROM of what is bound, and of what is around it, outwards. */
  writtenLevels(): readonly (readonly WrittenItem[])[] {
    return this.#written.toReversed();
  }

  /** Whether what is bound is the whole statement, and no query or modification within another. */
  get isTopLevel(): boolean {
    return this.#statements === 1;
  }

  /** A query within an expression. */
  subquery(query: Query, context: ExpressionContext): BoundRows {
    this.#contexts.push(context);
    const rows = this.query(query, context.scope, context.scope.commonTables, plainQuery);
    const left = this.#contexts.pop();
    assert(left === context, "contexts are left in the order in which they were entered");
    return rows;
  }

  /** That of the level's expression whose subquery is being bound; null for a level that has none now. */
  contextOf(scope: Scope): ExpressionContext | null {
    return this.#contexts.findLast((context) => context.scope === scope) ?? null;
  }

  /** One level down for the time of `bind`. */
  within<T>(location: number, bind: () => T): T {
    if (this.#depth >= nestingMax) throw tooDeep(location);
    this.#depth += 1;
    const result = bind();
    this.#depth -= 1;
    return result;
  }

  /** What a client says by a type's number; null when it leaves the type to be found out. */
  #givenType(oid: Oid): SqlType | null {
    if (oid === 0 || oid === typeOid.unknown) return null;
    const { catalog, context } = this.environment;
    return findTypeIn(catalog, context)(oid) ?? sqlType(oid);
  }

  parameter(number: number, location: number): BoundExpression {
    while (this.#parameters.length < number) this.#parameters.push(null);
    const type = this.#parameters[number - 1] ?? sqlType(typeOid.unknown);
    return { kind: "parameter", index: number - 1, type, location };
  }

  get hasParameters(): boolean {
    return this.#parameters.length > 0;
  }

  /** Null for one whose type nothing has told yet. */
  parameterType(number: number): SqlType | null {
    return this.#parameters[number - 1] ?? null;
  }

  /** Parameter `index` is of this type, or this domain, from now on. 42P08 when it was taken for another before. */
  typeParameter(index: number, target: SqlType, location: number): SqlType {
    const known = this.#parameters[index] ?? null;
    if (known !== null && namedOid(known) !== namedOid(target)) {
      throw new SqlError("42P08", `inconsistent types deduced for parameter $${index + 1}`, {
        position: positionOf(location),
        detail: `${this.labelOf(known)} versus ${this.labelOf(target)}`,
      });
    }
    // Of its own type a parameter has no modifier; of a domain it has the domain's.
    const type = target.domain === undefined ? sqlType(target.oid) : target;
    this.#parameters[index] = type;
    return type;
  }

  /** A type as messages name it, a domain by its own name. */
  labelOf({ oid, domain }: SqlType): string {
    const name = domain === undefined ? null : this.environment.context.names.nameOf("regtype", domain);
    return name ?? typeLabel(oid);
  }

  /** 42P18 for a parameter whose type nothing told. */
  checkParameters(): readonly SqlType[] {
    return this.#parameters.map((type, index) => {
      if (type !== null && type.oid !== typeOid.unknown) return type;
      throw new SqlError("42P18", `could not determine data type of parameter $${index + 1}`);
    });
  }
}

/** A location as an error has it. */
export const positionOf = (location: number): number | undefined => (location < 0 ? undefined : location);
