/** `pg_describe_object`: what the rows of `pg_depend` are about, in PostgreSQL's words; and functions as they would be made. */
import { extensions, type Relation } from "../../catalog/model.js";
import { columnsOf } from "../../catalog/privileges.js";
import { databasesOf } from "../../catalog/session-facts.js";
import { procedureText } from "../../catalog/system/names.js";
import { CatalogWorld, defaultOid } from "../../catalog/system/world.js";
import { SqlError } from "../../error.js";
import { quoteIdentifier } from "../../types/quote.js";
import type { Oid } from "../../types/sql-type.js";
import { typeLabel } from "../../types/type-name.js";
import type { EvaluationContext } from "../context.js";
import { type Implementation, strictly } from "../define.js";
import { type ProcedureFacts, procedureOf } from "../procedures.js";
import { parametersText, resultText } from "./object-definitions.js";

type Describe = (oid: Oid, part: number, world: CatalogWorld, context: EvaluationContext) => string | null;

const kindNames: Readonly<Record<Relation["kind"], string>> = {
  table: "table",
  view: "view",
  materializedView: "materialized view",
  index: "index",
  sequence: "sequence",
};

const relationName = (relation: Relation, world: CatalogWorld): string =>
  `${kindNames[relation.kind]} ${world.relationText(relation)}`;

function columnName(relation: Relation, number: number): string | null {
  if (relation.kind === "index" || relation.kind === "sequence") return null;
  return columnsOf(relation).find((column) => column.number === number)?.name ?? null;
}

function describeRelation(oid: Oid, part: number, world: CatalogWorld): string | null {
  const relation = world.relation(oid);
  if (relation === null) {
    const composite = world.compositeOfClass(oid);
    return composite === null ? null : `composite type ${world.typeText(composite.oid)}`;
  }
  if (part === 0) return relationName(relation, world);
  const column = columnName(relation, part);
  return column === null ? null : `column ${column} of ${relationName(relation, world)}`;
}

function describeDefault(oid: Oid, _part: number, world: CatalogWorld): string | null {
  for (const table of world.tables())
    for (const { number, name } of table.columns)
      if (defaultOid(table.oid, number) === oid)
        return `default value for column ${name} of ${relationName(table, world)}`;
  return null;
}

function describeConstraint(oid: Oid, _part: number, world: CatalogWorld): string | null {
  for (const table of world.tables())
    for (const { oid: own, name } of table.constraints)
      if (own === oid) return `constraint ${name} on ${relationName(table, world)}`;
  for (const { checks } of world.domains())
    for (const { oid: own, name } of checks) if (own === oid) return `constraint ${name}`;
  return null;
}

/** Names stand without quotes where PostgreSQL says only these. */
const plain = (kind: string, name: string | null | undefined): string | null =>
  name === null || name === undefined || name === "" ? null : `${kind} ${name}`;

/** By the number of the catalog that lists them. */
const describers: ReadonlyMap<Oid, Describe> = new Map<Oid, Describe>([
  [1_259, describeRelation],
  [2_604, describeDefault],
  [2_606, describeConstraint],
  [1_247, (oid, _part, _world, { names }) => signatureOf("type", names.nameOf("regtype", oid))],
  [2_615, (oid, _part, world) => plain("schema", world.schemaName(oid))],
  [1_260, (oid, _part, world) => plain("role", world.roleName(oid))],
  [1_262, (oid, _part, _world, context) => plain("database", databaseName(oid, context))],
  [1_255, (oid) => signatureOf("function", procedureText(oid))],
  [2_617, (oid, _part, _world, { names }) => signatureOf("operator", names.nameOf("regoperator", oid))],
  [3_079, (oid) => plain("extension", extensions.find((each) => each.oid === oid)?.name)],
]);

const signatureOf = (kind: string, signature: string | null): string | null =>
  signature === null ? null : `${kind} ${signature}`;

function databaseName(oid: Oid, context: EvaluationContext): string | undefined {
  if (oid === context.databaseOid) return context.database;
  return databasesOf((of) => context.session.setting(of)).find((each) => each.oid === oid)?.name;
}

/** NULL for what is not there. Throws XX000 for a catalog that lists nothing which others depend on. */
function describe(catalog: Oid, oid: Oid, part: number, context: EvaluationContext): string | null {
  // As `pg_depend` has it of what can never be dropped.
  if (catalog === 0 && oid === 0) return null;
  const describer = describers.get(catalog);
  if (describer === undefined) throw new SqlError("XX000", `unsupported object class ${catalog}`);
  return describer(oid, part, new CatalogWorld(context), context);
}

const volatilities: Readonly<Record<ProcedureFacts["volatility"], string>> = {
  immutable: "IMMUTABLE",
  stable: "STABLE",
  volatile: "",
};

/** Every function there is is the program's own: what would make it says so, and its name. */
function definitionOf(oid: Oid): string | null {
  const procedure = procedureOf(oid);
  if (procedure === null) return null;
  const { schema, name, kind, volatility, isStrict, outColumns } = procedure;
  if (kind === "aggregate") throw new SqlError("42809", `"${name}" is an aggregate function`);
  const columns = outColumns.map((column) => `OUT ${column.name} ${typeLabel(column.type)}`);
  const parameters = [parametersText(procedure), ...columns].filter((text) => text !== "").join(", ");
  const traits = [
    kind === "window" ? "WINDOW" : "",
    volatilities[volatility],
    "PARALLEL SAFE",
    isStrict ? "STRICT" : "",
  ];
  return [
    `CREATE OR REPLACE FUNCTION ${schema}.${quoteIdentifier(name)}(${parameters})`,
    ` RETURNS ${resultText(procedure)}`,
    " LANGUAGE internal",
    ` ${traits.filter((trait) => trait !== "").join(" ")}`,
    `AS $function$${name}$function$`,
    "",
  ].join("\n");
}

export const objectDescriptions: readonly Implementation[] = strictly({
  "pg_describe_object(oid,oid,int4)": describe,
  "pg_get_functiondef(oid)": definitionOf,
  "oidvectortypes(oidvector)": (types) => types.items.map((oid) => typeLabel(Number(oid))).join(", "),
});
