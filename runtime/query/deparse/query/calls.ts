/** Aggregates, window functions and subqueries within expressions. */
import { notSupported } from "../../error.js";
import { findFunction } from "../../functions/resolve.js";
import type { FunctionCall, GroupingCall, SortItem, Subquery, WindowDefinition } from "../../syntax/ast-expression.js";
import type { Query } from "../../syntax/ast-query.js";
import { quoteIdentifier } from "../../types/quote.js";
import { sqlType, typeOid } from "../../types/sql-type.js";
import { arrayTypeOf } from "../../types/type-table.js";
import type { Analysis } from "../analyse.js";
import type { Analysed } from "../analysed.js";
import type { Printer } from "../print.js";
import { printOrder, printWindow, type ShownSort, type ShownWindow, shownSort } from "./clauses.js";
import type { ShownQuery } from "./query.js";

const bool = sqlType(typeOid.bool);

export interface CallPorts {
  readonly analysis: Analysis;
  subquery(query: Query): ShownQuery;
}

const keyOf = ({ analysis }: CallPorts, item: SortItem): Analysed => analysis.asText(analysis.analyse(item.expression));

export const sortsOf = (ports: CallPorts, order: readonly SortItem[]): readonly ShownSort[] =>
  order.map((item) => shownSort(keyOf(ports, item), 0, item));

export function windowOf(ports: CallPorts, definition: WindowDefinition): ShownWindow {
  const { analysis } = ports;
  const { frame } = definition;
  return {
    definition,
    partition: definition.partition.map((item) => analysis.asText(analysis.analyse(item))),
    order: sortsOf(ports, definition.order),
    offsets: [frame.from, frame.to].map((bound) =>
      "offset" in bound
        ? analysis.conversions.convert(analysis.analyse(bound.offset), sqlType(typeOid.int8), "implicit")
        : null,
    ),
  };
}

/** Null for a call of a plain function. */
export function aggregateOf(call: FunctionCall, ports: CallPorts): Analysed | null {
  const { analysis } = ports;
  const name = call.name.at(-1) ?? "";
  const schema = call.name.length > 1 ? (call.name.at(-2) ?? null) : null;
  const sorts = sortsOf(ports, call.order);
  const direct = call.arguments.map((argument) => analysis.analyse(argument));
  const args = call.isWithinGroup ? [...direct, ...sorts.map(({ node }) => node)] : direct;
  if (call.argumentNames.some((one) => one !== null)) return null;
  const callee = findFunction({
    schema,
    name,
    args: args.map(({ type }) => ({ type: type.oid })),
    isVariadic: call.isVariadic,
    orderedCount: call.isWithinGroup ? call.order.length : 0,
  });
  if (callee === null || callee.kind === "scalar" || callee.kind === "set") return null;
  const converted = args.map((argument, index) =>
    analysis.conversions.convert(argument, callee.argumentTypes[index] ?? argument.type, "implicit"),
  );
  const filter = call.filter === null ? null : analysis.boolean(call.filter);
  const window = call.over === null || call.over.name !== null ? null : windowOf(ports, call.over);
  const shownName = schema === null || schema === "pg_catalog" ? quoteIdentifier(name) : `${schema}.${name}`;
  return {
    kind: "written",
    isCall: true,
    type: callee.resultType,
    parts: [...converted, ...sorts.map(({ node }) => node)],
    print: (printer) => {
      printer.write(`${shownName}(${call.isDistinct ? "DISTINCT " : ""}`);
      const shown = call.isWithinGroup ? converted.slice(0, direct.length) : converted;
      if (call.isStar) printer.write("*");
      for (const [index, argument] of shown.entries()) {
        if (index > 0) printer.write(", ");
        if (call.isVariadic && index === shown.length - 1) printer.write("VARIADIC ");
        printer.print(argument, "shown");
      }
      if (sorts.length > 0) {
        printer.write(call.isWithinGroup ? ") WITHIN GROUP (ORDER BY " : " ORDER BY ");
        const within = sorts.map((sort, index) => ({ ...sort, node: converted[direct.length + index] ?? sort.node }));
        printOrder(printer, call.isWithinGroup ? within : sorts);
      }
      if (filter !== null) {
        printer.write(") FILTER (WHERE ");
        printer.print(filter, "hidden");
      }
      printer.write(")");
      if (call.over === null) return;
      printer.write(" OVER ");
      if (window === null) printer.write(quoteIdentifier(call.over.name ?? ""));
      else printWindow(printer, window);
    },
  };
}

export function groupingOf({ items }: GroupingCall, { analysis }: CallPorts): Analysed {
  const parts = items.map((item) => analysis.analyse(item));
  return {
    kind: "written",
    isCall: true,
    type: sqlType(typeOid.int4),
    parts,
    print: (printer) => {
      printer.write("GROUPING(");
      printer.list(parts, "shown");
      printer.write(")");
    },
  };
}

export function subqueryOf(syntax: Subquery, ports: CallPorts): Analysed {
  const { form } = syntax;
  const query = ports.subquery(syntax.query);
  const [first] = query.outputs;
  const written = (
    type: Analysed["type"],
    parts: readonly Analysed[],
    print: (printer: Printer) => void,
  ): Analysed => ({
    kind: "written",
    isCall: false,
    type,
    parts: [...parts, ...query.outer],
    print,
  });
  const shown = (printer: Printer): void => query.print(printer, null, false);
  switch (form) {
    case "exists":
      return written(bool, [], (printer) => {
        printer.write("(EXISTS (");
        shown(printer);
        printer.write("))");
      });
    case "scalar":
    case "array": {
      if (first === undefined) throw notSupported("showing a subquery without columns");
      const type = form === "scalar" ? first.type : sqlType(arrayTypeOf(first.type.oid));
      return written(type, [], (printer) => {
        printer.write(form === "scalar" ? "(" : "ARRAY(");
        shown(printer);
        printer.write(")");
      });
    }
    case "any":
    case "all":
      return compared(syntax, query, ports, written);
  }
}

function compared(
  { form, subject, operator }: Subquery,
  query: ShownQuery,
  { analysis }: CallPorts,
  written: (type: Analysed["type"], parts: readonly Analysed[], print: (printer: Printer) => void) => Analysed,
): Analysed {
  if (subject === null) throw notSupported("showing a comparison without a left side");
  const isRow = subject.kind === "row";
  const left = subject.kind === "row" ? subject.items : [subject];
  const sides = left.map((item, index) => {
    const output = query.outputs[index];
    if (output === undefined) throw notSupported("showing a comparison of rows of different lengths");
    const other: Analysed = { kind: "name", text: "", isSpecial: false, type: output.type };
    const comparison = analysis.operator(operator, analysis.analyse(item), other);
    if (comparison.kind !== "operator" || comparison.left === null) throw notSupported("showing a comparison");
    return comparison.left;
  });
  const word = form === "any" ? (operator === "=" ? "IN" : `${operator} ANY`) : `${operator} ALL`;
  return written(bool, sides, (printer) => {
    printer.write(isRow ? "((" : "(");
    printer.list(sides, "shown");
    printer.write(`${isRow ? ")" : ""} ${word} (`);
    query.print(printer, null, false);
    printer.write("))");
  });
}
