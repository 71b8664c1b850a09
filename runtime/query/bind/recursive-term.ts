/**
 * What a recursive WITH query may say of itself: once in its recursive term, and nowhere where the rows of one round alone would give
 * another answer than all of them. PostgreSQL 15 refuses the same with 42P19.
 */
import { SqlError } from "../error.js";
import { proceduresNamed } from "../functions/procedures.js";
import type {
  FromItem,
  JoinReference,
  Query,
  RelationName,
  SelectQuery,
  SetOperationQuery,
} from "../syntax/ast-query.js";
import { tablesRead } from "../syntax/names-read.js";
import { positionOf } from "./binder.js";

type Fields = Readonly<Record<string, unknown>>;

/** A part of the term, and what it stands within that the reference must not. */
interface Part {
  readonly node: unknown;
  readonly within: string | null;
}

const fieldsOf = (node: unknown): Fields | null =>
  typeof node === "object" && node !== null ? (node as Fields) : null;

function isReference(fields: Fields, name: string): boolean {
  if (fields["kind"] !== "table") return false;
  const table = fields["name"] as { readonly schema: string | null; readonly name: string };
  return table.schema === null && table.name === name;
}

/** Where a query names a table without a schema, at any depth. */
export const referencesTo = (query: Query, name: string): readonly RelationName[] =>
  [...tablesRead(query)].filter((table) => table.schema === null && table.name === name);

export const mentions = (query: Query, name: string): boolean => referencesTo(query, name).length > 0;

/** Throws 42P19 where the term refers to its own query as it must not. */
export function checkRecursiveTerm(term: Query, name: string): void {
  let isFound = false;
  const pending: Part[] = [{ node: term, within: null }];
  for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
    const fields = fieldsOf(part.node);
    if (fields === null) continue;
    if (isReference(fields, name)) {
      const where = part.within === null ? "more than once" : `within ${part.within}`;
      if (part.within !== null || isFound) {
        throw new SqlError("42P19", `recursive reference to query "${name}" must not appear ${where}`, {
          position: positionOf(fields["location"] as number),
        });
      }
      isFound = true;
      continue;
    }
    if (fields["kind"] === "select") checkAggregates(part.node as SelectQuery, name);
    // What is written first is looked at first.
    pending.push(...partsOf(fields, part.within).reverse());
  }
}

function partsOf(fields: Fields, within: string | null): Part[] {
  switch (fields["kind"]) {
    case "subquery":
      return Object.values(fields).map((node) => ({ node, within: within ?? "a subquery" }));
    case "join": {
      const { type, left, right, condition } = fields as unknown as JoinReference;
      const isOuter = (side: "left" | "right"): boolean => type === "full" || type === side;
      return [
        { node: left, within: isOuter("right") ? (within ?? "an outer join") : within },
        { node: right, within: isOuter("left") ? (within ?? "an outer join") : within },
        { node: condition, within },
      ];
    }
    case "setOperation": {
      const { operation, isAll, left, right } = fields as unknown as SetOperationQuery;
      const word = operation === "union" ? null : operation.toUpperCase();
      const isLeftBarred = word !== null && isAll;
      const isRightBarred = operation === "except" || isLeftBarred;
      return [
        { node: left, within: isLeftBarred ? (within ?? word) : within },
        { node: right, within: isRightBarred ? (within ?? word) : within },
      ];
    }
    default:
      return Object.values(fields).map((node) => ({ node, within }));
  }
}

/** An aggregate sees one round, where it stands in the query that reads the rows. */
function checkAggregates({ from, items, having }: SelectQuery, name: string): void {
  if (!from.some((item) => readsItself(item, name))) return;
  const pending: unknown[] = [...items.map(({ expression }) => expression), having].reverse();
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    const fields = fieldsOf(node);
    if (fields === null || fields["kind"] === "subquery") continue;
    if (fields["kind"] === "functionCall" && fields["over"] === null && isAggregate(fields["name"] as string[])) {
      throw new SqlError("42P19", "aggregate functions are not allowed in a recursive query's recursive term", {
        position: positionOf(fields["location"] as number),
      });
    }
    for (const value of Object.values(fields)) pending.push(value);
  }
}

function readsItself(item: FromItem, name: string): boolean {
  if (item.kind === "join") return readsItself(item.left, name) || readsItself(item.right, name);
  return isReference(item as unknown as Fields, name);
}

const isAggregate = (name: readonly string[]): boolean =>
  proceduresNamed(name.at(-1) ?? "").some(({ kind }) => kind === "aggregate");
