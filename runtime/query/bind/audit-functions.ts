/**
 * Functions of the schema `kimberlite` in FROM, whose columns are those of the table that they are asked about. Each stands for a query over
 * FOR SYSTEM_TIME and `kimberlite.commits`, which is made here and bound in its place: what it costs and shows follows from the planner.
 *
 *   row_history('t' [, key …])  every version of each row, or of the one with this primary key
 *   diff('t', from, to)         rows that differ between two positions or moments
 */
import { primaryKeyOf, type TableDefinition } from "../catalog/model.js";
import { notSupported, SqlError } from "../error.js";
import type { Expression, FunctionCall } from "../syntax/ast-expression.js";
import type { FromItem, FunctionReference, Query, SystemTime, TimePoint } from "../syntax/ast-query.js";
import { readQualifiedName } from "../types/quote.js";
import { type Oid, typeOid } from "../types/sql-type.js";
import { typeFactsOf } from "../types/type-table.js";
import { type Binder, positionOf } from "./binder.js";
import {
  allOf,
  anyOf,
  callOf,
  caseOf,
  castTo,
  columnOf,
  commitsAs,
  compare,
  isNull,
  itemOf,
  joinOf,
  nullValue,
  over,
  queryOf,
  text,
  valuesAs,
} from "./build-syntax.js";
import { findRelation, missingTable } from "./relation.js";

interface Asked {
  readonly table: TableDefinition;
  readonly schema: string;
  readonly call: FunctionCall;
  /** Arguments behind the table's name. */
  readonly rest: readonly Expression[];
}

/** The query that a function of this schema stands for; null for every other item. Throws 42883, 42P01, 42809, 22023. */
export function auditQuery({ functions, hasOrdinality, definitions }: FunctionReference, binder: Binder): Query | null {
  const [only] = functions;
  if (only === undefined || functions.length > 1 || only.call.kind !== "functionCall") return null;
  const { call } = only;
  const [schema, name] = call.name;
  if (schema !== "kimberlite" || (name !== "row_history" && name !== "diff")) return null;
  if (hasOrdinality) throw notSupported(`WITH ORDINALITY of kimberlite.${name}`, positionOf(call.location));
  if (definitions.length > 0) {
    throw new SqlError("42601", "a column definition list is redundant for a function returning a table", {
      position: positionOf(call.location),
    });
  }
  const asked = askedOf(call, name, binder);
  return name === "row_history" ? rowHistory(asked) : diff(asked, binder);
}

function askedOf(call: FunctionCall, name: string, binder: Binder): Asked {
  const [first, ...rest] = call.arguments;
  const named = first?.kind === "cast" ? first.subject : first;
  if (named?.kind !== "stringLiteral" || call.argumentNames.some((argument) => argument !== null)) {
    throw new SqlError("42883", `kimberlite.${name} begins with the name of a table, as a constant`, {
      position: positionOf(call.location),
    });
  }
  const parts = readQualifiedName(named.text);
  const wanted = { database: null, schema: parts.at(-2) ?? null, name: parts.at(-1) ?? "", location: named.location };
  const found = parts.length > 2 ? null : findRelation(wanted, binder.environment);
  if (found === null) throw missingTable(wanted);
  if (found.relation.kind !== "table" || found.isSystem) {
    throw new SqlError("42809", `"${found.relation.name}" is not a table that has a history`, {
      position: positionOf(named.location),
    });
  }
  return { table: found.relation, schema: found.schema, call, rest };
}

const tableAs = ({ table, schema }: Asked, name: string, time: SystemTime): FromItem => ({
  kind: "table",
  name: { database: null, schema, name: table.name, location: -1 },
  alias: { name, columns: [] },
  time,
  isInherited: true,
  location: -1,
});

const liveColumns = ({ columns }: TableDefinition): readonly string[] =>
  columns.filter(({ isDropped }) => !isDropped).map(({ name }) => name);

/** Names that do not stand in the way of the table's own columns: they are only seen within the query. */
const [row, key, begun, ended] = ["row", "key", "begun", "ended"] as const;

function rowHistory(asked: Asked): Query {
  const { table, call, rest } = asked;
  const keyColumns = primaryKeyOf(table)?.columns ?? table.keyColumns;
  if (rest.length > 0 && rest.length !== keyColumns.length) {
    const names = keyColumns.map((number) => table.columns[number - 1]?.name).join(", ");
    throw new SqlError("42883", `kimberlite.row_history of table "${table.name}" takes its primary key or nothing`, {
      position: positionOf(call.location),
      detail: names === "" ? "It has no primary key." : `Its primary key is (${names}).`,
    });
  }
  const [from, to] = [columnOf(row, "from_position"), columnOf(row, "to_position")];
  const beside = (name: "lag" | "lead", value: Expression): Expression =>
    over(callOf(name, value), columnOf(row, "row_key"), from);
  const operation = caseOf(compare("=", beside("lag", to), from), text("update"), text("insert"));
  const ending = caseOf(
    isNull(to),
    nullValue,
    caseOf(compare("=", beside("lead", from), to), text("update"), text("delete")),
  );
  let source = tableAs(asked, row, { kind: "all", location: -1 });
  let where: Expression | null = null;
  if (rest.length > 0) {
    // The values are bound here, where they see what stands to the left and nothing of the table.
    const values = rest.map((value, index) => castTo(typeNameOf(table, keyColumns[index] ?? 0), value));
    const names = values.map((_, index) => `k${index}`);
    source = joinOf("cross", valuesAs(key, names, values), source, null);
    const terms = names.map((name, index) =>
      compare("=", columnOf(row, table.columns[(keyColumns[index] ?? 0) - 1]?.name ?? ""), columnOf(key, name)),
    );
    where = allOf(terms);
  }
  source = joinOf("left", source, commitsAs(begun), compare("=", columnOf(begun, "position"), from));
  source = joinOf("left", source, commitsAs(ended), compare("=", columnOf(ended, "position"), to));
  const items = [
    itemOf("from_position", from),
    itemOf("to_position", to),
    itemOf("from_time", columnOf(begun, "time")),
    itemOf("to_time", columnOf(ended, "time")),
    itemOf("operation", operation),
    itemOf("principal", columnOf(begun, "principal")),
    itemOf("ended_by_operation", ending),
    itemOf("ended_by_principal", columnOf(ended, "principal")),
    ...liveColumns(table).map((name) => itemOf(name, columnOf(row, name))),
  ];
  return queryOf(items, source, where);
}

const typeNameOf = (table: TableDefinition, column: number): string =>
  typeFactsOf(table.columns[column - 1]?.type.oid ?? 0)?.name ?? "text";

function diff(asked: Asked, binder: Binder): Query {
  const { table, call, rest } = asked;
  const [from, to] = rest;
  if (from === undefined || to === undefined || rest.length > 2) {
    throw new SqlError("42883", "kimberlite.diff takes a table and two positions or two timestamps", {
      position: positionOf(call.location),
    });
  }
  const [first, second] = [pointOf(from, binder), pointOf(to, binder)];
  const [before, after] = [columnOf("before", "row_key"), columnOf("after", "row_key")];
  const side = (name: string, point: TimePoint, other: TimePoint): FromItem => ({
    kind: "subqueryReference",
    query: changedSince(asked, point, positionExpression(other)),
    alias: { name, columns: [] },
    isLateral: false,
    location: -1,
  });
  const changed = joinOf(
    "full",
    side("before", first, second),
    side("after", second, first),
    compare("=", before, after),
  );
  const position: Expression = {
    kind: "coalesce",
    items: [columnOf("after", "from_position"), columnOf("before", "to_position")],
    location: -1,
  };
  const operation = caseOf(isNull(before), text("insert"), caseOf(isNull(after), text("delete"), text("update")));
  const columns = liveColumns(table);
  const old = callOf("jsonb_build_object", ...columns.flatMap((name) => [text(name), columnOf("before", name)]));
  const items = [
    itemOf("operation", operation),
    itemOf("position", position),
    itemOf("time", columnOf(begun, "time")),
    itemOf("principal", columnOf(begun, "principal")),
    ...columns.map((name) => itemOf(name, caseOf(isNull(after), columnOf("before", name), columnOf("after", name)))),
    itemOf("before", caseOf(isNull(before), nullValue, old)),
  ];
  const who = joinOf("left", changed, commitsAs(begun), compare("=", columnOf(begun, "position"), position));
  return queryOf(items, who, null);
}

/** Rows as they were at a point, without those that were the same at the other one: the rest is little, whatever the table's size. */
function changedSince(asked: Asked, point: TimePoint, other: Expression): Query {
  const names = [...liveColumns(asked.table), "row_key", "from_position", "to_position"];
  const table = tableAs(asked, row, { kind: "asOf", point, location: -1 });
  const isLater = compare(">", columnOf(row, "from_position"), other);
  const isOver = compare("<=", columnOf(row, "to_position"), other);
  return queryOf(
    names.map((name) => itemOf(name, columnOf(row, name))),
    table,
    anyOf([isLater, isOver]),
  );
}

/** Integers are positions, all else is a moment. */
function pointOf(value: Expression, binder: Binder): TimePoint {
  const isPosition =
    value.kind === "integerLiteral" ||
    value.kind === "numberLiteral" ||
    (value.kind === "parameterName" && isPositionType(binder.parameterType(value.number)?.oid ?? 0)) ||
    (value.kind === "cast" && isPositionType(castType(value.type.names.at(-1) ?? "")));
  return { kind: isPosition ? "position" : "timestamp", value, location: value.location };
}

const castType = (name: string): Oid =>
  name === "int8" || name === "int4" || name === "int2" ? typeOid.int8 : typeOid.unknown;

const integers: ReadonlySet<Oid> = new Set([typeOid.int2, typeOid.int4, typeOid.int8]);

/** A parameter whose type nobody has said is a position. */
const isPositionType = (oid: Oid): boolean => oid === 0 || oid === typeOid.unknown || integers.has(oid);

/** The position of a point, for comparisons: that of the newest command which is not later than the moment, -1 before the first one. */
function positionExpression({ kind, value }: TimePoint): Expression {
  if (kind === "position") return castTo("int8", value);
  const moment = castTo("timestamptz", value);
  const newest = queryOf(
    [itemOf("position", columnOf(begun, "position"))],
    commitsAs(begun),
    compare("<=", columnOf(begun, "time"), moment),
    { expression: columnOf(begun, "time"), isDescending: true },
  );
  const found: Expression = {
    kind: "subquery",
    form: "scalar",
    query: newest,
    subject: null,
    operator: "",
    location: -1,
  };
  return { kind: "coalesce", items: [found, { kind: "integerLiteral", value: -1, location: -1 }], location: -1 };
}
