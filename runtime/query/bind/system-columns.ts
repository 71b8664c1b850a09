/** Columns that every table has beside its own, found by their names and not by `*`: `tableoid`, `ctid` and `xmin`. */
import type { MaterializedViewDefinition, TableDefinition } from "../catalog/model.js";
import { notSupported, SqlError } from "../error.js";
import type { EvaluationContext } from "../functions/context.js";
import type { ResolvedScalar } from "../functions/registry.js";
import type { BoundExpression, ColumnId } from "../plan/expression.js";
import type { PlanColumn } from "../plan/plan.js";
import { rowNumberOf } from "../table/index-keys.js";
import { bytesOf } from "../types/bytea.js";
import { sqlType, typeOid } from "../types/sql-type.js";
import { tidMax } from "../types/tid.js";
import { xidOf, xidOfPosition } from "../types/xid.js";
import { positionOf } from "./binder.js";
import type { ScopeColumn, ScopeRelation } from "./scope.js";

/** `tableoid`: the table's own oid where `present`, a column that is never null in its rows, is there: not in the empty half of an outer join. */
export function tableOid(table: TableDefinition, present: PlanColumn, location: number): ScopeColumn {
  const type = sqlType(typeOid.oid);
  const subject: BoundExpression = { kind: "column", ...present, location };
  const condition: BoundExpression = {
    kind: "isTest",
    test: "null",
    isNegated: true,
    subject,
    type: sqlType(typeOid.bool),
    location,
  };
  const result: BoundExpression = { kind: "constant", value: table.oid, type, location };
  const otherwise: BoundExpression = { kind: "constant", value: null, type, location };
  const expression: BoundExpression = { kind: "case", branches: [{ condition, result }], otherwise, type, location };
  return { id: present.id, name: "tableoid", type, table: 0, column: 0, expression };
}

/** The place of a row by its key. */
const placeOfRow: ResolvedScalar = {
  kind: "scalar",
  oid: 0,
  name: "ctid",
  argumentTypes: [sqlType(typeOid.bytea)],
  resultType: sqlType(typeOid.tid),
  volatility: "immutable",
  isStrict: true,
  evaluator: {
    arity: 1,
    call: (key) => {
      const number = rowNumberOf(bytesOf(key ?? ""));
      if (number > tidMax) throw new SqlError("54000", "the table has had more rows than ctid can tell apart");
      return number;
    },
  },
};

const calledWith = (callee: ResolvedScalar, column: PlanColumn): BoundExpression => ({
  kind: "call",
  callee,
  arguments: [{ kind: "column", ...column, location: -1 }],
  form: "function",
  type: callee.resultType,
  location: -1,
});

const writerOfRow: ResolvedScalar = {
  kind: "scalar",
  oid: 0,
  name: "xmin",
  argumentTypes: [sqlType(typeOid.int8)],
  resultType: sqlType(typeOid.xid),
  volatility: "stable",
  isStrict: true,
  evaluator: {
    arity: 1,
    call: (given, { session }: EvaluationContext) => {
      const writer = Number(given);
      if (writer === 0) return session.transactionNumber();
      return writer > 0 ? xidOfPosition(writer - 1) : -writer;
    },
  },
};

/**
 * `xmin`: what wrote a row, as long as nobody writes it again. Of a row that the transaction itself has written, which has no position yet, it is the
 * number that the transaction is known by from then on (runtime/query/types/xid.ts).
 *
 * @param writer the hidden column of a scan
 */
export function xmin(writer: PlanColumn): ScopeColumn {
  const type = writerOfRow.resultType;
  return { id: writer.id, name: "xmin", type, table: 0, column: 0, expression: calledWith(writerOfRow, writer) };
}

/** Of a row that is written: whoever carries the statement out says what it is (`RowRules.xmin`). */
export const writtenXmin = (id: ColumnId): ScopeColumn => ({
  id,
  name: "xmin",
  type: sqlType(typeOid.xid),
  table: 0,
  column: 0,
  expression: null,
});

/** The names of a row that ON CONFLICT finds: what it was written by is not at hand. */
export function withoutXmin(relation: ScopeRelation): ScopeRelation {
  const onRead = (location: number): void => {
    throw notSupported("xmin of a row that ON CONFLICT finds", positionOf(location));
  };
  const hidden = relation.hidden.map((column) => (column.name === "xmin" ? { ...column, onRead } : column));
  return { ...relation, hidden };
}

const versionOfRow: ResolvedScalar = {
  kind: "scalar",
  oid: 0,
  name: "xmin",
  argumentTypes: [sqlType(typeOid.any)],
  resultType: sqlType(typeOid.xid),
  volatility: "stable",
  isStrict: true,
  evaluator: { arity: 1, call: (_present, context: EvaluationContext) => xidOf(context.position) },
};

/**
 * `xmin` of a system relation's rows, which are made when they are read: by the transaction of now. Tools that ask what has changed since they
 * looked last then look again. @param present a column that is never null in its rows
 */
export function rowVersion(present: PlanColumn): ScopeColumn {
  const type = versionOfRow.resultType;
  return { id: present.id, name: "xmin", type, table: 0, column: 0, expression: calledWith(versionOfRow, present) };
}

/** `ctid`: which of its rows a row is, for those of a table without a primary key. Its other rows are told apart by their keys. */
export function ctid(of: TableDefinition | MaterializedViewDefinition, key: PlanColumn): ScopeColumn {
  const column = { id: key.id, name: "ctid", type: placeOfRow.resultType, table: 0, column: 0 };
  if (of.kind !== "table" || of.keyColumns.length > 0) {
    const whose = of.kind === "table" ? "a table with a primary key" : "a materialized view";
    const onRead = (location: number): void => {
      throw notSupported(`ctid of ${whose}`, positionOf(location));
    };
    return { ...column, expression: null, onRead };
  }
  return { ...column, expression: calledWith(placeOfRow, key) };
}

/** Of a row that is not there yet, or is about to be another. */
export const writtenCtid: ScopeColumn = {
  id: 0,
  name: "ctid",
  type: sqlType(typeOid.tid),
  table: 0,
  column: 0,
  expression: null,
  onRead: (location) => {
    throw notSupported("ctid of rows that are written", positionOf(location));
  },
};
