/** What goes with a relation that is dropped, and what must not. Rows and entries stay where they are: for the past. */
import { assert } from "../../../types/assert.js";
import type {
  CatalogObject,
  ColumnDefinition,
  Relation,
  StoredExpression,
  TableDefinition,
  ViewDefinition,
} from "../../catalog/model.js";
import { rowsOfObject } from "../../catalog/model.js";
import { SqlError } from "../../error.js";
import type { Query } from "../../syntax/ast-query.js";
import { sequencesDrawn, tablesRead } from "../../syntax/names-read.js";
import type { Oid } from "../../types/sql-type.js";
import type { CatalogDraft } from "./draft.js";
import type { DefinitionPorts } from "./ports.js";
import { sequenceNumber } from "./stored-sequences.js";

/** What hangs on something that is dropped. `description` is as in "view v depends on table t". */
export interface Dependent {
  readonly description: string;
  /** The table that it is a part of; null for an object of its own. */
  readonly partOf: Oid | null;
  /** What may have dependents of its own. */
  readonly relation: Relation | null;
  drop(): void;
}

/** Whether a stored query reads a table or view. */
export function readsRelation(query: Query, draft: CatalogDraft, oid: number): boolean {
  for (const { schema, name } of tablesRead(query))
    if (draft.find({ database: null, schema, name, location: -1 })?.oid === oid) return true;
  return false;
}

const drawsFrom = (column: ColumnDefinition, draft: CatalogDraft, sequence: number): boolean =>
  column.sequence === sequence || (column.default !== null && isDrawnBy(column.default, draft, sequence));

function isDrawnBy({ syntax }: StoredExpression, draft: CatalogDraft, sequence: number): boolean {
  for (const text of sequencesDrawn(syntax)) {
    if (sequenceNumber(text, draft) === sequence) return true;
  }
  return false;
}

/** Defaults that a view gives to its columns, of those that draw from a sequence. */
const defaultsDrawing = (view: ViewDefinition, sequence: Relation, draft: CatalogDraft): readonly Dependent[] =>
  view.columns.flatMap(({ name, default: expression }) => {
    if (expression === undefined || !isDrawnBy(expression, draft, sequence.oid)) return [];
    const drop = (): void => {
      const now = draft.catalog.objectByOid(view.oid);
      if (now?.kind !== "view") return;
      const columns = now.columns.map(({ default: own, ...plain }) =>
        own === undefined || plain.name === name ? plain : { ...plain, default: own },
      );
      draft.put({ ...now, columns });
    };
    const description = `default value for column ${name} of view ${draft.shown(view)} depends on sequence ${draft.shown(sequence)}`;
    return [{ description, partOf: view.oid, relation: null, drop }];
  });

/**
 * What hangs on a relation and is no part of it.
 *
 * @param going what is being dropped already: views that were replaced may read one another in a circle
 */
function dependentsOf(ports: DefinitionPorts, relation: Relation, going: ReadonlySet<Oid> = new Set()): Dependent[] {
  const { draft } = ports;
  const found: Dependent[] = [];
  if (relation.kind === "table") {
    for (const { table, constraint } of draft.catalog.referencing(relation.oid)) {
      if (table.oid === relation.oid) continue;
      found.push({
        description: `constraint ${constraint.name} on table ${draft.shown(table)} depends on table ${draft.shown(relation)}`,
        partOf: table.oid,
        relation: null,
        drop: () => {
          const now = draft.catalog.objectByOid(table.oid);
          if (now?.kind !== "table") return;
          ports.lockTable(now);
          draft.put({
            ...now,
            constraints: now.constraints.filter(({ oid }) => oid !== constraint.oid),
            version: now.version + 1,
          });
        },
      });
    }
  }
  if (relation.kind === "sequence") {
    for (const object of draft.catalog.objects()) {
      if (object.kind === "view") found.push(...defaultsDrawing(object, relation, draft));
      if (object.kind !== "table") continue;
      for (const column of object.columns) {
        if (column.isDropped || !drawsFrom(column, draft, relation.oid)) continue;
        found.push({
          description: `default value for column ${column.name} of table ${draft.shown(object)} depends on sequence ${draft.shown(relation)}`,
          partOf: object.oid,
          relation: null,
          drop: () => {
            const now = draft.catalog.objectByOid(object.oid);
            if (now?.kind !== "table") return;
            const columns = now.columns.map((each) =>
              each.number === column.number ? { ...each, default: null, sequence: 0, identity: null } : each,
            );
            draft.put({ ...now, columns, version: now.version + 1 });
          },
        });
      }
    }
  }
  if (relation.kind !== "index" && relation.kind !== "sequence") {
    for (const object of [...draft.catalog.objects()]) {
      if (object.kind !== "view" && object.kind !== "materializedView") continue;
      if (object.oid === relation.oid || going.has(object.oid)) continue;
      if (!readsRelation(object.query.syntax, draft, relation.oid)) continue;
      found.push({
        description: `${labelOf(object)} ${draft.shown(object)} depends on ${labelOf(relation)} ${draft.shown(relation)}`,
        partOf: null,
        relation: object,
        drop: () => {
          if (draft.catalog.objectByOid(object.oid) !== null)
            dropRelation(ports, object, true, new Set(going).add(relation.oid));
        },
      });
    }
  }
  return found;
}

/** What hangs on a relation, each followed by what hangs on it. */
export function allDependentsOf(ports: DefinitionPorts, relation: Relation): readonly Dependent[] {
  const found: Dependent[] = [];
  const seen = new Set([relation.oid]);
  for (let waiting = dependentsOf(ports, relation); waiting.length > 0; ) {
    const [next, ...others] = waiting;
    assert(next !== undefined, "somebody waits");
    waiting = others;
    if (next.relation !== null) {
      if (seen.has(next.relation.oid)) continue;
      seen.add(next.relation.oid);
      waiting = [...dependentsOf(ports, next.relation), ...others];
    }
    found.push(next);
  }
  return found;
}

/** Removes a relation and its parts. Throws 2BP01 when something depends on it and `isCascade` does not say that it goes too. */
export function dropRelation(
  ports: DefinitionPorts,
  relation: Relation,
  isCascade: boolean,
  going: ReadonlySet<Oid> = new Set(),
): void {
  const { draft } = ports;
  const rows = rowsOfObject(relation);
  if (rows !== null) {
    ports.lockTable(rows);
    ports.expectSettled(rows, "DROP TABLE");
  }
  const dependents = dependentsOf(ports, relation, going);
  if (dependents.length > 0 && !isCascade)
    throw dependsError(draft.shown(relation), relation, allDependentsOf(ports, relation));
  dropDependents(ports, dependents);
  if (draft.catalog.objectByOid(relation.oid) === null) return;
  draft.remove(relation.oid);
  for (const oid of rows?.indexes ?? []) draft.remove(oid);
  if (relation.kind !== "table") return;
  for (const object of [...draft.catalog.objects()]) {
    if (object.kind === "sequence" && object.ownerTable === relation.oid) draft.remove(object.oid);
  }
}

export function dropDependents(ports: DefinitionPorts, dependents: readonly Dependent[]): void {
  for (const dependent of dependents) {
    const { description, partOf } = dependent;
    ports.cascades.note({ description: description.split(" depends on ")[0] ?? "", partOf });
    dependent.drop();
  }
}

export const labelOf = ({ kind }: CatalogObject): string =>
  kind === "materializedView" ? "materialized view" : kind === "enum" || kind === "domain" ? "type" : kind;

/** @param shown what the object is called */
export const dependsError = (
  shown: string,
  object: CatalogObject,
  dependents: readonly { readonly description: string }[],
): SqlError =>
  new SqlError("2BP01", `cannot drop ${labelOf(object)} ${shown} because other objects depend on it`, {
    detail: dependents.map(({ description }) => description).join("\n"),
    hint: "Use DROP ... CASCADE to drop the dependent objects too.",
  });

export function dropIndex(ports: DefinitionPorts, relation: Relation): void {
  assert(relation.kind === "index", "an index is dropped as one");
  const { draft } = ports;
  const table = rowsOfObject(draft.catalog.objectByOid(relation.table));
  assert(table !== null, "an index is of a table");
  const constraint = table.constraints.find((each) => "index" in each && each.index === relation.oid);
  if (constraint !== undefined) {
    throw new SqlError(
      "2BP01",
      `cannot drop index ${relation.name} because constraint ${constraint.name} on table ${table.name} requires it`,
      { hint: `You can drop constraint ${constraint.name} on table ${table.name} instead.` },
    );
  }
  ports.lockTable(table);
  const next: TableDefinition = {
    ...table,
    indexes: table.indexes.filter((oid) => oid !== relation.oid),
    version: table.version + 1,
  };
  draft.putRows(next);
  draft.remove(relation.oid);
}
