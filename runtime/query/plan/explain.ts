/** EXPLAIN: a plan as a tree of lines, in PostgreSQL's words, or as a document. */
import { unreachable } from "../../types/assert.js";
import type { BoundExplain } from "../bind/bound.js";
import type { EvaluationContext } from "../functions/context.js";
import { formatDocument, type PlanDocument } from "./explain-formats.js";
import type { BoundExpression } from "./expression.js";
import type { PlanNode, PlanRange, ScanNode, SortKey } from "./plan.js";
import { showExpression } from "./show.js";
import { expressionsOfNode, inputsOf, visitExpression } from "./walk.js";

/** What a run of the plan measured of a node. */
export interface Measured {
  readonly rows: number;
  readonly loops: number;
  readonly nanoseconds: number;
}

/** What a node reads or changes. */
interface Target {
  readonly relation: string;
  readonly alias: string;
  readonly index?: string;
  /** Of a scan that has a direction. */
  readonly isBackward?: boolean;
}

interface Described {
  readonly name: string;
  readonly target?: Target;
  readonly details: readonly (readonly [label: string, text: string])[];
}

interface ShownNode extends Described {
  readonly node: PlanNode;
  readonly children: readonly ShownNode[];
  /** "SubPlan" and the like, above the node. */
  readonly title: string | null;
}

export interface ExplainTimes {
  readonly planningMs: number;
  readonly executionMs: number | null;
}

/** Lines of the answer; one document when that is asked for. */
export function explainLines(
  explain: BoundExplain,
  context: EvaluationContext,
  measured: ReadonlyMap<PlanNode, Measured> | null,
  times: ExplainTimes | null,
): readonly string[] {
  const { statement } = explain;
  const root = shown(statement.plan, context, null);
  const whole: ShownNode =
    statement.kind === "query"
      ? root
      : {
          name: `${{ insert: "Insert", update: "Update", delete: "Delete", merge: "Merge" }[statement.kind]} on ${statement.table.name}`,
          details: [],
          node: {
            ...statement.plan,
            kind: "modification",
            modification: statement,
            columns: [],
            rows: 0,
            cost: statement.plan.cost,
          },
          children: [root],
          title: null,
        };
  if (explain.format !== "text") {
    const planning = times === null ? {} : { "Planning Time": times.planningMs };
    const execution = times === null || times.executionMs === null ? {} : { "Execution Time": times.executionMs };
    const document = { Plan: documentOf(whole, explain, measured), ...planning, ...execution };
    return [formatDocument(document, explain.format)];
  }
  const lines: string[] = [];
  addLines(whole, 0, explain, measured, lines);
  if (explain.withSummary && times !== null) {
    lines.push(`Planning Time: ${times.planningMs.toFixed(3)} ms`);
    if (times.executionMs !== null) lines.push(`Execution Time: ${times.executionMs.toFixed(3)} ms`);
  }
  return lines;
}

function shown(node: PlanNode, context: EvaluationContext, title: string | null): ShownNode {
  if (isPassing(node)) {
    const [input] = inputsOf(node);
    if (input !== undefined) {
      const inner = shown(input, context, title);
      return { ...inner, children: [...inner.children, ...subplans(node, context)] };
    }
  }
  return {
    ...describe(node, context),
    node,
    children: [...inputsOf(node).map((input) => shown(input, context, null)), ...subplans(node, context)],
    title,
  };
}

/** A projection is no line of its own, unless it is over a result of its own. */
const isPassing = (node: PlanNode): boolean => node.kind === "project";

function subplans(node: PlanNode, context: EvaluationContext): readonly ShownNode[] {
  const found: ShownNode[] = [];
  for (const expression of expressionsOfNode(node)) {
    visitExpression(expression, (part) => {
      if (part.kind !== "subquery") return;
      const isOnce = part.subplan.outer.length === 0 && !part.subplan.isVolatile;
      found.push(shown(part.subplan.plan, context, isOnce ? "InitPlan" : "SubPlan"));
      if (part.subplan.byKey !== undefined) found.push(shown(part.subplan.byKey.plan, context, "Hashed SubPlan"));
    });
  }
  return found;
}

function describe(node: PlanNode, context: EvaluationContext): Described {
  const show = (expression: BoundExpression): string => showExpression(expression, context);
  const keys = (sort: readonly SortKey[]): string =>
    sort
      .map(
        ({ expression, isDescending, nullsFirst }) =>
          `${show(expression)}${isDescending ? " DESC" : ""}${nullsFirst === isDescending ? "" : nullsFirst ? " NULLS FIRST" : " NULLS LAST"}`,
      )
      .join(", ");
  const filter = (condition: BoundExpression | null): [string, string][] =>
    condition === null ? [] : [["Filter", show(condition)]];
  switch (node.kind) {
    case "scan":
      return describeScan(node, show);
    case "systemScan":
      return {
        name: "Seq Scan",
        target: { relation: node.table.name, alias: node.alias },
        details: filter(node.filter),
      };
    case "values":
      return node.columns.length === 0 || node.items.length === 1
        ? { name: "Result", details: [] }
        : { name: 'Values Scan on "*VALUES*"', details: [] };
    case "filter":
      return { name: "Filter", details: filter(node.condition) };
    case "project":
      return { name: "Result", details: [] };
    case "join": {
      const types = { inner: "", left: " Left", right: " Right", full: " Full", semi: " Semi", anti: " Anti" } as const;
      const { method } = node;
      if (method.kind === "nestedLoop") {
        const name = `Nested Loop${types[node.type]}${node.type === "inner" ? "" : " Join"}`;
        return { name, details: node.condition === null ? [] : [["Join Filter", show(node.condition)]] };
      }
      const way = { hash: "Hash", merge: "Merge", range: "Range" }[method.kind];
      const terms = method.leftKeys.map((key, index) => `(${show(key)} = ${show(method.rightKeys[index] ?? key)})`);
      if (method.kind === "range") {
        const { subject, from, to } = method;
        if (from !== null) terms.push(`(${show(subject)} >${from.isInclusive ? "=" : ""} ${show(from.value)})`);
        if (to !== null) terms.push(`(${show(subject)} <${to.isInclusive ? "=" : ""} ${show(to.value)})`);
      }
      const residual: [string, string][] = method.residual === null ? [] : [["Join Filter", show(method.residual)]];
      return { name: `${way}${types[node.type]} Join`, details: [[`${way} Cond`, terms.join(" AND ")], ...residual] };
    }
    case "aggregate": {
      const name = node.groups.length === 0 ? "Aggregate" : node.sets === null ? "HashAggregate" : "MixedAggregate";
      const group = node.groups.map(({ expression }) => show(expression)).join(", ");
      return { name, details: group === "" ? [] : [["Group Key", group]] };
    }
    case "window": {
      const stop = node.stream?.stop ?? node.firsts ?? null;
      const name = node.calls.find(({ id }) => id === stop?.id)?.callee.name ?? "";
      return {
        name: "WindowAgg",
        details: stop === null ? [] : [["Run Condition", `(${name}() OVER (?) <= ${stop.max})`]],
      };
    }
    case "sort":
      return {
        name: node.presorted > 0 ? "Incremental Sort" : node.top === null ? "Sort" : "Top-N Sort",
        details: [
          ["Sort Key", keys(node.keys)],
          ...(node.presorted > 0 ? ([["Presorted Key", keys(node.keys.slice(0, node.presorted))]] as const) : []),
        ],
      };
    case "limit":
      return { name: "Limit", details: [] };
    case "distinct":
      return { name: "Unique", details: [] };
    case "setOperation":
      if (node.merge !== undefined) return { name: "Merge Append", details: [["Sort Key", keys(node.merge)]] };
      if (node.operation === "union") return { name: node.isAll ? "Append" : "HashAggregate (Union)", details: [] };
      return {
        name: `HashSetOp ${node.operation === "intersect" ? "Intersect" : "Except"}${node.isAll ? " All" : ""}`,
        details: [],
      };
    case "functionScan":
      return {
        name: `Function Scan on ${node.functions[0]?.callee.name ?? ""}${aliased(node.functions[0]?.callee.name ?? "", node.alias)}`,
        details: [],
      };
    case "projectSet":
      return { name: "ProjectSet", details: [] };
    case "commonTable":
      return { name: `CTE Scan on ${node.name}`, details: [] };
    case "recursive":
      return { name: `Recursive Union${node.isAll ? "" : " (distinct)"}`, details: [] };
    case "workingTable":
      return { name: `WorkTable Scan on ${node.name}`, details: [] };
    case "modification": {
      const verbs = { insert: "Insert", update: "Update", delete: "Delete", merge: "Merge" } as const;
      return { name: `${verbs[node.modification.kind]} on ${node.modification.table.name}`, details: [] };
    }
    case "withModifications":
      return { name: "Modifications first", details: [] };
    case "lock":
      return { name: "LockRows", details: [] };
    default:
      return unreachable(node);
  }
}

const aliased = (name: string, alias: string): string => (alias === name ? "" : ` ${alias}`);

function titleOf({ name, target }: Described): string {
  if (target === undefined) return name;
  const { relation, alias, index, isBackward } = target;
  const by = `${isBackward === true ? " Backward" : ""}${index === undefined ? "" : ` using ${index}`}`;
  return `${name}${by} on ${relation}${aliased(relation, alias)}`;
}

/** What stands in the line of a text, part by part. */
function targetRows(target: Target | undefined): Record<string, PlanDocument[string]> {
  if (target === undefined) return {};
  const { relation, alias, index, isBackward } = target;
  return {
    ...(isBackward === undefined ? {} : { "Scan Direction": isBackward ? "Backward" : "Forward" }),
    ...(index === undefined ? {} : { "Index Name": index }),
    "Relation Name": relation,
    Alias: alias,
  };
}

function describeScan(node: ScanNode, show: (expression: BoundExpression) => string): Described {
  const details: [string, string][] = [];
  const isWhole = node.ranges.length === 1 && node.ranges[0]?.from === null && node.ranges[0].to === null;
  if (!isWhole) details.push(["Index Cond", showRanges(node, show)]);
  if (node.time !== null) {
    details.push([
      "System Time",
      node.time.kind === "asOf"
        ? `AS OF ${node.time.point.kind.toUpperCase()} ${show(node.time.point.value)}`
        : node.time.kind.toUpperCase(),
    ]);
  }
  if (node.filter !== null) details.push(["Filter", show(node.filter)]);
  const target = { relation: node.table.name, alias: node.alias };
  const { isBackward, index } = node;
  if (index !== null) return { name: "Index Scan", target: { ...target, isBackward, index: index.name }, details };
  if (isWhole && !isBackward) return { name: "Seq Scan", target, details };
  return { name: "Primary Key Scan", target: { ...target, isBackward }, details };
}

function showRanges(node: ScanNode, show: (expression: BoundExpression) => string): string {
  const nameOf = (number: number): string => node.table.columns.find((one) => one.number === number)?.name ?? "?";
  const columns =
    node.index === null
      ? node.table.keyColumns.map(nameOf)
      : node.index.keys.map(({ column, expression }) => expression?.text ?? nameOf(column));
  const side = (range: PlanRange["from"], isLower: boolean): string => {
    if (range === null) return "";
    const names = columns.slice(0, range.values.length).join(", ");
    const values = range.values.map(show).join(", ");
    // In a key that descends, what comes first is greater.
    const isDescending = node.index?.keys[range.values.length - 1]?.isDescending === true;
    const operator = `${isLower === isDescending ? "<" : ">"}${range.isInclusive ? "=" : ""}`;
    return range.values.length === 1 ? `(${names} ${operator} ${values})` : `((${names}) ${operator} (${values}))`;
  };
  const text = ({ from, to, isRowKey }: PlanRange): string => {
    if (isRowKey === true) return `(row_key = ${(from?.values ?? []).map(show).join(", ")})`;
    if (from !== null && from === to) {
      const terms = from.values.map((value, index) => `(${columns[index] ?? "?"} = ${show(value)})`);
      return terms.length === 1 ? (terms[0] ?? "") : `(${terms.join(" AND ")})`;
    }
    return [side(from, true), side(to, false)].filter((part) => part !== "").join(" AND ");
  };
  const shownRanges = node.ranges.slice(0, 8).map(text);
  return `${shownRanges.join(" OR ")}${node.ranges.length > 8 ? ` OR … (${node.ranges.length} ranges)` : ""}`;
}

function addLines(
  shownNode: ShownNode,
  depth: number,
  explain: BoundExplain,
  measured: ReadonlyMap<PlanNode, Measured> | null,
  lines: string[],
): void {
  const { node, title } = shownNode;
  let indent = depth === 0 ? "" : `${" ".repeat((depth - 1) * 6 + 2)}`;
  if (title !== null) {
    lines.push(`${indent}${title}`);
    indent += "  ";
  }
  const arrow = depth === 0 ? "" : "->  ";
  lines.push(`${indent}${arrow}${titleOf(shownNode)}${costs(node, explain)}${actual(node, explain, measured)}`);
  const inner = " ".repeat(indent.length + arrow.length + 2);
  for (const [label, text] of shownNode.details) lines.push(`${inner}${label}: ${text}`);
  for (const child of shownNode.children) addLines(child, depth + 1, explain, measured, lines);
}

function costs(node: PlanNode, { withCosts }: BoundExplain): string {
  if (!withCosts) return "";
  return `  (cost=0.00..${Math.max(0, node.cost).toFixed(2)} rows=${Math.round(Math.max(0, node.rows))} width=${node.columns.length * 8})`;
}

function actual(node: PlanNode, explain: BoundExplain, measured: ReadonlyMap<PlanNode, Measured> | null): string {
  if (measured === null) return "";
  const found = measured.get(node);
  if (found === undefined || found.loops === 0) return " (never executed)";
  const ms = (found.nanoseconds / 1e6 / found.loops).toFixed(3);
  const time = explain.withTiming ? `time=0.000..${ms} ` : "";
  return ` (actual ${time}rows=${Math.round(found.rows / found.loops)} loops=${found.loops})`;
}

function documentOf(
  { node, name, target, details, children, title }: ShownNode,
  explain: BoundExplain,
  measured: ReadonlyMap<PlanNode, Measured> | null,
): PlanDocument {
  const result: Record<string, PlanDocument[string]> = { "Node Type": name };
  if (title !== null) result["Parent Relationship"] = title;
  Object.assign(result, targetRows(target));
  if (explain.withCosts) {
    result["Total Cost"] = Number(Math.max(0, node.cost).toFixed(2));
    result["Plan Rows"] = Math.round(Math.max(0, node.rows));
  }
  const found = measured?.get(node);
  if (found !== undefined) {
    if (explain.withTiming)
      result["Actual Total Time"] = Number((found.nanoseconds / 1e6 / Math.max(1, found.loops)).toFixed(3));
    result["Actual Rows"] = Math.round(found.rows / Math.max(1, found.loops));
    result["Actual Loops"] = found.loops;
    if (explain.withLog) for (const label of ["WAL Records", "WAL FPI", "WAL Bytes"]) result[label] = 0;
  }
  for (const [label, text] of details) result[label] = text;
  if (children.length > 0) result["Plans"] = children.map((child) => documentOf(child, explain, measured));
  return result;
}
