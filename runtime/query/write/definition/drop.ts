/** What goes with a relation that is dropped, and what must not. Rows and entries stay where they are: for the past. */
import { assert } from "../../../types/assert.js";
import type {
  CatalogObject,
  ColumnDefinition,
  Relation,
  SequenceDefinition,
  StoredExpression,
  TableDefinition,
  ViewDefinition,
} from "../../catalog/model.js";
import { isRelation, isTypeKind, rowsOfObject } from "../../catalog/model.js";
import { SqlError } from "../../error.js";
import type { Query } from "../../syntax/ast-query.js";
import { sequencesDrawn, tablesRead } from "../../syntax/names-read.js";
import type { Oid } from "../../types/sql-type.js";
import type { CatalogDraft } from "./draft.js";
import type { DefinitionPorts } from "./ports.js";
import { sequenceNumber } from "./stored-sequences.js";

/** What dropping asks for. */
export type DropPorts = Pick<DefinitionPorts, "draft" | "cascades" | "lockTable" | "expectSettled">;

/** What hangs on something that is dropped. `description` is as in "view v depends on table t". */
export interface Dependent {
  readonly description: string;
  /** Its number, or that of what it is a part of and has none of its own beside: as they were made, they are told. */
  readonly oid: Oid;
  /** The table that it is a part of; null for an object of its own. */
  readonly partOf: Oid | null;
  /** The column of that table that it is a part of. */
  readonly column?: number;
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
    return [{ description, oid: view.oid, partOf: view.oid, relation: null, drop }];
  });

/** Sequences that go with a table, or with one of its columns. */
export const sequencesOf = ({ catalog }: CatalogDraft, table: Oid, column: number | null): SequenceDefinition[] =>
  [...catalog.objects()].filter(
    (object): object is SequenceDefinition =>
      object.kind === "sequence" && object.ownerTable === table && (column === null || object.ownerColumn === column),
  );

/** What draws from the sequences that go with a table, or with one of its columns, and does not go itself. */
export const drawersOfOwned = (ports: DropPorts, { oid }: TableDefinition, column: number | null): Dependent[] =>
  sequencesOf(ports.draft, oid, column)
    .flatMap((sequence) => dependentsOf(ports, sequence))
    .filter((dependent) => dependent.partOf !== oid || (column !== null && dependent.column !== column));

/** What hangs on a relation and is no part of it. */
function dependentsOf(ports: DropPorts, relation: Relation): Dependent[] {
  const { draft } = ports;
  const found: Dependent[] = [];
  if (relation.kind === "table") {
    found.push(...drawersOfOwned(ports, relation, null));
    for (const { table, constraint } of draft.catalog.referencing(relation.oid)) {
      if (table.oid === relation.oid) continue;
      found.push({
        description: `constraint ${constraint.name} on table ${draft.shown(table)} depends on table ${draft.shown(relation)}`,
        oid: constraint.oid,
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
          oid: object.oid,
          partOf: object.oid,
          column: column.number,
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
      if (object.oid === relation.oid || !readsRelation(object.query.syntax, draft, relation.oid)) continue;
      found.push({
        description: `${labelOf(object)} ${draft.shown(object)} depends on ${labelOf(relation)} ${draft.shown(relation)}`,
        oid: object.oid,
        partOf: null,
        relation: object,
        drop: () => {
          if (draft.catalog.objectByOid(object.oid) !== null) dropRelation(ports, object, true);
        },
      });
    }
  }
  return found;
}

/** What hangs on a relation, each followed by what hangs on it. */
export const allDependentsOf = (ports: DropPorts, relation: Relation): readonly Dependent[] =>
  dependentsOfAll(ports, [relation]);

function dependentsOfAll(ports: DropPorts, relations: readonly Relation[]): readonly Dependent[] {
  const dropped = new Set(relations.map(({ oid }) => oid));
  return inOrder(
    ports,
    relations.map((relation) => dependentsOf(ports, relation)),
    dropped,
  );
}

/**
 * What is dropped along with some objects, and is no part of them, in the order in which PostgreSQL tells of it: it looks at each object's
 * dependents from the newest on, and at theirs before them, and tells of what it has found from the last on.
 *
 * @param roots the dependents of each object
 * @param dropped objects that go anyhow
 */
export function inOrder(
  ports: DropPorts,
  roots: readonly (readonly Dependent[])[],
  dropped: ReadonlySet<Oid>,
): readonly Dependent[] {
  const seen = new Set<string>();
  const found: Dependent[] = [];
  const newestFirst = (dependents: readonly Dependent[]): Dependent[] =>
    dependents
      .filter(({ partOf, relation }) => !dropped.has(partOf ?? 0) && !dropped.has(relation?.oid ?? 0))
      .sort((left, right) => right.oid - left.oid || (right.column ?? 0) - (left.column ?? 0));
  for (const root of roots) {
    /** Who is looked at, and which of their dependents are still to be. */
    const open: { readonly of: Dependent | null; readonly left: Dependent[] }[] = [
      { of: null, left: newestFirst(root) },
    ];
    for (let last = open.at(-1); last !== undefined; last = open.at(-1)) {
      const next = last.left.shift();
      if (next === undefined) {
        open.pop();
        if (last.of !== null) found.push(last.of);
        continue;
      }
      const [subject = ""] = next.description.split(" depends on ");
      if (seen.has(subject)) continue;
      seen.add(subject);
      open.push({ of: next, left: next.relation === null ? [] : newestFirst(dependentsOf(ports, next.relation)) });
    }
  }
  return found.reverse();
}

/** Removes a relation and its parts. Throws 2BP01 when something depends on it and `isCascade` does not say that it goes too. */
export function dropRelation(ports: DropPorts, relation: Relation, isCascade: boolean): void {
  dropRelations(ports, [relation], isCascade);
}

/** Removes relations and their parts, which may depend on one another. Throws 2BP01. */
export function dropRelations(ports: DropPorts, relations: readonly Relation[], isCascade: boolean): void {
  const { draft } = ports;
  for (const relation of relations) {
    const rows = rowsOfObject(relation);
    if (rows === null) continue;
    ports.lockTable(rows);
    ports.expectSettled(rows, "DROP TABLE");
  }
  const dependents = dependentsOfAll(ports, relations);
  const [first, ...others] = relations;
  if (dependents.length > 0 && !isCascade) {
    if (first !== undefined && others.length === 0) throw dependsError(draft.shown(first), first, dependents);
    throw dependsOnSome(dependents);
  }
  noteAll(ports, dependents);
  ports.cascades.silently(() => {
    for (const { oid } of relations) {
      const now = draft.catalog.objectByOid(oid);
      if (now !== null && isRelation(now)) removeRelation(ports, now);
    }
  });
}

export function noteAll({ cascades }: DropPorts, dependents: readonly Dependent[]): void {
  for (const { description, partOf } of dependents)
    cascades.note({ description: description.split(" depends on ")[0] ?? "", partOf });
}

function removeRelation(ports: DropPorts, relation: Relation): void {
  const { draft } = ports;
  const dependents = dependentsOf(ports, relation);
  const rows = rowsOfObject(relation);
  // It is gone before what hangs on it: views that were replaced may read one another in a circle.
  draft.remove(relation.oid);
  for (const dependent of dependents) dependent.drop();
  for (const oid of rows?.indexes ?? []) draft.remove(oid);
  if (relation.kind !== "table") return;
  for (const { oid } of sequencesOf(draft, relation.oid, null)) draft.remove(oid);
}

export const labelOf = ({ kind }: CatalogObject): string =>
  kind === "materializedView" ? "materialized view" : isTypeKind(kind) ? "type" : kind;

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

export const dependsOnSome = (dependents: readonly { readonly description: string }[]): SqlError =>
  new SqlError("2BP01", "cannot drop desired object(s) because other objects depend on them", {
    detail: dependents.map(({ description }) => description).join("\n"),
    hint: "Use DROP ... CASCADE to drop the dependent objects too.",
  });

export function dropIndex(ports: DropPorts, relation: Relation): void {
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
