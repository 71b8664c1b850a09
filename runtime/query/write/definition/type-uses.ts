/**
 * What is of a type, or names it, in the order in which PostgreSQL tells of it: by the numbers of the objects, of a table's columns the last
 * first, each followed by what hangs on it; what hangs on several things comes after the last of them.
 */
import type {
  ColumnDefinition,
  CompositeDefinition,
  Relation,
  TableDefinition,
  TypeDefinition,
} from "../../catalog/model.js";
import { rowsOfObject } from "../../catalog/model.js";
import { isArrayOf, isItselfOfType } from "../../catalog/of-type.js";
import { typesNamed } from "../../syntax/names-read.js";
import type { Oid } from "../../types/sql-type.js";
import { typeLabel } from "../../types/type-name.js";
import { numberInOid, typeMark } from "../../types/user-types.js";
import { dropConstraint } from "./alter-constraints.js";
import { Alteration } from "./alteration.js";
import { changeAttributes } from "./composites.js";
import { allDependentsOf, dropIndex, dropRelation, labelOf, readsRelation } from "./drop.js";
import { dropColumn } from "./drop-column.js";
import type { DefinitionPorts } from "./ports.js";
import { columnReadersOf } from "./view-sources.js";
import { viewsReading } from "./views.js";

interface Told {
  /** As in "column a of table t depends on type d". */
  readonly description: string;
  /** The table or composite type that it is a part of; null for an object of its own. */
  readonly partOf: Oid | null;
  /** Of another type: which one it is. */
  readonly itself?: Oid;
}

export interface TypeUse extends Told {
  /** What hangs on it, each followed by what hangs on that. */
  readonly below: readonly Told[];
  /** Does nothing when it has gone with another. */
  drop(): void;
}

/** Where a use is told: of the type's arrays first, then by the object's number, a table's columns downwards. */
interface Placed extends TypeUse {
  readonly isOfArray: boolean;
  readonly object: Oid;
  readonly column: number;
}

const names = (syntax: unknown, oid: Oid): boolean => [...typesNamed(syntax)].includes(oid);

/** @param dropDomain drops a domain over the type, with what is of that */
export function usesOfType(
  ports: DefinitionPorts,
  type: TypeDefinition,
  dropDomain: (domain: TypeDefinition) => void,
): readonly TypeUse[] {
  const { draft } = ports;
  const on = `depends on type ${draft.shown(type)}`;
  const found: Placed[] = [];
  const whole = (object: Relation | TypeDefinition, below: readonly Told[], drop: () => void): Placed => ({
    description: `${labelOf(object)} ${draft.shown(object)} ${on}`,
    partOf: null,
    isOfArray: false,
    object: object.oid,
    column: 0,
    below,
    drop,
    itself: object.oid,
  });
  for (const object of draft.catalog.objects()) {
    if ((object.kind === "view" || object.kind === "materializedView") && names(object.query, type.oid))
      found.push(whole(object, allDependentsOf(ports, object), () => dropIfThere(ports, object.oid)));
    else if (
      object.kind === "domain" &&
      object.oid !== type.oid &&
      (isItselfOfType({ type: object.base }, type.oid) || names(object, type.oid))
    ) {
      const below = toldOf(usesOfType(ports, object, dropDomain));
      const use = whole(object, below, () => dropDomain(object));
      const isOfArray = isArrayOf(object.base, type.oid);
      const arrays = `type ${draft.shown(object)} depends on type ${typeLabel(object.base.oid)}`;
      found.push(isOfArray ? { ...use, isOfArray, description: arrays } : use);
    } else if (object.kind === "composite") found.push(...usesOfComposite(ports, object, type));
    else if (object.kind === "table") found.push(...usesOfTable(ports, object, type, on));
  }
  return found.sort(
    (left, right) =>
      Number(right.isOfArray) - Number(left.isOfArray) || left.object - right.object || right.column - left.column,
  );
}

function usesOfTable(ports: DefinitionPorts, table: TableDefinition, { oid }: TypeDefinition, on: string): Placed[] {
  const { draft } = ports;
  const shown = draft.shown(table);
  const part = { partOf: table.oid, isOfArray: false, column: 0, below: [] } as const;
  const live = table.columns.filter(({ isDropped }) => !isDropped);
  const found: Placed[] = [];
  for (const column of live) {
    const { name, type, number } = column;
    const dropIt = (): void => dropColumnOf(ports, table.oid, name);
    if (isItselfOfType(column, oid))
      found.push({
        ...part,
        description: `column ${name} of table ${shown} depends on type ${type.domain === undefined ? typeLabel(type.oid) : typeMark(type.domain)}`,
        isOfArray: isArrayOf(type, oid),
        object: table.oid,
        column: number,
        below: readersOf(ports, table, column),
        drop: dropIt,
      });
    else if (column.generated !== null && names(column.generated, oid))
      found.push({ ...part, description: `column ${name} of table ${shown} ${on}`, object: table.oid, drop: dropIt });
    else if (names(column.default, oid))
      found.push({
        ...part,
        description: `default value for column ${name} of table ${shown} ${on}`,
        object: table.oid,
        drop: () => dropDefault(ports, table.oid, number),
      });
  }
  for (const constraint of table.constraints)
    if (constraint.kind === "check" && names(constraint.expression, oid))
      found.push({
        ...part,
        description: `constraint ${constraint.name} on table ${shown} ${on}`,
        object: constraint.oid,
        drop: () => dropConstraint(new Alteration(ports, table.oid), constraint.name, true, true),
      });
  for (const index of draft.catalog.indexesOf(table))
    if (names([index.keys, index.predicate], oid))
      found.push({
        ...part,
        description: `index ${draft.shown(index)} ${on}`,
        object: index.oid,
        drop: () => dropIfThere(ports, index.oid),
      });
  return found;
}

/** Attributes of the type. Dropping them throws 0A000 where there may be values that have them. */
function usesOfComposite(ports: DefinitionPorts, composite: CompositeDefinition, { oid }: TypeDefinition): Placed[] {
  return composite.attributes.flatMap((attribute): Placed[] => {
    const { name, number, type } = attribute;
    if (!isItselfOfType(attribute, oid)) return [];
    return [
      {
        description: `column ${name} of composite type ${ports.draft.shown(composite)} depends on type ${typeLabel(type.oid)}`,
        partOf: composite.oid,
        isOfArray: isArrayOf(type, oid),
        object: numberInOid(composite.oid),
        column: number,
        below: [],
        drop: () => dropAttribute(ports, composite.oid, name),
      },
    ];
  });
}

function dropAttribute(ports: DefinitionPorts, oid: Oid, name: string): void {
  const now = ports.draft.catalog.objectByOid(oid);
  if (now?.kind !== "composite") return;
  const drop = { kind: "drop", name, ifExists: true, isCascade: true } as const;
  changeAttributes(now, [drop], ports);
}

/** Views of a column, each followed by what hangs on it. */
function readersOf(ports: DefinitionPorts, table: TableDefinition, column: ColumnDefinition): readonly Told[] {
  const { draft } = ports;
  const views: readonly Relation[] = [
    ...viewsReading(ports, table, column),
    ...columnReadersOf(ports, table.oid, column.number),
  ].filter(({ query }) => readsRelation(query.syntax, draft, table.oid));
  return [...views]
    .sort((left, right) => left.oid - right.oid)
    .flatMap((view) => [
      {
        description: `${labelOf(view)} ${draft.shown(view)} depends on column ${column.name} of table ${draft.shown(table)}`,
        partOf: null,
      },
      ...allDependentsOf(ports, view),
    ]);
}

/** Every use with what is below it, where it is told for the last time. */
export function toldOf(uses: readonly TypeUse[]): readonly Told[] {
  const all = uses.flatMap((use): readonly Told[] => [use, ...use.below]);
  const subjectOf = ({ description }: Told): string => description.split(" depends on ")[0] ?? "";
  const last = new Map(all.map((told, at) => [subjectOf(told), at]));
  return all.filter((told, at) => last.get(subjectOf(told)) === at);
}

function dropIfThere(ports: DefinitionPorts, oid: Oid): void {
  const now = ports.draft.catalog.objectByOid(oid);
  if (now?.kind === "view" || now?.kind === "materializedView") dropRelation(ports, now, true);
  if (now?.kind === "index") dropIndex(ports, now);
}

function dropColumnOf(ports: DefinitionPorts, oid: Oid, column: string): void {
  const table = rowsOfObject(ports.draft.catalog.objectByOid(oid));
  if (table === null || !table.columns.some(({ name }) => name === column)) return;
  ports.lockTable(table);
  const parts = { kind: "dropColumn", column, ifExists: true, isCascade: true, location: -1 } as const;
  dropColumn(new Alteration(ports, oid), parts);
}

function dropDefault(ports: DefinitionPorts, oid: Oid, number: number): void {
  const now = ports.draft.catalog.objectByOid(oid);
  if (now?.kind !== "table") return;
  const columns = now.columns.map((each) => (each.number === number ? { ...each, default: null } : each));
  ports.draft.put({ ...now, columns, version: now.version + 1 });
}
