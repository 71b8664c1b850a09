/**
 * GROUP BY. Above the grouping an expression may use what is grouped by, aggregates, and columns that a grouped primary key determines;
 * nothing else. A column that is grouped by keeps its number, so that subqueries mean the same above as below.
 */
import { notSupported, SqlError } from "../error.js";
import type { BoundExpression, ColumnId } from "../plan/expression.js";
import type { AggregateNode, PlanColumn, PlanNode } from "../plan/plan.js";
import { columnsOf, expressionKey, mapParts } from "../plan/walk.js";
import { type Expression, isConstant } from "../syntax/ast-expression.js";
import type { GroupItem, SelectItem, SelectQuery } from "../syntax/ast-query.js";
import { sqlType, typeOid } from "../types/sql-type.js";
import { beginningOf } from "./beginning.js";
import { type Binder, positionOf } from "./binder.js";
import { asText } from "./coerce.js";
import { type Collector, type ExpressionContext, plainContext } from "./context.js";
import { bindExpression } from "./expression.js";
import { estimates } from "./from-item.js";
import { addSets } from "./postpone.js";
import type { Scope, ScopeColumn } from "./scope.js";
import { renamed, SetCollector } from "./set-collector.js";
import { expectEquality } from "./sort.js";

/** Grouping sets at most: CUBE of twelve. */
const setsMax = 4_096;

interface Group {
  readonly id: ColumnId;
  readonly expression: BoundExpression;
}

/** A result column of the query: what GROUP BY may name, or say the number of. */
interface Output {
  expression: BoundExpression;
  readonly isHidden: boolean;
}

export class Grouping {
  readonly #outputs: readonly Output[];
  /** What is grouped by because it is a result column: known by itself, also where it has a subquery and so no key. */
  readonly #idByOutput = new Map<BoundExpression, ColumnId>();
  readonly #binder: Binder;
  readonly #scope: Scope;
  readonly #collector: Collector;
  /** What is grouped by may have rows of functions in it, which are made before. */
  readonly #made: SetCollector;
  readonly #groups: Group[] = [];
  readonly #idByKey = new Map<string, ColumnId>();
  readonly #groupIds = new Set<ColumnId>();
  #hasExpressions = false;
  /** A second result column of an expression that was grouped by under another name. */
  #sameAgain: Expression | null = null;
  readonly #sets: readonly (readonly number[])[] | null;
  readonly #setId: ColumnId;
  readonly isPlain: boolean;

  constructor(query: SelectQuery, outputs: readonly Output[], collector: Collector, scope: Scope, binder: Binder) {
    this.#outputs = outputs.filter(({ isHidden }) => !isHidden);
    this.#binder = binder;
    this.#scope = scope;
    this.#collector = collector;
    this.isPlain = query.group.length === 0;
    this.#setId = binder.newId();
    this.#made = new SetCollector(collector.sets);
    const context = { ...plainContext(binder, scope, "GROUP BY"), sets: this.#made };
    const isSimple = query.group.every(({ kind }) => kind === "expression" || kind === "list");
    const sets = this.#setsOf(query.group, query.items, context);
    this.#sets = isSimple ? null : distinctSets(sets, query.isGroupDistinct);
    // In PostgreSQL a grouping set may leave out the one and keep the other.
    if (this.#sets !== null && this.#sameAgain !== null)
      throw notSupported("grouping sets by one expression under several names", beginningOf(this.#sameAgain));
    if (this.#sets !== null && this.#sets.length > setsMax) {
      throw new SqlError("54001", `too many grouping sets present (maximum ${setsMax})`);
    }
  }

  /** All combinations of the items' sets. */
  #setsOf(items: readonly GroupItem[], select: readonly SelectItem[], context: ExpressionContext): number[][] {
    let sets: number[][] = [[]];
    for (const item of items) {
      const own = this.#itemSets(item, select, context);
      if (sets.length * own.length > setsMax * 4)
        throw new SqlError("54001", `too many grouping sets present (maximum ${setsMax})`);
      sets = sets.flatMap((set) => own.map((more) => [...set, ...more]));
    }
    return sets;
  }

  #itemSets(item: GroupItem, select: readonly SelectItem[], context: ExpressionContext): number[][] {
    switch (item.kind) {
      case "expression":
        return [[this.#group(item.expression, select, context)]];
      case "list":
        return [item.items.map((expression) => this.#group(expression, select, context))];
      case "empty":
        return [[]];
      case "rollup": {
        const parts = item.items.map((inner) => this.#itemSets(inner, select, context)[0] ?? []);
        return Array.from({ length: parts.length + 1 }, (_, index) => parts.slice(0, parts.length - index).flat());
      }
      case "cube": {
        const parts = item.items.map((inner) => this.#itemSets(inner, select, context)[0] ?? []);
        if (parts.length > 12) throw new SqlError("54011", "CUBE is limited to 12 elements");
        const count = 2 ** parts.length;
        return Array.from({ length: count }, (_, index) =>
          parts.filter((_part, at) => ((count - 1 - index) & (1 << (parts.length - 1 - at))) !== 0).flat(),
        );
      }
      case "sets":
        return item.items.flatMap((inner) => this.#itemSets(inner, select, context));
    }
  }

  /** Place of the group of an expression: an input column, else an output's name or number, else the expression itself. */
  #group(syntax: Expression, select: readonly SelectItem[], context: ExpressionContext): number {
    const output = this.#outputOf(syntax, select, context);
    if (output !== null) output.expression = asText(this.#binder, output.expression);
    const bound = asText(this.#binder, this.#resolve(syntax, select, context));
    const key = expressionKey(bound);
    const known = key === null ? undefined : this.#idByKey.get(key);
    if (known !== undefined && output !== null && !this.#idByOutput.has(output.expression)) this.#sameAgain = syntax;
    if (known !== undefined) return this.#groups.findIndex(({ id }) => id === known);
    expectEquality(this.#binder, bound.type, beginningOf(syntax));
    const isOwn = bound.kind === "column" && this.#scope.owns(bound.id);
    const id = isOwn ? bound.id : this.#binder.newId();
    if (!isOwn) this.#hasExpressions = true;
    this.#groups.push({ id, expression: bound });
    this.#groupIds.add(id);
    if (key !== null) this.#idByKey.set(key, id);
    if (output !== null) this.#idByOutput.set(output.expression, id);
    return this.#groups.length - 1;
  }

  #resolve(syntax: Expression, select: readonly SelectItem[], context: ExpressionContext): BoundExpression {
    if (syntax.kind === "integerLiteral") {
      const output = this.#outputs[syntax.value - 1];
      if (output === undefined) {
        throw new SqlError("42P10", `GROUP BY position ${syntax.value} is not in select list`, {
          position: positionOf(syntax.location),
        });
      }
      // Where a * stands in the list, numbers are not those of its items, and an aggregate behind it is found by its column.
      const item = hasStar(select) ? undefined : select[syntax.value - 1];
      if (item !== undefined) return bindExpression(item.expression, context);
      const used = columnsOf(output.expression);
      if (this.#collector.aggregates.some(({ id }) => used.has(id)))
        throw new SqlError("42803", "aggregate functions are not allowed in GROUP BY", {
          position: positionOf(output.expression.location),
        });
      return output.expression;
    }
    if (syntax.kind === "columnName" && syntax.parts.length === 1 && !syntax.isStar) {
      const name = syntax.parts[0] ?? "";
      const isInput = context.scope.names.columns.some((column) => column.name === name);
      const named = isInput ? [] : select.filter((item) => item.name === name);
      const [first] = named;
      if (first !== undefined) return bindExpression(first.expression, context);
    }
    if (isConstant(syntax)) {
      throw new SqlError("42601", "non-integer constant in GROUP BY", { position: positionOf(syntax.location) });
    }
    return bindExpression(syntax, context);
  }

  /** The result column that an item of GROUP BY is; null when it is an expression of its own. */
  #outputOf(syntax: Expression, select: readonly SelectItem[], context: ExpressionContext): Output | null {
    if (syntax.kind === "integerLiteral") return this.#outputs[syntax.value - 1] ?? null;
    if (syntax.kind !== "columnName" || syntax.parts.length !== 1 || syntax.isStar || hasStar(select)) return null;
    const [name] = syntax.parts;
    if (context.scope.names.columns.some((column) => column.name === name)) return null;
    return this.#outputs[select.findIndex((item) => item.name === name)] ?? null;
  }

  /** An expression of the select list, HAVING or ORDER BY as one over what the grouping puts out. */
  finish(expression: BoundExpression): BoundExpression {
    if (expression.kind === "column" && !this.#isSet(expression.id)) {
      const isGroup = this.#groupIds.has(expression.id);
      if (!isGroup && this.#scope.owns(expression.id))
        this.#determined(expression.id, expression.name, expression.location, false);
      return expression;
    }
    if (expression.kind === "grouping") return this.#bits(expression);
    const grouped = this.#idByOutput.get(expression);
    if (grouped !== undefined)
      return { kind: "column", id: grouped, name: "", type: expression.type, location: expression.location };
    if (this.#hasExpressions) {
      const key = expressionKey(expression);
      const id = key === null ? undefined : this.#idByKey.get(key);
      if (id !== undefined) {
        return { kind: "column", id, name: "", type: expression.type, location: expression.location };
      }
    }
    if (expression.kind === "column") return expression;
    if (expression.kind === "subquery") {
      for (const id of expression.subplan.outer) {
        if (this.#groupIds.has(id) || !this.#scope.owns(id)) continue;
        this.#determined(id, this.#nameOf(id), expression.location, true);
      }
      return expression;
    }
    return mapParts(expression, (part) => this.finish(part));
  }

  #isSet(id: ColumnId): boolean {
    return this.#made.has(id) || this.#collector.sets.has(id);
  }

  /** A column of a table whose primary key is grouped by goes along with it. 42803 for any other. */
  #determined(id: ColumnId, name: string, location: number, inSubquery: boolean): void {
    const relation = this.#scope.names.relations.find(
      ({ columns, present }) => present?.id === id || columns.some((column) => column.id === id),
    );
    const keys = relation?.table?.keyColumns ?? [];
    const isKeyed =
      relation !== undefined &&
      keys.length > 0 &&
      this.#sets === null &&
      keys.every((number) =>
        relation.columns.some((column) => column.column === number && this.#groupIds.has(column.id)),
      );
    const column = relation?.columns.find((one) => one.id === id);
    const type = relation?.present?.id === id ? relation.present.type : column?.type;
    if (!isKeyed || type === undefined) {
      throw new SqlError(
        "42803",
        inSubquery
          ? `subquery uses ungrouped column "${name}" from outer query`
          : `column "${name}" must appear in the GROUP BY clause or be used in an aggregate function`,
        { position: positionOf(location) },
      );
    }
    this.#groups.push({ id, expression: { kind: "column", id, name, type, location: -1 } });
    this.#groupIds.add(id);
  }

  #nameOf(id: ColumnId): string {
    for (const { name, columns } of this.#scope.names.relations) {
      const found: ScopeColumn | undefined = columns.find((column) => column.id === id);
      if (found !== undefined) return `${name}.${found.name}`;
    }
    return "?column?";
  }

  #bits(expression: Extract<BoundExpression, { kind: "grouping" }>): BoundExpression {
    const reference = this.#collector.groupings.find(({ id }) => id === expression.setId);
    if (reference === undefined) return expression;
    const places = reference.items.map((item) => {
      const key = expressionKey(item);
      const id = key === null ? undefined : this.#idByKey.get(key);
      const place = this.#groups.findIndex((group) => group.id === id);
      if (place >= 0) return place;
      throw new SqlError("42803", "arguments to GROUPING must be grouping expressions of the associated query level", {
        position: positionOf(item.location),
      });
    });
    if (this.#sets === null) {
      return { kind: "constant", value: 0, type: sqlType(typeOid.int4), location: expression.location };
    }
    const bitsOfSet = this.#sets.map((set) =>
      places.reduce((bits, place) => bits * 2 + (set.includes(place) ? 0 : 1), 0),
    );
    return { ...expression, setId: this.#setId, bitsOfSet };
  }

  /** The grouping as an operator, once everything above it has been finished. */
  plan(input: PlanNode): PlanNode {
    const grouped = this.#aggregate(input);
    const within = this.#collector.groupings.filter(({ isWithin }) => isWithin);
    if (within.length === 0) return grouped;
    const type = sqlType(typeOid.int4);
    const passed = grouped.columns.map((column): BoundExpression => ({ kind: "column", ...column, location: -1 }));
    const bits = within.map(({ id, location }) =>
      this.#bits({ kind: "grouping", setId: id, bitsOfSet: [], type, location }),
    );
    return {
      kind: "project",
      input: grouped,
      expressions: [...passed, ...bits],
      columns: [...grouped.columns, ...within.map(({ id }) => ({ id, type, name: "grouping" }))],
      ...estimates,
    };
  }

  /**
   * Direct arguments of ordered-set aggregates are the same for all rows of a group. They are computed of one of those rows, where a column that a
   * grouping set leaves out is there still.
   */
  #expectGroupedDirect(): void {
    for (const direct of this.#collector.aggregates.flatMap((call) => call.direct)) {
      const used = columnsOf(this.#finishDirect(direct));
      const isLeftOut = (place: number): boolean => this.#sets?.some((set) => !set.includes(place)) ?? false;
      if (this.#groups.some(({ id }, place) => used.has(id) && isLeftOut(place)))
        throw notSupported("a direct argument that a grouping set leaves out", positionOf(direct.location));
    }
  }

  #finishDirect(direct: BoundExpression): BoundExpression {
    try {
      return this.finish(direct);
    } catch (error) {
      if (!(error instanceof SqlError) || error.sqlState !== "42803") throw error;
      const detail = "Direct arguments of an ordered-set aggregate must use only grouped columns.";
      throw new SqlError(error.sqlState, error.message, { ...error.fields, detail });
    }
  }

  #aggregate(input: PlanNode): AggregateNode {
    this.#expectGroupedDirect();
    // What stands above may make the same rows again, under the columns of the calls themselves.
    const names = new Map(this.#made.calls.map(({ id }) => [id, this.#binder.newId()]));
    const below = (expression: BoundExpression): BoundExpression => renamed(expression, names);
    const made = this.#made.calls.map((call) => ({
      ...call,
      id: names.get(call.id) ?? call.id,
      arguments: call.arguments.map(below),
    }));
    const groups = this.#groups.map(({ id, expression }) => ({ id, expression: below(expression) }));
    const hasSets = this.#sets !== null;
    const columns: PlanColumn[] = [
      ...this.#groups.map(({ id, expression }) => ({ id, type: expression.type, name: "" })),
      ...this.#collector.aggregates.map(({ id, type, callee }) => ({ id, type, name: callee.name })),
      ...(hasSets ? [{ id: this.#setId, type: sqlType(typeOid.int4), name: "" }] : []),
    ];
    return {
      kind: "aggregate",
      input: addSets(input, made),
      groups,
      sets: this.#sets,
      setId: hasSets ? this.#setId : null,
      aggregates: this.#collector.aggregates,
      isPlain: this.isPlain,
      columns,
      ...estimates,
    };
  }
}

const hasStar = (select: readonly SelectItem[]): boolean =>
  select.some(({ expression }) => expression.kind === "columnName" && expression.isStar);

function distinctSets(sets: readonly (readonly number[])[], isDistinct: boolean): readonly (readonly number[])[] {
  const normal = sets.map((set) => [...new Set(set)].toSorted((a, b) => a - b));
  if (!isDistinct) return normal;
  const seen = new Set<string>();
  return normal.filter((set) => {
    const key = set.join(" ");
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
