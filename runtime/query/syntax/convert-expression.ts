/** Expressions of the parser into ours. */
import { notSupported, SqlError } from "../error.js";
import type {
  ColumnName,
  Expression,
  FrameBound,
  FunctionCall,
  Indirection,
  SortItem,
  TypeName,
  WindowDefinition,
} from "./ast-expression.js";
import type { Conversion } from "./conversion.js";
import {
  type Fields,
  fieldsOf,
  flagOf,
  has,
  itemsOf,
  listOf,
  numberOf,
  stringNode,
  stringsOf,
  textOf,
  textOrNull,
  unwrap,
} from "./tree.js";

type Convert = (fields: Fields, conversion: Conversion) => Expression;

const converters: Readonly<Record<string, Convert>> = {
  A_Const: convertConstant,
  ColumnRef: convertColumn,
  ParamRef: (fields, conversion) => {
    const location = conversion.at(fields);
    const number = numberOf(fields, "number");
    if (number < 1 || number > 65_535) {
      throw new SqlError("42P02", `there is no parameter $${number}`, { position: location });
    }
    conversion.parameter(number);
    return { kind: "parameterName", number, location };
  },
  A_Expr: convertOperator,
  BoolExpr: convertBoolean,
  NullTest: (fields, conversion) => ({
    kind: "isTest",
    test: "null",
    isNegated: textOf(fields, "nulltesttype") === "IS_NOT_NULL",
    subject: convertExpression(fields["arg"], conversion),
    location: conversion.at(fields),
  }),
  BooleanTest: (fields, conversion) => {
    const type = textOf(fields, "booltesttype");
    const test = type.endsWith("TRUE") ? "true" : type.endsWith("FALSE") ? "false" : "unknown";
    const subject = convertExpression(fields["arg"], conversion);
    return { kind: "isTest", test, isNegated: type.startsWith("IS_NOT_"), subject, location: conversion.at(fields) };
  },
  FuncCall: convertCall,
  TypeCast: (fields, conversion) => {
    const subject = convertExpression(fields["arg"], conversion);
    const type = convertTypeName(fields["typeName"], conversion);
    const location = conversion.at(fields);
    return { kind: "cast", subject, type, location: location < 0 ? type.location : location };
  },
  SubLink: convertSubLink,
  CaseExpr: (fields, conversion) => ({
    kind: "case",
    subject: optional(fields, "arg", conversion),
    branches: listOf(fields, "args").map((item) => {
      const when = fieldsOf(item, "CaseWhen");
      return {
        condition: convertExpression(when["expr"], conversion),
        result: convertExpression(when["result"], conversion),
        location: conversion.at(when),
      };
    }),
    otherwise: optional(fields, "defresult", conversion),
    location: conversion.at(fields),
  }),
  CoalesceExpr: (fields, conversion) => ({
    kind: "coalesce",
    items: expressionsOf(fields, "args", conversion),
    location: conversion.at(fields),
  }),
  MinMaxExpr: (fields, conversion) => ({
    kind: textOf(fields, "op") === "IS_LEAST" ? "least" : "greatest",
    items: expressionsOf(fields, "args", conversion),
    location: conversion.at(fields),
  }),
  A_ArrayExpr: (fields, conversion) => ({
    kind: "array",
    items: expressionsOf(fields, "elements", conversion),
    location: conversion.at(fields),
  }),
  RowExpr: (fields, conversion) => ({
    kind: "row",
    items: expressionsOf(fields, "args", conversion),
    isExplicit: textOf(fields, "row_format") === "COERCE_EXPLICIT_CALL",
    location: conversion.at(fields),
  }),
  A_Indirection: convertIndirection,
  SQLValueFunction: (fields, conversion) => ({
    kind: "specialValue",
    name: textOf(fields, "op")
      .replace(/^SVFOP_/, "")
      .replace(/_N$/, "")
      .toLowerCase(),
    modifier: has(fields, "typmod") ? numberOf(fields, "typmod") : textOf(fields, "op").endsWith("_N") ? 0 : -1,
    location: conversion.at(fields),
  }),
  CollateClause: (fields, conversion) => ({
    kind: "collate",
    subject: convertExpression(fields["arg"], conversion),
    name: stringsOf(fields, "collname"),
    location: conversion.at(fields),
  }),
  GroupingFunc: (fields, conversion) => ({
    kind: "grouping",
    items: expressionsOf(fields, "args", conversion),
    location: conversion.at(fields),
  }),
  SetToDefault: (fields, conversion) => ({ kind: "default", location: conversion.at(fields) }),
  CurrentOfExpr: (fields, conversion) => conversion.currentOf(textOf(fields, "cursor_name")),
};

/** An expression node. Throws `0A000` for a construct that is not known here, `54001` for one that is too deep. */
export function convertExpression(node: unknown, conversion: Conversion): Expression {
  const [kind, fields] = unwrap(node);
  const location = conversion.at(fields);
  const convert = converters[kind];
  if (convert === undefined) throw notSupported(constructName(kind), location < 0 ? undefined : location);
  return conversion.within(location, () => convert(fields, conversion));
}

const constructName = (kind: string): string =>
  kind.startsWith("Json") ? `the SQL/JSON construct ${kind}` : kind.startsWith("Xml") ? "XML" : `the construct ${kind}`;

export const expressionsOf = (fields: Fields, key: string, conversion: Conversion): readonly Expression[] =>
  listOf(fields, key).map((item) => convertExpression(item, conversion));

export const optional = (fields: Fields, key: string, conversion: Conversion): Expression | null =>
  has(fields, key) ? convertExpression(fields[key], conversion) : null;

function convertConstant(fields: Fields, conversion: Conversion): Expression {
  const location = conversion.at(fields);
  if (flagOf(fields, "isnull")) return { kind: "nullLiteral", location };
  if (has(fields, "ival")) {
    return { kind: "integerLiteral", value: numberOf(fieldsOf(fields["ival"], "Integer"), "ival"), location };
  }
  if (has(fields, "fval")) {
    return { kind: "numberLiteral", text: textOf(fieldsOf(fields["fval"], "Float"), "fval"), location };
  }
  if (has(fields, "boolval")) {
    return { kind: "booleanLiteral", value: flagOf(fieldsOf(fields["boolval"], "Boolean"), "boolval"), location };
  }
  if (has(fields, "sval"))
    return { kind: "stringLiteral", text: textOf(fieldsOf(fields["sval"], "String"), "sval"), location };
  return { kind: "bitLiteral", text: textOf(fieldsOf(fields["bsval"], "BitString"), "bsval"), location };
}

/** A name with its parts, or with `*` in the end. */
export function convertColumn(fields: Fields, conversion: Conversion): ColumnName {
  const parts: string[] = [];
  let isStar = false;
  for (const field of listOf(fields, "fields")) {
    if (unwrap(field)[0] === "A_Star") isStar = true;
    else parts.push(stringNode(field));
  }
  return { kind: "columnName", parts, isStar, location: conversion.at(fields) };
}

function convertOperator(fields: Fields, conversion: Conversion): Expression {
  const location = conversion.at(fields);
  const names = stringsOf(fields, "name");
  const name = names.at(-1) ?? "";
  const schema = names.length > 1 ? (names[0] ?? null) : null;
  const kind = textOf(fields, "kind");
  const left = optional(fields, "lexpr", conversion);
  const listItems = (): readonly Expression[] =>
    itemsOf(fields["rexpr"]).map((item) => convertExpression(item, conversion));
  if (left === null) {
    return { kind: "operator", name, schema, left, right: convertExpression(fields["rexpr"], conversion), location };
  }
  switch (kind) {
    case "AEXPR_IN":
      return { kind: "inList", isNegated: name === "<>", subject: left, items: listItems(), location };
    case "AEXPR_BETWEEN":
    case "AEXPR_NOT_BETWEEN":
    case "AEXPR_BETWEEN_SYM":
    case "AEXPR_NOT_BETWEEN_SYM": {
      const [low, high] = listItems();
      if (low === undefined || high === undefined) throw notSupported("BETWEEN without two bounds", location);
      const isNegated = kind.includes("NOT");
      return { kind: "between", isNegated, isSymmetric: kind.endsWith("SYM"), subject: left, low, high, location };
    }
    default:
      break;
  }
  const right = convertExpression(fields["rexpr"], conversion);
  switch (kind) {
    case "AEXPR_OP":
      return { kind: "operator", name, schema, left, right, location };
    case "AEXPR_OP_ANY":
      return { kind: "quantified", quantifier: "any", name, schema, left, right, location };
    case "AEXPR_OP_ALL":
      return { kind: "quantified", quantifier: "all", name, schema, left, right, location };
    case "AEXPR_DISTINCT":
      return { kind: "distinctFrom", isNegated: false, left, right, location };
    case "AEXPR_NOT_DISTINCT":
      return { kind: "distinctFrom", isNegated: true, left, right, location };
    case "AEXPR_NULLIF":
      return { kind: "nullIf", left, right, location };
    case "AEXPR_LIKE":
    case "AEXPR_ILIKE":
    case "AEXPR_SIMILAR":
      return {
        kind: "pattern",
        operator: name,
        isSimilar: kind === "AEXPR_SIMILAR",
        subject: left,
        pattern: right,
        location,
      };
    default:
      throw notSupported(`the construct ${kind}`, location);
  }
}

function convertBoolean(fields: Fields, conversion: Conversion): Expression {
  const location = conversion.at(fields);
  const terms = expressionsOf(fields, "args", conversion);
  const operator = textOf(fields, "boolop");
  if (operator === "NOT_EXPR") {
    const [term] = terms;
    if (term === undefined) throw notSupported("NOT without a term", location);
    return { kind: "not", term, location };
  }
  return { kind: operator === "AND_EXPR" ? "and" : "or", terms, location };
}

/** A call of a function, with all that may stand around it. */
export function convertCall(fields: Fields, conversion: Conversion): FunctionCall {
  const args: Expression[] = [];
  const argumentNames: (string | null)[] = [];
  for (const item of listOf(fields, "args")) {
    const [kind, inner] = unwrap(item);
    if (kind === "NamedArgExpr") {
      args.push(convertExpression(inner["arg"], conversion));
      argumentNames.push(textOf(inner, "name"));
    } else {
      args.push(convertExpression(item, conversion));
      argumentNames.push(null);
    }
  }
  return {
    kind: "functionCall",
    name: stringsOf(fields, "funcname"),
    arguments: args,
    argumentNames,
    isVariadic: flagOf(fields, "func_variadic"),
    isStar: flagOf(fields, "agg_star"),
    isDistinct: flagOf(fields, "agg_distinct"),
    order: sortItemsOf(fields, "agg_order", conversion),
    isWithinGroup: flagOf(fields, "agg_within_group"),
    filter: optional(fields, "agg_filter", conversion),
    over: has(fields, "over") ? convertWindow(fields["over"], conversion) : null,
    isSqlSyntax: textOf(fields, "funcformat") === "COERCE_SQL_SYNTAX",
    location: conversion.at(fields),
  };
}

export function sortItemsOf(fields: Fields, key: string, conversion: Conversion): readonly SortItem[] {
  return listOf(fields, key).map((item) => {
    const sort = fieldsOf(item, "SortBy");
    const direction = textOf(sort, "sortby_dir");
    const nulls = textOf(sort, "sortby_nulls");
    const expression = convertExpression(sort["node"], conversion);
    const using = direction === "SORTBY_USING" ? (stringsOf(sort, "useOp").at(-1) ?? null) : null;
    return {
      expression,
      isDescending: direction === "SORTBY_DESC",
      nullsFirst: nulls === "SORTBY_NULLS_FIRST" ? true : nulls === "SORTBY_NULLS_LAST" ? false : null,
      using,
      location: expression.location,
    };
  });
}

/** Bits of the parser's frame options. */
const frameBits = {
  nonDefault: 0x1,
  between: 0x10,
  rows: 0x4,
  groups: 0x8,
  startUnboundedPreceding: 0x20,
  endUnboundedPreceding: 0x40,
  startUnboundedFollowing: 0x80,
  endUnboundedFollowing: 0x100,
  startPreceding: 0x800,
  endPreceding: 0x1000,
  startFollowing: 0x2000,
  endFollowing: 0x4000,
  excludeCurrentRow: 0x8000,
  excludeGroup: 0x10000,
  excludeTies: 0x20000,
} as const;

export function convertWindow(node: unknown, conversion: Conversion): WindowDefinition {
  const fields = fieldsOf(node, "WindowDef");
  const options = numberOf(fields, "frameOptions");
  const is = (bit: number): boolean => (options & bit) !== 0;
  const bound = (side: "start" | "end", offsetKey: string): FrameBound => {
    const bits =
      side === "start"
        ? ([
            frameBits.startUnboundedPreceding,
            frameBits.startUnboundedFollowing,
            frameBits.startPreceding,
            frameBits.startFollowing,
          ] as const)
        : ([
            frameBits.endUnboundedPreceding,
            frameBits.endUnboundedFollowing,
            frameBits.endPreceding,
            frameBits.endFollowing,
          ] as const);
    if (is(bits[0])) return { kind: "unboundedPreceding" };
    if (is(bits[1])) return { kind: "unboundedFollowing" };
    if (is(bits[2])) return { kind: "preceding", offset: convertExpression(fields[offsetKey], conversion) };
    if (is(bits[3])) return { kind: "following", offset: convertExpression(fields[offsetKey], conversion) };
    return { kind: "currentRow" };
  };
  return {
    name: textOrNull(fields, "name"),
    base: textOrNull(fields, "refname"),
    partition: expressionsOf(fields, "partitionClause", conversion),
    order: sortItemsOf(fields, "orderClause", conversion),
    frame: {
      mode: is(frameBits.rows) ? "rows" : is(frameBits.groups) ? "groups" : "range",
      from: bound("start", "startOffset"),
      to: bound("end", "endOffset"),
      exclude: is(frameBits.excludeCurrentRow)
        ? "currentRow"
        : is(frameBits.excludeGroup)
          ? "group"
          : is(frameBits.excludeTies)
            ? "ties"
            : "noOthers",
      isDefault: !is(frameBits.nonDefault),
      ...(is(frameBits.nonDefault) && !is(frameBits.between) ? { isShort: true as const } : {}),
    },
    location: conversion.at(fields),
  };
}

export function convertTypeName(node: unknown, conversion: Conversion): TypeName {
  const fields = fieldsOf(node, "TypeName");
  const location = conversion.at(fields);
  if (flagOf(fields, "pct_type")) throw notSupported("%TYPE", location);
  return {
    names: stringsOf(fields, "names"),
    modifiers: expressionsOf(fields, "typmods", conversion),
    arrayDimensions: listOf(fields, "arrayBounds").length,
    isSetOf: flagOf(fields, "setof"),
    location,
  };
}

function convertSubLink(fields: Fields, conversion: Conversion): Expression {
  const location = conversion.at(fields);
  const query = conversion.convertQuery(fields["subselect"], conversion);
  const type = textOf(fields, "subLinkType");
  const operator = stringsOf(fields, "operName").at(-1) ?? "=";
  switch (type) {
    case "EXISTS_SUBLINK":
      return { kind: "subquery", form: "exists", query, subject: null, operator: "", location };
    case "EXPR_SUBLINK":
      return { kind: "subquery", form: "scalar", query, subject: null, operator: "", location };
    case "ARRAY_SUBLINK":
      return { kind: "subquery", form: "array", query, subject: null, operator: "", location };
    case "ANY_SUBLINK":
    case "ALL_SUBLINK": {
      const subject = convertExpression(fields["testexpr"], conversion);
      return { kind: "subquery", form: type === "ANY_SUBLINK" ? "any" : "all", query, subject, operator, location };
    }
    default:
      throw notSupported(`the construct ${type}`, location);
  }
}

function convertIndirection(fields: Fields, conversion: Conversion): Expression {
  let subject = convertExpression(fields["arg"], conversion);
  for (const step of convertSteps(listOf(fields, "indirection"), subject.location, conversion))
    subject = { kind: "indirection", subject, step, location: subject.location };
  return subject;
}

/** What stands behind a value or the name of a column: `.field`, `[1]`, `[1:2]`, `.*`. */
export function convertSteps(
  nodes: readonly unknown[],
  location: number,
  conversion: Conversion,
): readonly Indirection["step"][] {
  return nodes.map((item) => {
    const [kind, inner] = unwrap(item);
    switch (kind) {
      case "String":
        return { kind: "field", name: stringNode(item) };
      case "A_Star":
        return { kind: "star" };
      case "A_Indices": {
        const to = optional(inner, "uidx", conversion);
        if (flagOf(inner, "is_slice")) return { kind: "slice", from: optional(inner, "lidx", conversion), to };
        if (to === null) throw notSupported("a subscript without an index", location);
        return { kind: "index", index: to };
      }
      default:
        throw notSupported(`the construct ${kind}`, location);
    }
  });
}
