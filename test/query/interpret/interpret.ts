/**
 * The executor's twin: runs a plan as it was bound, a row at a time, by what each operator means. No batches, no hashing, no index, no
 * compiled code, nothing kept but what is asked for. It is slow, and short enough to be read through; the executor is held to its rows.
 */
import type { BoundQuery } from "../../../runtime/query/bind/bound.js";
import type { QueryEnvironment } from "../../../runtime/query/engine.js";
import { SqlError } from "../../../runtime/query/error.js";
import { readAt } from "../../../runtime/query/execute/vector.js";
import type { BoundExpression, Subplan } from "../../../runtime/query/plan/expression.js";
import {
  type FunctionScanNode,
  type JoinNode,
  type PlanNode,
  rowKeyColumn,
  type ScanNode,
} from "../../../runtime/query/plan/plan.js";
import { SqlArray } from "../../../runtime/query/types/array.js";
import type { Datum } from "../../../runtime/query/types/datum.js";
import { SqlRecord } from "../../../runtime/query/types/record.js";
import { unreachable } from "../../../runtime/types/assert.js";
import { aggregated } from "./aggregate.js";
import { areSame, orderOf } from "./compare.js";
import { all, any, type ExpressionPort, evaluate } from "./expression.js";
import { joined, noRow, type Row, rowOf, Scope, valuesOf } from "./scope.js";
import { windowed } from "./window.js";

/** What the interpreter has no meaning for: changes of tables, locks, other times than now. */
export class NotInterpreted extends Error {}

/** All rows of a query that was bound, and not planned. */
export function interpret(query: BoundQuery, environment: QueryEnvironment): readonly (readonly Datum[])[] {
  const interpreter = new Interpreter(environment);
  return [...interpreter.rows(query.plan, null)].map((row) => query.outputs.map((id) => row.get(id) ?? null));
}

class Interpreter implements ExpressionPort {
  readonly #environment: QueryEnvironment;
  readonly #common = new Map<number, readonly Row[]>();
  /** Rows of recursive queries' last rounds, as lists of values. */
  readonly #working = new Map<number, readonly (readonly Datum[])[]>();

  constructor(environment: QueryEnvironment) {
    this.#environment = environment;
  }

  get context() {
    return this.#environment.context;
  }

  get parameters() {
    return this.#environment.parameters;
  }

  #value(expression: BoundExpression, row: Row, outer: Scope | null): Datum {
    return evaluate(expression, new Scope(row, outer), this);
  }

  subquery(subplan: Subplan, scope: Scope): Datum {
    const { form, plan, columns, test } = subplan;
    const rows = this.rows(plan, scope);
    const [id] = columns;
    const valueOf = (row: Row): Datum => (id === undefined ? null : (row.get(id) ?? null));
    switch (form) {
      case "exists":
        return rows.next().done !== true;
      case "scalar": {
        const [first, second] = [rows.next(), rows.next()];
        if (first.done === true) return null;
        if (second.done !== true)
          throw new SqlError("21000", "more than one row returned by a subquery used as an expression");
        return valueOf(first.value);
      }
      case "array": {
        const type = plan.columns.find((column) => column.id === id)?.type.oid ?? 0;
        return new SqlArray(type, [...rows].map(valueOf));
      }
      case "any":
      case "all": {
        if (test === null) throw new Error("ANY and ALL compare");
        const compare = (row: Row): Datum => this.#value(test, row, scope);
        return form === "any" ? any(rows, compare) : all(rows, compare);
      }
    }
  }

  *rows(node: PlanNode, outer: Scope | null): Generator<Row> {
    switch (node.kind) {
      case "scan":
        yield* this.#scan(node, outer);
        return;
      case "systemScan": {
        const places = node.numbers.map((number) => node.table.columns.findIndex((column) => column.number === number));
        for (const values of this.#environment.systemRows(node.table)) {
          const row = rowOf(
            node.columns,
            places.map((place) => values[place] ?? null),
          );
          if (node.filter === null || this.#value(node.filter, row, outer) === true) yield row;
        }
        return;
      }
      case "values":
        for (const items of node.items)
          yield rowOf(
            node.columns,
            items.map((item) => this.#value(item, noRow, outer)),
          );
        return;
      case "filter":
        for (const row of this.rows(node.input, outer)) if (this.#value(node.condition, row, outer) === true) yield row;
        return;
      case "project":
        for (const row of this.rows(node.input, outer))
          yield rowOf(
            node.columns,
            node.expressions.map((expression) => this.#value(expression, row, outer)),
          );
        return;
      case "join":
        yield* this.#join(node, outer);
        return;
      case "aggregate":
        yield* aggregated(node, [...this.rows(node.input, outer)], outer, this);
        return;
      case "window":
        yield* windowed(node, [...this.rows(node.input, outer)], outer, this);
        return;
      case "sort": {
        const keyed = [...this.rows(node.input, outer)].map((row) => ({
          row,
          keys: node.keys.map(({ expression }) => this.#value(expression, row, outer)),
        }));
        for (const { row } of keyed.toSorted((a, b) => orderOf(node.keys, a.keys, b.keys))) yield row;
        return;
      }
      case "limit":
        yield* this.#limit(node, outer);
        return;
      case "distinct":
        yield* this.#unique(this.rows(node.input, outer), node.keys, outer);
        return;
      case "setOperation":
        yield* this.#setOperation(node, outer);
        return;
      case "functionScan": {
        const runs = node.functions.map((one) =>
          this.#set(
            one.callee,
            one.arguments.map((argument) => this.#value(argument, noRow, outer)),
            one.columns,
          ),
        );
        const longest = Math.max(0, ...runs.map((rows) => rows.length));
        for (let at = 0; at < longest; at += 1) {
          const values = node.functions.flatMap(({ width }, index) =>
            Array.from({ length: width }, (_, column) => runs[index]?.[at]?.[column] ?? null),
          );
          yield rowOf(node.columns, node.hasOrdinality ? [...values, at + 1] : values);
        }
        return;
      }
      case "projectSet": {
        const added = node.columns.slice(node.columns.length - node.functions.length);
        for (const row of this.rows(node.input, outer)) {
          const runs = node.functions.map((one) =>
            this.#set(
              one.callee,
              one.arguments.map((argument) => this.#value(argument, row, outer)),
              one.callee.columns ?? [],
            ),
          );
          const longest = Math.max(0, ...runs.map((rows) => rows.length));
          for (let at = 0; at < longest; at += 1)
            yield joined(
              row,
              rowOf(
                added,
                runs.map((rows) => rows[at]?.[0] ?? null),
              ),
            );
        }
        return;
      }
      case "commonTable": {
        const known = this.#common.get(node.number) ?? [...this.rows(node.source, outer)];
        this.#common.set(node.number, known);
        for (const row of known)
          yield rowOf(
            node.columns,
            node.sourceColumns.map((id) => row.get(id) ?? null),
          );
        return;
      }
      case "recursive":
        yield* this.#recursive(node, outer);
        return;
      case "workingTable":
        for (const values of this.#working.get(node.number) ?? []) yield rowOf(node.columns, values);
        return;
      case "modification":
      case "withModifications":
      case "lock":
        throw new NotInterpreted(node.kind);
      default:
        unreachable(node);
    }
  }

  *#scan({ table, numbers, columns, filter, time }: ScanNode, outer: Scope | null): Generator<Row> {
    if (time !== null) throw new NotInterpreted("another time");
    const stored = numbers.filter((number) => number !== rowKeyColumn);
    const scan = this.#environment.source.scan({
      table,
      index: null,
      ranges: [{ from: null, to: null }],
      isBackward: false,
      columns: stored,
      wantsKeys: numbers.length !== stored.length,
      history: null,
    });
    for (let batch = scan.next(); batch !== null; batch = scan.next())
      for (let at = 0; at < batch.rows; at += 1) {
        const values = batch.columns.map((vector) => readAt(vector, at));
        if (numbers.length !== stored.length)
          values.splice(numbers.indexOf(rowKeyColumn), 0, batch.keys[at]?.slice() ?? null);
        const row = rowOf(columns, values);
        if (filter === null || this.#value(filter, row, outer) === true) yield row;
      }
    scan.close();
  }

  *#join({ type, left, right, condition, isLateral, method }: JoinNode, outer: Scope | null): Generator<Row> {
    if (method.kind !== "nestedLoop") throw new NotInterpreted("a join that was planned");
    const nullRight = rowOf(right.columns, []);
    const rightRows = isLateral ? null : [...this.rows(right, outer)];
    const matchedRight = new Set<Row>();
    for (const row of this.rows(left, outer)) {
      const candidates = rightRows ?? this.rows(right, new Scope(row, outer));
      let isMatched = false;
      for (const other of candidates) {
        const both = joined(row, other);
        if (condition !== null && this.#value(condition, both, outer) !== true) continue;
        isMatched = true;
        matchedRight.add(other);
        if (type === "semi" || type === "anti") break;
        yield both;
      }
      if (type === "semi" ? isMatched : type === "anti" && !isMatched) yield row;
      if ((type === "left" || type === "full") && !isMatched) yield joined(row, nullRight);
    }
    if (type !== "right" && type !== "full") return;
    for (const other of rightRows ?? []) if (!matchedRight.has(other)) yield joined(rowOf(left.columns, []), other);
  }

  *#limit(node: Extract<PlanNode, { kind: "limit" }>, outer: Scope | null): Generator<Row> {
    const count = (expression: BoundExpression | null, what: "LIMIT" | "OFFSET", all: number): number => {
      const value = expression === null ? null : this.#value(expression, noRow, outer);
      if (value === null) return all;
      if (Number(value) < 0) throw new SqlError(what === "LIMIT" ? "2201W" : "2201X", `${what} must not be negative`);
      return Number(value);
    };
    const { ties } = node;
    const skipped = count(node.offset, "OFFSET", 0);
    const wanted = count(node.limit, "LIMIT", Number.POSITIVE_INFINITY);
    const keysOf = (row: Row): Datum[] => (ties ?? []).map(({ expression }) => this.#value(expression, row, outer));
    if (wanted === 0) return;
    let at = 0;
    let last: Row | null = null;
    for (const row of this.rows(node.input, outer)) {
      at += 1;
      if (at <= skipped) continue;
      const isBeyond = at > skipped + wanted;
      if (isBeyond && (ties === null || last === null || orderOf(ties, keysOf(last), keysOf(row)) !== 0)) return;
      yield row;
      if (!isBeyond) last = row;
      if (ties === null && at === skipped + wanted) return;
    }
  }

  *#unique(rows: Iterable<Row>, keys: readonly BoundExpression[], outer: Scope | null): Generator<Row> {
    const types = keys.map(({ type }) => type.oid);
    const seen: Datum[][] = [];
    for (const row of rows) {
      const values = keys.map((key) => this.#value(key, row, outer));
      if (seen.some((one) => areSame(types, one, values))) continue;
      seen.push(values);
      yield row;
    }
  }

  *#setOperation(node: Extract<PlanNode, { kind: "setOperation" }>, outer: Scope | null): Generator<Row> {
    const { operation, isAll, columns } = node;
    const types = columns.map(({ type }) => type.oid);
    const side = (input: PlanNode): Datum[][] =>
      [...this.rows(input, outer)].map((row) => valuesOf(input.columns, row));
    const left = side(node.left);
    let right = side(node.right);
    const once = (rows: readonly Datum[][]): Datum[][] =>
      rows.filter((row, at) => rows.findIndex((other) => areSame(types, other, row)) === at);
    const put = (rows: readonly Datum[][]): Row[] => rows.map((values) => rowOf(columns, values));
    if (operation === "union") {
      yield* put(isAll ? [...left, ...right] : once([...left, ...right]));
      return;
    }
    const kept: Datum[][] = [];
    for (const row of left) {
      const at = right.findIndex((other) => areSame(types, other, row));
      if (at >= 0 && isAll) right = right.toSpliced(at, 1);
      if (at >= 0 === (operation === "intersect")) kept.push(row);
    }
    yield* put(isAll ? kept : once(kept));
  }

  *#recursive(node: Extract<PlanNode, { kind: "recursive" }>, outer: Scope | null): Generator<Row> {
    const types = node.columns.map(({ type }) => type.oid);
    const seen: Datum[][] = [];
    const fresh = (input: PlanNode): Datum[][] =>
      [...this.rows(input, outer)].flatMap((row) => {
        const values = valuesOf(input.columns, row);
        if (node.isAll) return [values];
        if (seen.some((one) => areSame(types, one, values))) return [];
        seen.push(values);
        return [values];
      });
    for (let round = fresh(node.start); round.length > 0; ) {
      for (const values of round) yield rowOf(node.columns, values);
      this.#working.set(node.number, round);
      round = fresh(node.step);
    }
  }

  #set(
    callee: FunctionScanNode["functions"][number]["callee"],
    args: readonly Datum[],
    columns: FunctionScanNode["functions"][number]["columns"],
  ): readonly (readonly Datum[])[] {
    if (callee.isStrict && args.includes(null)) return [];
    return [...callee.rows(args, this.context, columns)].map((value) => {
      if (!callee.isRecord) return [value];
      return value instanceof SqlRecord ? value.values : columns.map(() => null);
    });
  }
}
