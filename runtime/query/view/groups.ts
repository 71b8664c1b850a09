/**
 * Groups of a view with aggregates: their states as they are stored, changed by rows that come and go. A row that is grouped has first the
 * values of its group, then for each aggregate its argument and whether it counts (`rowOf`).
 *
 * A group's stored row is what the view shows, then the number of rows in the group, then the aggregates' states. A group without rows is no
 * row, but for the one group of a query without GROUP BY.
 */
import { assert } from "../../types/assert.js";
import { readAt } from "../execute/vector.js";
import type { BoundExpression, ColumnId } from "../plan/expression.js";
import type { AggregateNode, PlanColumn, PlanNode } from "../plan/plan.js";
import type { ColumnVector } from "../table/access.js";
import { nameOfKey } from "../table/overlay.js";
import { RowCodec } from "../table/row-codec.js";
import type { Datum } from "../types/datum.js";
import { type SqlType, sqlType, typeOid } from "../types/sql-type.js";
import type { TextContext } from "../types/text-context.js";
import { type Gathering, type MaintainedAggregate, maintainedAggregate } from "./maintained-aggregate.js";
import { hashOf } from "./view-rows.js";

const int8 = sqlType(typeOid.int8);
const bool = sqlType(typeOid.bool);
const always: BoundExpression = { kind: "constant", value: true, type: bool, location: -1 };
const nothing: BoundExpression = { kind: "constant", value: null, type: int8, location: -1 };

/** The rows that are grouped, with what the grouping asks of each. */
export function groupedRows(
  input: PlanNode,
  { groups, aggregates }: AggregateNode,
  newId: () => ColumnId,
): { readonly plan: PlanNode; readonly outputs: readonly ColumnId[] } {
  const expressions = [
    ...groups.map(({ expression }) => expression),
    ...aggregates.flatMap((call) => [call.arguments[0] ?? nothing, call.filter ?? always]),
  ];
  const columns = expressions.map(({ type }, at): PlanColumn => ({ id: newId(), type, name: `value${at + 1}` }));
  const plan: PlanNode = { kind: "project", input, expressions, columns, rows: -1, cost: -1 };
  return { plan, outputs: columns.map(({ id }) => id) };
}

export interface GroupState {
  /** What it is grouped by. */
  readonly values: readonly Datum[];
  rows: number;
  /** One for each aggregate; null: to be computed anew. */
  states: readonly (readonly Datum[])[] | null;
}

/** Values of a group that are longer are told apart by their hash. */
const nameBytesMax = 256;

export class Groups {
  readonly #aggregates: readonly MaintainedAggregate[];
  readonly #width: number;
  readonly #keys: RowCodec;
  /** No GROUP BY: one row even of nothing. */
  readonly #isPlain: boolean;

  constructor({ groups, aggregates, isPlain }: AggregateNode, text: TextContext) {
    this.#aggregates = aggregates.map((call) => maintainedAggregate(call, text));
    this.#width = groups.length;
    this.#isPlain = isPlain && groups.length === 0;
    this.#keys = new RowCodec(
      groups.map(({ expression }, at) => ({ number: at + 1, type: expression.type, missingValue: null })),
    );
  }

  /** Types of the columns behind those that the view shows. */
  get stateTypes(): readonly SqlType[] {
    return [int8, ...this.#aggregates.flatMap(({ stateTypes }) => stateTypes)];
  }

  /** Equal values of what can be grouped by here are the same bytes (shape.ts). @param row or a group's values */
  keyOf(row: readonly Datum[]): Uint8Array {
    return hashOf(this.#keys.encodeView(this.valuesOf(row)));
  }

  /** What a row is grouped by. */
  valuesOf(row: readonly Datum[]): readonly Datum[] {
    return row.length === this.#width ? row : row.slice(0, this.#width);
  }

  /** The same of a row of a batch. */
  valuesAt(columns: readonly ColumnVector[], row: number): readonly Datum[] {
    const values: Datum[] = [];
    for (let at = 0; at < this.#width; at++) {
      const column = columns[at];
      assert(column !== undefined, "a row has what it is grouped by");
      values.push(readAt(column, row));
    }
    return values;
  }

  /**
   * What the group of these values is found by while a change is worked out: a hash for each of its rows would be dear. A number or a text
   * is its own name, where the group has no other value.
   */
  nameOf(values: readonly Datum[]): string | number {
    assert(values.length === this.#width, "a group has the values that it is grouped by");
    const [only] = values;
    if (this.#width === 1) {
      if (typeof only === "number") return only;
      if (typeof only === "string") return `'${only}`;
    }
    const bytes = this.#keys.encodeView(values);
    return bytes.length <= nameBytesMax ? `=${nameOfKey(bytes)}` : `#${nameOfKey(hashOf(bytes))}`;
  }

  isThere({ rows }: GroupState): boolean {
    return rows > 0 || this.#isPlain;
  }

  get isPlain(): boolean {
    return this.#isPlain;
  }

  empty(row: readonly Datum[]): GroupState {
    return { values: row.slice(0, this.#width), rows: 0, states: this.#aggregates.map(({ empty }) => empty) };
  }

  /** A group out of what is stored behind the view's columns. */
  decode(row: readonly Datum[], stored: readonly Datum[]): GroupState {
    const [rows, ...rest] = stored;
    let at = 0;
    const states = this.#aggregates.map(({ stateTypes }) => {
      const state = rest.slice(at, at + stateTypes.length);
      at += stateTypes.length;
      return state;
    });
    assert(at === rest.length, "a group is stored with the state of each aggregate");
    return { values: row.slice(0, this.#width), rows: Number(rows), states };
  }

  encode({ rows, states }: GroupState): readonly Datum[] {
    assert(states !== null, "a group is stored once it is computed");
    return [rows, ...states.flat()];
  }

  /** The group as the query's aggregation puts it out. */
  result({ values, states }: GroupState): readonly Datum[] {
    assert(states !== null, "a group has results once it is computed");
    return [...values, ...this.#aggregates.map((aggregate, at) => aggregate.result(states[at] ?? []))];
  }

  #each(
    group: GroupState,
    row: readonly Datum[],
    change: (aggregate: MaintainedAggregate, state: readonly Datum[], value: Datum) => readonly Datum[] | null,
  ): void {
    assert(row.length === this.#width + 2 * this.#aggregates.length, "a row has what each aggregate asks for");
    if (group.states === null) return;
    const next: (readonly Datum[])[] = [];
    for (const [at, aggregate] of this.#aggregates.entries()) {
      const [value, counts] = row.slice(this.#width + 2 * at, this.#width + 2 * at + 2);
      const state = group.states[at];
      assert(state !== undefined, "each aggregate has its state");
      const changed = counts === true ? change(aggregate, state, value ?? null) : state;
      if (changed === null) {
        group.states = null;
        return;
      }
      next.push(changed);
    }
    group.states = next;
  }

  /** A row comes (1) or goes (-1). */
  change(group: GroupState, row: readonly Datum[], sign: 1 | -1): void {
    group.rows += sign;
    this.#each(group, row, (aggregate, state, value) =>
      sign === 1 ? aggregate.insert(state, value) : aggregate.remove(state, value),
    );
  }

  /** A group without rows, to be computed anew from all of them. */
  gathered(values: readonly Datum[]): GatheredGroup {
    assert(values.length === this.#width, "a group has the values that it is grouped by");
    return new GatheredGroup(
      values,
      this.#aggregates.map((aggregate) => aggregate.gather()),
    );
  }
}

/** A group that is computed from all of its rows, in their order. */
export class GatheredGroup {
  readonly values: readonly Datum[];
  readonly #gathered: readonly Gathering[];
  rows = 0;

  constructor(values: readonly Datum[], gathered: readonly Gathering[]) {
    this.values = values;
    this.#gathered = gathered;
  }

  /** One row more. @param columns as a row that is grouped has them, of which `row` is the row's place */
  append(columns: readonly ColumnVector[], row: number): void {
    this.rows += 1;
    let at = this.values.length;
    for (let index = 0; index < this.#gathered.length; index++, at += 2) {
      const [value, counts] = [columns[at], columns[at + 1]];
      assert(value !== undefined && counts !== undefined, "a row has what each aggregate asks for");
      if (readAt(counts, row) === true) this.#gathered[index]?.add(readAt(value, row));
    }
  }

  get state(): GroupState {
    return { values: this.values, rows: this.rows, states: this.#gathered.map(({ state }) => state) };
  }
}
