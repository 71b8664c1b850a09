/** CREATE TYPE … AS ENUM and ALTER TYPE. */
import { assert } from "../../../types/assert.js";
import type { CatalogObject, EnumDefinition, StoredExpression, TableDefinition } from "../../catalog/model.js";
import { isOfType } from "../../catalog/of-type.js";
import { isTemporary, isTemporaryName } from "../../catalog/temporary.js";
import { notSupported, SqlError } from "../../error.js";
import type { AlterType, CreateEnum } from "../../syntax/ast-definition.js";
import type { Expression } from "../../syntax/ast-expression.js";
import { tablesRead, textsIn, typesNamed } from "../../syntax/names-read.js";
import { enumOid } from "../../types/user-types.js";
import { alterComposite } from "./composites.js";
import { withDefaults } from "./default-privileges.js";
import { shownName } from "./draft.js";
import { expectFree, nameBytesMax } from "./names.js";
import type { DefinitionPorts, DefinitionResult } from "./ports.js";
import { followType } from "./stored-types.js";

type Labels = EnumDefinition["labels"];

function expectLabel(label: string): void {
  if (new TextEncoder().encode(label).length <= nameBytesMax) return;
  throw new SqlError("42602", `invalid enum label "${label}"`, {
    detail: `Labels must be ${nameBytesMax} bytes or less.`,
  });
}

export function createEnum({ name, labels }: CreateEnum, ports: DefinitionPorts): DefinitionResult {
  const { draft } = ports;
  const schema = draft.schemaFor(name);
  if (isTemporaryName(schema.name)) throw notSupported("a temporary type");
  expectFree(ports, schema.oid, name.name);
  const oid = enumOid(draft.newOid());
  for (const [index, label] of labels.entries()) {
    expectLabel(label);
    if (labels.indexOf(label) === index) continue;
    throw new SqlError("23505", 'duplicate key value violates unique constraint "pg_enum_typid_label_index"', {
      detail: `Key (enumtypid, enumlabel)=(${oid}, ${label}) already exists.`,
      schema: "pg_catalog",
      table: "pg_enum",
      constraint: "pg_enum_typid_label_index",
    });
  }
  const made: EnumDefinition = {
    kind: "enum",
    oid,
    name: name.name,
    schema: schema.oid,
    owner: ports.user,
    labels: labels.map((label, index) => ({ oid: draft.newOid(), label, value: index + 1 })),
  };
  draft.put(withDefaults(made, ports));
  return { tag: "CREATE TYPE" };
}

export function alterType({ name, change, isDomain }: AlterType, ports: DefinitionPorts): DefinitionResult {
  const { draft } = ports;
  if (change.kind === "attributes" || change.kind === "renameAttribute") {
    alterComposite(name, change, ports);
    return { tag: "ALTER TYPE" };
  }
  const type = draft.type(name);
  if (type === null) throw new SqlError("42704", `type "${shownName(name)}" does not exist`);
  if (isDomain && type.kind !== "domain") throw new SqlError("42809", `"${shownName(name)}" is not a domain`);
  switch (change.kind) {
    case "addValue":
    case "renameValue":
      if (type.kind !== "enum") throw new SqlError("42809", `${draft.shown(type)} is not an enum`);
      if (change.kind === "addValue") addValue(type, change, ports);
      else renameValue(type, change, ports);
      break;
    case "rename":
      if (type.kind === "composite" && draft.catalog.relationByName(type.schema, change.newName) !== null)
        throw new SqlError("42P07", `relation "${change.newName}" already exists`);
      expectFree(ports, type.schema, change.newName);
      draft.put({ ...type, name: change.newName });
      followType(ports, type.oid, { name: change.newName });
      break;
    case "setSchema": {
      const schema = draft.schema(change.newSchema);
      if (isTemporaryName(schema.name) || isTemporary(draft.catalog, type.schema))
        throw new SqlError("0A000", "cannot move objects into or out of temporary schemas");
      if (schema.oid === type.schema) break;
      expectFree(ports, schema.oid, type.name);
      draft.put({ ...type, schema: schema.oid });
      followType(ports, type.oid, { schema: schema.name });
    }
  }
  return { tag: isDomain ? "ALTER DOMAIN" : "ALTER TYPE" };
}

const existing = (labels: Labels, label: string): number => {
  const at = labels.findIndex((each) => each.label === label);
  if (at < 0) throw new SqlError("22023", `"${label}" is not an existing enum label`);
  return at;
};

function addValue(
  type: EnumDefinition,
  { label, ifNotExists, neighbor, isBehind }: Extract<AlterType["change"], { kind: "addValue" }>,
  ports: DefinitionPorts,
): void {
  const { labels } = type;
  expectLabel(label);
  if (labels.some((each) => each.label === label)) {
    const message = `enum label "${label}" already exists`;
    if (!ifNotExists) throw new SqlError("42710", message);
    ports.notice("NOTICE", "42710", `${message}, skipping`);
    return;
  }
  const at = neighbor === null ? labels.length : existing(labels, neighbor) + (isBehind ? 1 : 0);
  const added = { oid: ports.draft.newOid(), label, value: valueBetween(type, at) };
  ports.draft.put({ ...type, labels: [...labels.slice(0, at), added, ...labels.slice(at)] });
}

/** A number for a value that comes to stand at a place: rows that hold the others stay as they are. */
function valueBetween({ name, labels }: EnumDefinition, at: number): number {
  assert(at >= 0 && at <= labels.length, "a value is put among the others");
  const before = labels[at - 1]?.value;
  const behind = labels[at]?.value;
  if (behind === undefined) return Math.floor(before ?? 0) + 1;
  if (before === undefined) return Math.ceil(behind) - 1;
  const between = before + (behind - before) / 2;
  // Fifty times into the same gap.
  if (between <= before || between >= behind)
    throw new SqlError("54000", `no number is left between two values of enum ${name}`);
  return between;
}

function renameValue(
  type: EnumDefinition,
  { label, newLabel }: Extract<AlterType["change"], { kind: "renameValue" }>,
  ports: DefinitionPorts,
): void {
  expectLabel(newLabel);
  const at = existing(type.labels, label);
  if (type.labels.some((each) => each.label === newLabel))
    throw new SqlError("42710", `enum label "${newLabel}" already exists`);
  ports.draft.put({ ...type, labels: type.labels.with(at, { ...type.labels[at], label: newLabel } as Labels[number]) });
  for (const object of [...ports.draft.catalog.objects()]) followLabel(object, type, label, newLabel, ports);
}

/** A stored literal is read whenever it is used, so that a new label has to be written into defaults. Elsewhere it is not known what a text means. */
function followLabel(
  object: CatalogObject,
  type: EnumDefinition,
  label: string,
  newLabel: string,
  ports: DefinitionPorts,
): void {
  if (object.kind === "view" || object.kind === "materializedView") {
    if (readsType(object.query.syntax, type, ports) && mentions(object.query.syntax, label))
      throw refusal(label, `${object.kind === "view" ? "view" : "materialized view"} ${object.name}`);
  }
  if (object.kind === "domain" && object.base.oid === type.oid && mentions([object.default, object.checks], label))
    throw refusal(label, `domain ${object.name}`);
  if (object.kind !== "table") return;
  const concerns = object.columns.some((column) => !column.isDropped && isOfType(column, type.oid));
  if (!concerns && ![...typesNamed(object)].includes(type.oid)) return;
  const renamed = (syntax: Expression): Expression | null => {
    if (syntax.kind === "stringLiteral" && syntax.text === label) return { ...syntax, text: newLabel };
    const inner = syntax.kind === "cast" ? renamed(syntax.subject) : null;
    return syntax.kind === "cast" && inner !== null ? { ...syntax, subject: inner } : null;
  };
  const columns = object.columns.map((column) => {
    const syntax = column.type.oid === type.oid && column.default !== null ? renamed(column.default.syntax) : null;
    return syntax === null ? column : { ...column, default: ports.storeExpression(syntax) };
  });
  const indexes = ports.draft.catalog.indexesOf(object);
  const stored: readonly (StoredExpression | null)[] = [
    ...columns
      .filter((column, index) => column === object.columns[index])
      .flatMap((each) => [each.default, each.generated]),
    ...object.constraints.map((each) => (each.kind === "check" ? each.expression : null)),
    ...indexes.flatMap(({ keys, predicate }) => [predicate, ...keys.map(({ expression }) => expression)]),
  ];
  if (stored.some((expression) => mentions(expression?.syntax, label))) throw refusal(label, `table ${object.name}`);
  if (columns.every((column, index) => column === object.columns[index])) return;
  const next: TableDefinition = { ...object, columns, version: object.version + 1 };
  ports.lockTable(object);
  ports.draft.put(next);
}

const refusal = (label: string, where: string): SqlError =>
  notSupported(`renaming the value "${label}", which the definition of ${where} may mean,`);

/** Whether a text in it may be the label, alone or in an array. */
const mentions = (syntax: unknown, label: string): boolean =>
  [...textsIn(syntax)].some((text) => text === label || (text.startsWith("{") && text.includes(label)));

/** Whether a query names the type, or reads something that has a column of it. */
function readsType(query: Parameters<typeof tablesRead>[0], type: EnumDefinition, { draft }: DefinitionPorts): boolean {
  if ([...typesNamed(query)].includes(type.oid)) return true;
  for (const { schema, name } of tablesRead(query)) {
    const found = draft.find({ database: null, schema, name, location: -1 });
    if (found !== null && "columns" in found && found.columns.some((column) => isOfType(column, type.oid))) return true;
  }
  return false;
}
