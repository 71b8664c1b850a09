/** The types of `information_schema`: domains that nobody has made, and that can be named as any other. */
import type { Expression } from "../syntax/ast-expression.js";
import { type Oid, type SqlType, sqlType, typeOid } from "../types/sql-type.js";
import { type CatalogObject, type DomainDefinition, informationSchemaOid, type SchemaDefinition } from "./model.js";

const location = -1;
const value: Expression = { kind: "columnName", parts: ["value"], isStar: false, location };
const isNotNegative: Expression = {
  kind: "operator",
  name: ">=",
  schema: null,
  left: value,
  right: { kind: "integerLiteral", value: 0, location },
  location,
};
const isYesOrNo: Expression = {
  kind: "inList",
  isNegated: false,
  subject: value,
  items: ["YES", "NO"].map((text): Expression => ({ kind: "stringLiteral", text, location })),
  location,
};
const now: Expression = { kind: "specialValue", name: "current_timestamp", modifier: 2, location };

const domain = (
  oid: Oid,
  name: string,
  base: SqlType,
  more: Partial<Pick<DomainDefinition, "default" | "checks">> = {},
): DomainDefinition => ({
  kind: "domain",
  oid,
  name,
  schema: informationSchemaOid,
  owner: "",
  base,
  isNotNull: false,
  default: null,
  checks: [],
  ...more,
});

const check = (oid: Oid, name: string, text: string, syntax: Expression): DomainDefinition["checks"] => [
  { oid, name, expression: { text, syntax } },
];

/** With PostgreSQL's numbers. */
export const builtInDomains: readonly DomainDefinition[] = [
  domain(13_221, "cardinal_number", sqlType(typeOid.int4), {
    checks: check(13_222, "cardinal_number_domain_check", "VALUE >= 0", isNotNegative),
  }),
  domain(13_224, "character_data", sqlType(typeOid.varchar)),
  domain(13_226, "sql_identifier", sqlType(typeOid.name)),
  domain(13_232, "time_stamp", sqlType(typeOid.timestamptz, 2), {
    default: { text: "CURRENT_TIMESTAMP(2)", syntax: now },
  }),
  domain(13_234, "yes_or_no", sqlType(typeOid.varchar, 3 + 4), {
    checks: check(13_235, "yes_or_no_check", "VALUE IN ('YES', 'NO')", isYesOrNo),
  }),
];

const schema: SchemaDefinition = { kind: "schema", oid: informationSchemaOid, name: "information_schema", owner: "" };
const byOid = new Map<Oid, CatalogObject>([schema, ...builtInDomains].map((each) => [each.oid, each]));

/** One of the domains, or their schema; null for any other number. */
export const builtInObject = (oid: Oid): CatalogObject | null => byOid.get(oid) ?? null;

/** A domain of `information_schema` by the name that it has there. */
export const builtInDomainNamed = (name: string): DomainDefinition | null =>
  builtInDomains.find((each) => each.name === name) ?? null;
