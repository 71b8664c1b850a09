/**
 * Expressions and queries as SQL text again: what catalogs show of defaults, checks, indexes and views. Parentheses stand wherever an
 * operator is part of another, so that the text means the tree whatever binds tighter.
 */
import { unreachable } from "../../types/assert.js";
import type { Expression, FunctionCall, SortItem, TypeName, WindowDefinition } from "./ast-expression.js";
import { isModification } from "./ast-modify.js";
import type {
  CommonTable,
  FromItem,
  GroupItem,
  Query,
  RelationName,
  SelectItem,
  SystemTime,
  WithClause,
} from "./ast-query.js";

/** Between the two sides of a join, by its type. */
export const joinWords = {
  inner: "JOIN",
  left: "LEFT JOIN",
  right: "RIGHT JOIN",
  full: "FULL JOIN",
  cross: "CROSS JOIN",
} as const;

/** Behind the two ends of a window's frame. */
export const exclusionWords = {
  noOthers: "",
  currentRow: " EXCLUDE CURRENT ROW",
  group: " EXCLUDE GROUP",
  ties: " EXCLUDE TIES",
} as const;

/** Words that the grammar keeps for itself, as far as names may be written like them. */
const reserved: ReadonlySet<string> = new Set(
  (
    "all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case cast char character check " +
    "coalesce collate column concurrently constraint create cross current_catalog current_date current_role current_schema current_time " +
    "current_timestamp current_user dec decimal default deferrable desc distinct do else end except exists extract false fetch float for " +
    "foreign freeze from full grant greatest group grouping having ilike in initially inner int integer intersect interval into is isnull " +
    "join lateral leading least left like limit localtime localtimestamp national natural nchar none normalize not notnull null nullif " +
    "numeric offset on only or order out outer overlaps overlay placing position precision primary real references returning right row " +
    "select session_user setof similar smallint some substring symmetric table tablesample then time timestamp to trailing treat trim true " +
    "union unique user using values varchar variadic verbose when where window with"
  ).split(" "),
);

/** A name as it must be written: quoted where case, signs or a reserved word ask for it. */
export const quoteName = (name: string): string =>
  /^[a-z_][a-z0-9_$]*$/.test(name) && !reserved.has(name) ? name : `"${name.replaceAll('"', '""')}"`;

export const quoteText = (text: string): string =>
  text.includes("\\") ? `E'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'` : `'${text.replaceAll("'", "''")}'`;

const names = (parts: readonly string[]): string => parts.map(quoteName).join(".");
const list = (items: readonly Expression[]): string => items.map(printExpression).join(", ");

const relation = ({ schema, name }: RelationName): string =>
  schema === null ? quoteName(name) : names([schema, name]);

/** The grammar's own names of types as people write them. */
const typeSpellings: Readonly<Record<string, string>> = {
  int2: "smallint",
  int4: "integer",
  int8: "bigint",
  float4: "real",
  float8: "double precision",
  bool: "boolean",
  varchar: "character varying",
  bpchar: "character",
  timestamptz: "timestamp with time zone",
  timetz: "time with time zone",
  varbit: "bit varying",
};

export function printType(type: TypeName): string {
  const [schema, name] =
    type.names.length > 1 ? [type.names.at(-2) ?? "", type.names.at(-1) ?? ""] : ["", type.names[0] ?? ""];
  const isSystem = schema === "" || schema === "pg_catalog";
  const spelled = isSystem ? (typeSpellings[name] ?? quoteName(name)) : names(type.names);
  if (isSystem && name === "bit" && type.modifiers.length > 0)
    return `bit(${list(type.modifiers)})${"[]".repeat(type.arrayDimensions)}`;
  const modifiers = type.modifiers.length === 0 || name === "interval" ? "" : `(${list(type.modifiers)})`;
  const [base = spelled, ...rest] = spelled.split(" with ");
  const tail = rest.length === 0 ? "" : ` with ${rest.join(" with ")}`;
  return `${base}${modifiers}${tail}${"[]".repeat(type.arrayDimensions)}`;
}

export function printExpression(expression: Expression): string {
  switch (expression.kind) {
    case "columnName":
      return [...expression.parts.map(quoteName), ...(expression.isStar ? ["*"] : [])].join(".");
    case "integerLiteral":
      return expression.value < 0 ? `(${expression.value})` : String(expression.value);
    case "numberLiteral":
      return expression.text.startsWith("-") ? `(${expression.text})` : expression.text;
    case "stringLiteral":
      return quoteText(expression.text);
    case "bitLiteral":
      return `${expression.text.charAt(0).toUpperCase()}${quoteText(expression.text.slice(1))}`;
    case "booleanLiteral":
      return String(expression.value);
    case "nullLiteral":
      return "NULL";
    case "parameterName":
      return `$${expression.number}`;
    case "operator": {
      const operator =
        expression.schema === null ? expression.name : `OPERATOR(${expression.schema}.${expression.name})`;
      const right = printExpression(expression.right);
      return expression.left === null
        ? `(${operator} ${right})`
        : `(${printExpression(expression.left)} ${operator} ${right})`;
    }
    case "pattern": {
      const { subject, operator, pattern } = expression;
      return `(${printExpression(subject)} ${operator} ${printExpression(pattern)})`;
    }
    case "quantified": {
      const { left, name, quantifier, right } = expression;
      return `(${printExpression(left)} ${name} ${quantifier.toUpperCase()} (${printExpression(right)}))`;
    }
    case "inList":
      return `(${printExpression(expression.subject)} ${expression.isNegated ? "NOT " : ""}IN (${list(expression.items)}))`;
    case "between": {
      const { subject, isNegated, isSymmetric, low, high } = expression;
      const word = `${isNegated ? "NOT " : ""}BETWEEN ${isSymmetric ? "SYMMETRIC " : ""}`;
      return `(${printExpression(subject)} ${word}${printExpression(low)} AND ${printExpression(high)})`;
    }
    case "distinctFrom":
      return `(${printExpression(expression.left)} IS ${expression.isNegated ? "NOT " : ""}DISTINCT FROM ${printExpression(expression.right)})`;
    case "and":
    case "or":
      return `(${expression.terms.map(printExpression).join(` ${expression.kind.toUpperCase()} `)})`;
    case "not":
      return `(NOT ${printExpression(expression.term)})`;
    case "isTest":
      return `(${printExpression(expression.subject)} IS ${expression.isNegated ? "NOT " : ""}${expression.test.toUpperCase()})`;
    case "nullIf":
      return `NULLIF(${list([expression.left, expression.right])})`;
    case "coalesce":
    case "greatest":
    case "least":
      return `${expression.kind.toUpperCase()}(${list(expression.items)})`;
    case "case": {
      const subject = expression.subject === null ? "" : ` ${printExpression(expression.subject)}`;
      const branches = expression.branches.map(
        ({ condition, result }) => ` WHEN ${printExpression(condition)} THEN ${printExpression(result)}`,
      );
      const otherwise = expression.otherwise === null ? "" : ` ELSE ${printExpression(expression.otherwise)}`;
      return `CASE${subject}${branches.join("")}${otherwise} END`;
    }
    case "functionCall":
      return printCall(expression);
    case "cast":
      return printCast(expression.subject, printType(expression.type));
    case "subquery": {
      const query = `(${printQuery(expression.query)})`;
      if (expression.form === "exists") return `EXISTS ${query}`;
      if (expression.form === "array") return `ARRAY${query}`;
      if (expression.form === "scalar" || expression.subject === null) return query;
      return `(${printExpression(expression.subject)} ${expression.operator} ${expression.form.toUpperCase()} ${query})`;
    }
    case "array":
      return `ARRAY[${list(expression.items)}]`;
    case "row":
      return `ROW(${list(expression.items)})`;
    case "indirection": {
      const subject = printExpression(expression.subject);
      const { step } = expression;
      switch (step.kind) {
        case "field":
          return `(${subject}).${quoteName(step.name)}`;
        case "star":
          return `(${subject}).*`;
        case "index":
          return `(${subject})[${printExpression(step.index)}]`;
        case "slice":
          return `(${subject})[${step.from === null ? "" : printExpression(step.from)}:${step.to === null ? "" : printExpression(step.to)}]`;
        default:
          return unreachable(step);
      }
    }
    case "specialValue":
      return `${expression.name.toUpperCase()}${expression.modifier < 0 ? "" : `(${expression.modifier})`}`;
    case "collate":
      return `(${printExpression(expression.subject)} COLLATE ${names(expression.name)})`;
    case "grouping":
      return `GROUPING(${list(expression.items)})`;
    case "default":
      return "DEFAULT";
    case "currentOf":
      return `CURRENT OF ${quoteName(expression.cursor)}`;
    default:
      return unreachable(expression);
  }
}

const printCast = (subject: Expression, type: string): string => {
  const text = printExpression(subject);
  const isPlain = [
    "stringLiteral",
    "columnName",
    "functionCall",
    "parameterName",
    "nullLiteral",
    "booleanLiteral",
  ].includes(subject.kind);
  return isPlain || text.startsWith("(") ? `${text}::${type}` : `(${text})::${type}`;
};

function printCall(call: FunctionCall): string {
  const args = call.arguments.map((argument, index) => {
    const name = call.argumentNames[index];
    const value = printExpression(argument);
    const isLast = index === call.arguments.length - 1;
    const named = name === null || name === undefined ? value : `${quoteName(name)} => ${value}`;
    return call.isVariadic && isLast ? `VARIADIC ${named}` : named;
  });
  const order = call.order.length === 0 ? "" : `ORDER BY ${call.order.map(printSort).join(", ")}`;
  const inner = call.isStar ? "*" : `${call.isDistinct ? "DISTINCT " : ""}${args.join(", ")}`;
  const inside = order === "" || call.isWithinGroup ? inner : `${inner} ${order}`;
  // Forms with a grammar of their own are called by the names of the functions behind them.
  const within = call.isWithinGroup ? ` WITHIN GROUP (${order})` : "";
  const filter = call.filter === null ? "" : ` FILTER (WHERE ${printExpression(call.filter)})`;
  const over =
    call.over === null ? "" : ` OVER ${call.over.name === null ? printWindow(call.over) : quoteName(call.over.name)}`;
  const isQuoted = call.isSqlSyntax || reserved.has(call.name.at(-1) ?? "");
  const name = isQuoted ? `pg_catalog."${call.name.at(-1) ?? ""}"` : names(call.name);
  return `${name}(${inside})${within}${filter}${over}`;
}

const printSort = ({ expression, isDescending, nullsFirst, using }: SortItem): string => {
  const direction = using !== null ? ` USING ${using}` : isDescending ? " DESC" : "";
  const nulls = nullsFirst === null ? "" : nullsFirst ? " NULLS FIRST" : " NULLS LAST";
  return `${printExpression(expression)}${direction}${nulls}`;
};

function printWindow(window: WindowDefinition): string {
  const parts: string[] = [];
  if (window.base !== null) parts.push(quoteName(window.base));
  if (window.partition.length > 0) parts.push(`PARTITION BY ${list(window.partition)}`);
  if (window.order.length > 0) parts.push(`ORDER BY ${window.order.map(printSort).join(", ")}`);
  const { frame } = window;
  if (!frame.isDefault) {
    const edge = (bound: typeof frame.from): string => {
      switch (bound.kind) {
        case "unboundedPreceding":
          return "UNBOUNDED PRECEDING";
        case "unboundedFollowing":
          return "UNBOUNDED FOLLOWING";
        case "currentRow":
          return "CURRENT ROW";
        default:
          return `${printExpression(bound.offset)} ${bound.kind.toUpperCase()}`;
      }
    };
    parts.push(
      `${frame.mode.toUpperCase()} BETWEEN ${edge(frame.from)} AND ${edge(frame.to)}${exclusionWords[frame.exclude]}`,
    );
  }
  return `(${parts.join(" ")})`;
}

export function printQuery(query: Query): string {
  const before = query.with === null ? "" : `${printWith(query.with)} `;
  const tail = printTail(query);
  switch (query.kind) {
    case "values":
      return `${before}VALUES ${query.rows.map((row) => `(${list(row)})`).join(", ")}${tail}`;
    case "setOperation": {
      const operation = `${query.operation.toUpperCase()}${query.isAll ? " ALL" : ""}`;
      return `${before}(${printQuery(query.left)}) ${operation} (${printQuery(query.right)})${tail}`;
    }
    case "select": {
      const distinct =
        query.distinct === null
          ? ""
          : query.distinct.length === 0
            ? "DISTINCT "
            : `DISTINCT ON (${list(query.distinct)}) `;
      const parts = [`SELECT ${distinct}${query.items.map(printItem).join(", ")}`];
      if (query.from.length > 0) parts.push(`FROM ${query.from.map(printFrom).join(", ")}`);
      if (query.where !== null) parts.push(`WHERE ${printExpression(query.where)}`);
      if (query.group.length > 0)
        parts.push(`GROUP BY ${query.isGroupDistinct ? "DISTINCT " : ""}${query.group.map(printGroup).join(", ")}`);
      if (query.having !== null) parts.push(`HAVING ${printExpression(query.having)}`);
      if (query.windows.length > 0) {
        parts.push(
          `WINDOW ${query.windows.map((window) => `${quoteName(window.name ?? "")} AS ${printWindow(window)}`).join(", ")}`,
        );
      }
      return `${before}${parts.join(" ")}${tail}`;
    }
    default:
      return unreachable(query);
  }
}

function printTail(query: Query): string {
  const parts: string[] = [];
  if (query.order.length > 0) parts.push(` ORDER BY ${query.order.map(printSort).join(", ")}`);
  if (query.offset !== null) parts.push(` OFFSET ${printExpression(query.offset)}`);
  if (query.limit !== null) {
    parts.push(
      query.isWithTies
        ? ` FETCH FIRST ${printExpression(query.limit)} ROWS WITH TIES`
        : ` LIMIT ${printExpression(query.limit)}`,
    );
  }
  const strengths = { update: "UPDATE", noKeyUpdate: "NO KEY UPDATE", share: "SHARE", keyShare: "KEY SHARE" } as const;
  const waits = { block: "", skip: " SKIP LOCKED", error: " NOWAIT" } as const;
  for (const { strength, tables, wait } of query.locks) {
    parts.push(
      ` FOR ${strengths[strength]}${tables.length === 0 ? "" : ` OF ${tables.map(relation).join(", ")}`}${waits[wait]}`,
    );
  }
  return parts.join("");
}

function printWith({ isRecursive, tables }: WithClause): string {
  const all = tables.map(({ name, columns, materialized, statement, search, cycle }) => {
    if (isModification(statement)) return `${quoteName(name)} AS (…)`;
    const how = materialized === "always" ? " MATERIALIZED" : materialized === "never" ? " NOT MATERIALIZED" : "";
    return `${quoteName(name)}${printColumns(columns)} AS${how} (${printQuery(statement)})${printSearch(search)}${printCycle(cycle)}`;
  });
  return `WITH ${isRecursive ? "RECURSIVE " : ""}${all.join(", ")}`;
}

const listed = (names: readonly string[]): string => names.map(quoteName).join(", ");

const printSearch = (search: CommonTable["search"]): string =>
  search === null || search === undefined
    ? ""
    : ` SEARCH ${search.order.toUpperCase()} FIRST BY ${listed(search.columns)} SET ${quoteName(search.sequence)}`;

function printCycle(cycle: CommonTable["cycle"]): string {
  if (cycle === null || cycle === undefined) return "";
  const { columns, mark, value, otherwise, path } = cycle;
  const marks = `TO ${printExpression(value)} DEFAULT ${printExpression(otherwise)}`;
  return ` CYCLE ${listed(columns)} SET ${quoteName(mark)} ${marks} USING ${quoteName(path)}`;
}

const printColumns = (columns: readonly string[]): string => (columns.length === 0 ? "" : `(${listed(columns)})`);

const printItem = ({ expression, name }: SelectItem): string =>
  `${printExpression(expression)}${name === null ? "" : ` AS ${quoteName(name)}`}`;

const printAlias = (alias: { readonly name: string; readonly columns: readonly string[] } | null): string =>
  alias === null ? "" : ` AS ${quoteName(alias.name)}${printColumns(alias.columns)}`;

function printTime(time: SystemTime | null): string {
  if (time === null) return "";
  const point = ({ kind, value }: { readonly kind: string; readonly value: Expression }): string =>
    `${kind.toUpperCase()} ${printExpression(value)}`;
  switch (time.kind) {
    case "all":
      return " FOR SYSTEM_TIME ALL";
    case "asOf":
      return ` FOR SYSTEM_TIME AS OF ${point(time.point)}`;
    case "between":
      return ` FOR SYSTEM_TIME FROM ${point(time.from)} TO ${point(time.to)}`;
    default:
      return unreachable(time);
  }
}

function printFrom(item: FromItem): string {
  switch (item.kind) {
    case "table":
      return `${item.isInherited ? "" : "ONLY "}${relation(item.name)}${printTime(item.time)}${printAlias(item.alias)}`;
    case "subqueryReference":
      return `${item.isLateral ? "LATERAL " : ""}(${printQuery(item.query)})${printAlias(item.alias)}`;
    case "functionReference": {
      const calls = item.functions.map(
        ({ call, definitions }) =>
          `${printExpression(call)}${definitions.length === 0 ? "" : ` AS (${printDefinitions(definitions)})`}`,
      );
      const functions = item.isRowsFrom ? `ROWS FROM (${calls.join(", ")})` : calls.join(", ");
      const ordinality = item.hasOrdinality ? " WITH ORDINALITY" : "";
      const definitions =
        item.definitions.length === 0
          ? ""
          : `${item.alias === null ? " AS " : ""}(${printDefinitions(item.definitions)})`;
      return `${item.isLateral ? "LATERAL " : ""}${functions}${ordinality}${printAlias(item.alias)}${definitions}`;
    }
    case "join": {
      const condition =
        item.condition !== null
          ? ` ON ${printExpression(item.condition)}`
          : item.using === null
            ? ""
            : ` USING ${printColumns(item.using)}${item.usingAlias === null ? "" : ` AS ${quoteName(item.usingAlias)}`}`;
      const joined = `(${printFrom(item.left)} ${item.isNatural ? "NATURAL " : ""}${joinWords[item.type]} ${printFrom(item.right)}${condition})`;
      return `${joined}${printAlias(item.alias)}`;
    }
    default:
      return unreachable(item);
  }
}

const printDefinitions = (definitions: readonly { readonly name: string; readonly type: TypeName }[]): string =>
  definitions.map(({ name, type }) => `${quoteName(name)} ${printType(type)}`).join(", ");

function printGroup(item: GroupItem): string {
  switch (item.kind) {
    case "expression":
      return printExpression(item.expression);
    case "empty":
      return "()";
    case "list":
      return `(${list(item.items)})`;
    case "rollup":
    case "cube":
      return `${item.kind.toUpperCase()} (${item.items.map(printGroup).join(", ")})`;
    case "sets":
      return `GROUPING SETS (${item.items.map(printGroup).join(", ")})`;
    default:
      return unreachable(item);
  }
}
