/** CREATE TYPE … AS (…), and what ALTER TYPE does to its attributes. */

import { bindTypeName } from "../../bind/type-name.js";
import { keptCollation } from "../../catalog/collation.js";
import {
  type AttributeDefinition,
  type CompositeDefinition,
  partName,
  rowsOfObject,
  type TypeDefinition,
} from "../../catalog/model.js";
import { isOfType, typesWith } from "../../catalog/of-type.js";
import { isTemporaryName } from "../../catalog/temporary.js";
import { notSupported, SqlError } from "../../error.js";
import type { AlterType, AttributeAction, ColumnSyntax, CreateComposite } from "../../syntax/ast-definition.js";
import type { RelationName } from "../../syntax/ast-query.js";
import { fieldsNamed, typesNamed } from "../../syntax/names-read.js";
import type { SqlType } from "../../types/sql-type.js";
import { compositeOid } from "../../types/user-types.js";
import { expectCollatable, expectCollation } from "./column-maker.js";
import { withDefaults } from "./default-privileges.js";
import { placeOf, shownName } from "./draft.js";
import { expectFree } from "./names.js";
import type { DefinitionPorts, DefinitionResult } from "./ports.js";
import { columnType, dimensionsOf, expectNoPseudoType, expectTypeUsage } from "./types.js";
import { expectColumns } from "./width.js";

type Attributes = CompositeDefinition["attributes"];

export function createComposite({ name, attributes }: CreateComposite, ports: DefinitionPorts): DefinitionResult {
  const { draft } = ports;
  const schema = draft.schemaFor({ ...name, location: -1 });
  if (isTemporaryName(schema.name)) throw notSupported("a temporary type");
  expectFree(ports, schema.oid, name.name);
  // PostgreSQL does not say here where a type stands.
  const unplaced = attributes.map((each) => ({ ...each, type: { ...each.type, location: -1 }, location: -1 }));
  for (const { type, collation } of unplaced) {
    expectCollation(collation);
    expectCollatable(collation, bindTypeName(type, draft.findType));
  }
  for (const [index, { name: own }] of unplaced.entries())
    if (unplaced.findIndex((other) => other.name === own) < index)
      throw new SqlError("42701", `column "${own}" specified more than once`);
  const made = unplaced.map((each, index) => attributeOf(each, index + 1, ports));
  expectColumns(made.length);
  if (draft.isTaken(schema.oid, name.name)) throw new SqlError("42P07", `relation "${name.name}" already exists`);
  const composite: CompositeDefinition = {
    kind: "composite",
    oid: compositeOid(draft.newOid()),
    name: name.name,
    schema: schema.oid,
    owner: ports.user,
    attributes: made,
  };
  draft.put(withDefaults(composite, ports));
  return { tag: "CREATE TYPE" };
}

/** Throws 42704, 42P16 and 42501 as a column of a table does, 0A000 for what is not stored and for domains. */
function attributeOf(
  { name, type: syntax, collation }: ColumnSyntax,
  number: number,
  ports: DefinitionPorts,
): AttributeDefinition {
  const type = attributeType(name, syntax, ports);
  return { number, name, type, ...dimensionsOf(syntax), ...keptCollation(collation, type) };
}

function attributeType(name: string, syntax: ColumnSyntax["type"], ports: DefinitionPorts): SqlType {
  expectNoPseudoType(name, bindTypeName(syntax, ports.draft.findType));
  const type = columnType(syntax, ports.draft.findType);
  expectTypeUsage(type, ports);
  if (type.domain !== undefined) throw notSupported("an attribute of a domain", placeOf(syntax.location));
  return type;
}

/** Throws 42P01 for a type that there is not, and 42809 for one of another kind. */
function compositeNamed(name: RelationName, { draft }: DefinitionPorts): CompositeDefinition {
  const type = draft.type(name);
  if (type?.kind === "composite") return type;
  const relation = draft.find(name);
  if (relation === null) throw new SqlError("42P01", `relation "${shownName(name)}" does not exist`);
  throw new SqlError("42809", `"${relation.name}" is not a composite type`);
}

type Change = Extract<AlterType["change"], { kind: "attributes" | "renameAttribute" }>;

export function alterComposite(name: RelationName, change: Change, ports: DefinitionPorts): void {
  const composite = compositeNamed(name, ports);
  if (change.kind === "renameAttribute") renameAttribute(composite, change, ports);
  else changeAttributes(composite, change.actions, ports);
}

function renameAttribute(
  composite: CompositeDefinition,
  { attribute, newName }: Extract<Change, { kind: "renameAttribute" }>,
  ports: DefinitionPorts,
): void {
  const { attributes } = composite;
  if (!attributes.some(({ name }) => name === attribute))
    throw new SqlError("42703", `column "${attribute}" does not exist`);
  expectNew(composite, attributes, newName);
  expectNotNamed(attribute, ports);
  const renamed = attributes.map((each) => (each.name === attribute ? { ...each, name: newName } : each));
  ports.draft.put({ ...composite, attributes: renamed });
}

function expectNew({ name: type }: CompositeDefinition, attributes: Attributes, name: string): void {
  if (attributes.some((each) => each.name === name))
    throw new SqlError("42701", `column "${name}" of relation "${type}" already exists`);
}

/** Stored syntax has fields by their names: throws 0A000 where it may mean one. */
function expectNotNamed(attribute: string, ports: DefinitionPorts): void {
  for (const object of ports.draft.catalog.objects()) {
    if (object.kind === "composite" || ![...fieldsNamed(object)].includes(attribute)) continue;
    throw notSupported(`a new name for the attribute "${attribute}", which the definition of ${object.name} may mean,`);
  }
}

/** Numbers of those that are no more are not used again while there are higher ones. */
const nextNumber = (attributes: Attributes): number => Math.max(0, ...attributes.map(({ number }) => number)) + 1;

/** Throws 42703 and 42701 for attributes that there are not and are, 0A000 for a type that something is of. */
export function changeAttributes(
  composite: CompositeDefinition,
  actions: readonly AttributeAction[],
  ports: DefinitionPorts,
): void {
  const before = composite.attributes;
  let attributes = before;
  let { comments } = composite;
  const numbered = (name: string): AttributeDefinition => {
    const found = attributes.find((each) => each.name === name);
    if (found !== undefined) return found;
    throw new SqlError("42703", `column "${name}" of relation "${composite.name}" does not exist`);
  };
  // As in PostgreSQL, whatever the order in which they are written: what goes, then what changes its type, then what is new.
  for (const action of ordered(actions)) {
    switch (action.kind) {
      case "drop": {
        if (action.ifExists && !attributes.some(({ name }) => name === action.name)) {
          const message = `column "${action.name}" of relation "${composite.name}" does not exist, skipping`;
          ports.notice("NOTICE", "00000", message);
          break;
        }
        const { number } = numbered(action.name);
        attributes = attributes.filter((each) => each.number !== number);
        if (comments !== undefined) comments = without(comments, partName.column(number));
        break;
      }
      case "setType": {
        const found = numbered(action.name);
        expectCollation(action.collation);
        const type = attributeType(action.name, action.type, ports);
        expectCollatable(action.collation, type, placeOf(action.location));
        const { dimensions: _dimensions, collation: _collation, ...others } = found;
        const kept = keptCollation(action.collation, type);
        const changed = { ...others, type, ...dimensionsOf(action.type), ...kept };
        attributes = attributes.map((each) => (each === found ? changed : each));
        break;
      }
      case "add": {
        const { attribute } = action;
        expectNew(composite, attributes, attribute.name);
        expectCollation(attribute.collation, placeOf(attribute.collationLocation));
        const made = attributeOf(attribute, Math.max(nextNumber(before), nextNumber(attributes)), ports);
        expectCollatable(attribute.collation, made.type, placeOf(attribute.location));
        expectNotWithin(composite, made.type, ports);
        attributes = [...attributes, made];
      }
    }
  }
  if (attributes === before) return;
  expectColumns(attributes.length);
  expectUnused(composite, ports);
  ports.draft.put({ ...composite, attributes, ...(comments === undefined ? {} : { comments }) });
}

const ranks = { drop: 0, setType: 1, add: 2 } as const;
const ordered = (actions: readonly AttributeAction[]): readonly AttributeAction[] =>
  actions.toSorted((left, right) => ranks[left.kind] - ranks[right.kind]);

const without = (comments: Readonly<Record<string, string>>, part: string): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(comments).filter(([each]) => each !== part));

/** Throws 42P16 for a type that would have itself among its attributes. */
function expectNotWithin(composite: CompositeDefinition, type: SqlType, { draft }: DefinitionPorts): void {
  if (typesWith(composite, draft.catalog).some(({ oid }) => isOfType({ type }, oid)))
    throw new SqlError("42P16", `composite type ${composite.name} cannot be made a member of itself`);
}

/** Values that are stored are rows of the attributes of before: throws 0A000 where there may be some, and where a definition names the type. */
function expectUnused(composite: CompositeDefinition, { draft }: DefinitionPorts): void {
  const types = typesWith(composite, draft.catalog);
  const refused = (user: string): SqlError =>
    new SqlError("0A000", `cannot alter type "${composite.name}" because ${user} uses it`);
  for (const object of draft.catalog.objects()) {
    if (object.kind === "composite") continue;
    for (const column of rowsOfObject(object)?.columns ?? [])
      if (!column.isDropped && types.some(({ oid }) => isOfType(column, oid)))
        throw refused(`column "${object.name}.${column.name}"`);
    const named = [...typesNamed(object)];
    const isOfView =
      object.kind === "view" && object.columns.some((each) => types.some(({ oid }) => isOfType(each, oid)));
    if (isOfView || types.some(({ oid }) => named.includes(oid)))
      throw refused(`${(object as TypeDefinition | typeof object).kind} ${object.name}`);
  }
}
