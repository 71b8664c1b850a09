/** CREATE DOMAIN and ALTER DOMAIN. */

import { expectNoQuery } from "../../bind/no-query.js";
import { bindTypeName } from "../../bind/type-name.js";
import { keptCollation } from "../../catalog/collation.js";
import {
  type ColumnDefinition,
  type DomainDefinition,
  rowsOfObject,
  type TableDefinition,
} from "../../catalog/model.js";
import { isOfType } from "../../catalog/of-type.js";
import { valueOf } from "../../catalog/system/expression-world.js";
import { isTemporaryName } from "../../catalog/temporary.js";
import { domainsOver } from "../../catalog/user-types.js";
import { notSupported, SqlError } from "../../error.js";
import type { AlterDomain, ConstraintSyntax, CreateDomain } from "../../syntax/ast-definition.js";
import { elementTypeOf, typeFactsOf } from "../../types/type-table.js";
import { domainArrayOid, isComposite } from "../../types/user-types.js";
import { expectCollatable, expectCollation } from "./column-maker.js";
import { storeDefault } from "./default.js";
import { withDefaults } from "./default-privileges.js";
import { placeOf, shownName } from "./draft.js";
import { expectFree, freeName } from "./names.js";
import type { DefinitionPorts, DefinitionResult } from "./ports.js";
import { checkDomain } from "./table-rows.js";
import { columnType, expectTypeUsage } from "./types.js";

export function createDomain(statement: CreateDomain, ports: DefinitionPorts): DefinitionResult {
  const { draft } = ports;
  const { name } = statement.name;
  const schema = draft.schemaFor(statement.name);
  if (isTemporaryName(schema.name)) throw notSupported("a temporary domain");
  expectFree(ports, schema.oid, name);
  // PostgreSQL does not say here where a type stands that has no modifiers.
  const { oid } = bindTypeName({ ...statement.type, location: -1 }, draft.findType);
  if (typeFactsOf(oid)?.kind === "p") {
    const name = statement.type.names.join(".") + (statement.type.arrayDimensions > 0 ? "[]" : "");
    throw new SqlError("42804", `"${name}" is not a valid base type for a domain`);
  }
  const base = columnType(statement.type, draft.findType);
  if (isComposite(base.oid) || isComposite(elementTypeOf(base.oid)))
    throw notSupported("a domain over a composite type", placeOf(statement.type.location));
  expectTypeUsage(base, ports);
  expectCollation(statement.collation);
  const under = base.domain === undefined ? null : draft.catalog.objectByOid(base.domain);
  if (base.domain !== undefined && under?.kind !== "domain")
    throw notSupported("a domain over arrays of a domain", placeOf(statement.type.location));
  const { user: owner } = ports;
  expectCollatable(statement.collation, base);
  const start = { kind: "domain", oid: draft.newOid(), name, schema: schema.oid, owner, base } as const;
  const collation = keptCollation(statement.collation, base);
  let domain: DomainDefinition = { ...start, ...collation, isNotNull: false, default: null, checks: [] };
  for (const constraint of statement.constraints) domain = constrained(domain, constraint, ports);
  // What the one beneath has for a default by now is its own from here on.
  if (under?.kind === "domain" && domain.default === null) domain = { ...domain, ...inheritedDefault(under) };
  draft.put(withDefaults(domain, ports));
  ports.validateDomain(draft.catalog, domain);
  return { tag: "CREATE DOMAIN" };
}

function inheritedDefault(under: DomainDefinition): Pick<DomainDefinition, "default" | "defaultType"> {
  const { base, defaultType = base } = under;
  const inherited = valueOf({ default: under.default, type: base });
  return inherited === null ? { default: null } : { default: inherited, defaultType };
}

function constrained(domain: DomainDefinition, constraint: ConstraintSyntax, ports: DefinitionPorts): DomainDefinition {
  const position = placeOf(constraint.location);
  switch (constraint.kind) {
    case "notNull":
      return { ...domain, isNotNull: true };
    case "null":
      if (domain.isNotNull) throw new SqlError("42601", "conflicting NULL/NOT NULL constraints", { position });
      return domain;
    case "default":
      if (domain.default !== null) throw new SqlError("42601", "multiple default expressions", { position });
      return { ...domain, default: storeDefault(constraint.expression, ports) };
    case "check":
      return withCheck(domain, constraint, ports);
    case "primaryKey":
    case "unique":
      throw new SqlError(
        "42601",
        `${constraint.kind === "unique" ? "unique" : "primary key"} constraints not possible for domains`,
        { position },
      );
    case "foreignKey":
      throw new SqlError("42601", "foreign key constraints not possible for domains", { position });
    default:
      throw new SqlError("42601", `${constraint.kind} not possible for domains`, { position });
  }
}

function withCheck(
  domain: DomainDefinition,
  constraint: Extract<ConstraintSyntax, { kind: "check" }>,
  ports: DefinitionPorts,
): DomainDefinition {
  const isTaken = (name: string): boolean => domain.checks.some((check) => check.name === name);
  const name = constraint.name ?? freeName(domain.name, null, "check", isTaken);
  if (isTaken(name)) throw new SqlError("42710", `constraint "${name}" for domain "${domain.name}" already exists`);
  expectNoQuery(constraint.expression, "check constraint", "unplaced");
  const check = { oid: ports.draft.newOid(), name, expression: ports.storeExpression(constraint.expression) };
  return { ...domain, checks: [...domain.checks, constraint.isNotValid ? { ...check, isNotValid: true } : check] };
}

export function alterDomain({ name, change }: AlterDomain, ports: DefinitionPorts): DefinitionResult {
  const { draft } = ports;
  const domain = draft.type(name);
  if (domain === null) throw new SqlError("42704", `type "${shownName(name)}" does not exist`);
  if (domain.kind !== "domain") throw new SqlError("42809", `${draft.shown(domain)} is not a domain`);
  switch (change.kind) {
    case "setDefault": {
      const { expression } = change;
      const { defaultType: _before, ...own } = domain;
      put({ ...own, default: expression === null ? null : storeDefault(expression, ports) }, ports, "unchecked");
      break;
    }
    case "setNotNull":
      expectNoArrays(domain, ports);
      put({ ...domain, isNotNull: true }, ports, "checked");
      expectRows(domain, null, "contains null values", ports);
      break;
    case "dropNotNull":
      put({ ...domain, isNotNull: false }, ports, "unchecked");
      break;
    case "addConstraint":
      addConstraint(domain, change.constraint, ports);
      break;
    case "dropConstraint": {
      const checks = domain.checks.filter((check) => check.name !== change.constraint);
      const message = `constraint "${change.constraint}" of domain "${domain.name}" does not exist`;
      if (checks.length < domain.checks.length) put({ ...domain, checks }, ports, "unchecked");
      else if (!change.ifExists) throw new SqlError("42704", message);
      else ports.notice("NOTICE", "00000", `${message}, skipping`);
      break;
    }
    case "validateConstraint":
      validateConstraint(domain, change.constraint, ports);
      break;
    case "renameConstraint":
      renameConstraint(domain, change, ports);
  }
  return { tag: "ALTER DOMAIN" };
}

/**
 * The tables that have columns of it are other ones from now on, for whoever knows what holds for their rows.
 *
 * @param rows whether they are to be looked at: then nobody writes them meanwhile
 */
function put(domain: DomainDefinition, ports: DefinitionPorts, rows: "checked" | "unchecked"): void {
  const { draft } = ports;
  draft.put(domain);
  ports.validateDomain(draft.catalog, domain);
  for (const { table } of columnsOf(domain, ports)) {
    const now = draft.catalog.objectByOid(table.oid);
    if (now?.kind !== "table") continue;
    if (rows === "checked") ports.lockTable(now, "SHARE");
    draft.put({ ...now, version: now.version + 1 });
  }
}

/** Columns of it, and of domains over it. */
function columnsOf(
  domain: DomainDefinition,
  { draft }: DefinitionPorts,
): readonly { readonly table: TableDefinition; readonly column: ColumnDefinition }[] {
  const domains = domainsOver(domain, draft.catalog);
  return [...draft.catalog.objects()].flatMap((table) =>
    table.kind !== "table"
      ? []
      : table.columns.flatMap((column) =>
          !column.isDropped && domains.some(({ oid }) => isOfType(column, oid)) ? [{ table, column }] : [],
        ),
  );
}

function addConstraint(domain: DomainDefinition, constraint: ConstraintSyntax, ports: DefinitionPorts): void {
  if (!constraint.isNotValid) expectNoArrays(domain, ports);
  if (constraint.kind !== "check") {
    put(constrained(domain, constraint, ports), ports, "unchecked");
    return;
  }
  const next = withCheck(domain, constraint, ports);
  put(next, ports, constraint.isNotValid ? "unchecked" : "checked");
  if (constraint.isNotValid) return;
  const added = next.checks.at(-1)?.name ?? null;
  expectRows(domain, added, "contains values that violate the new constraint", ports);
}

/** From here on all values fulfil a condition that was added NOT VALID. */
function validateConstraint(domain: DomainDefinition, name: string, ports: DefinitionPorts): void {
  const found = domain.checks.find((check) => check.name === name);
  if (found === undefined)
    throw new SqlError("42704", `constraint "${name}" of domain "${domain.name}" does not exist`);
  if (found.isNotValid !== true) return;
  expectNoArrays(domain, ports);
  const { isNotValid: _before, ...valid } = found;
  const next = { ...domain, checks: domain.checks.map((check) => (check === found ? valid : check)) };
  put(next, ports, "checked");
  expectRows(next, name, "contains values that violate the new constraint", ports);
}

function renameConstraint(
  domain: DomainDefinition,
  { constraint, newName }: Extract<AlterDomain["change"], { readonly kind: "renameConstraint" }>,
  ports: DefinitionPorts,
): void {
  const label = `for domain ${ports.draft.shown(domain)}`;
  if (!domain.checks.some(({ name }) => name === constraint))
    throw new SqlError("42704", `constraint "${constraint}" ${label} does not exist`);
  if (domain.checks.some(({ name }) => name === newName))
    throw new SqlError("42710", `constraint "${newName}" ${label} already exists`);
  const checks = domain.checks.map((check) => (check.name === constraint ? { ...check, name: newName } : check));
  put({ ...domain, checks }, ports, "unchecked");
}

/** As PostgreSQL does not look into arrays: throws 0A000 for a domain of whose values there are some. */
function expectNoArrays(domain: DomainDefinition, { draft }: DefinitionPorts): void {
  const arrays = new Map(domainsOver(domain, draft.catalog).map((each) => [domainArrayOid(each.oid), each.name]));
  for (const object of draft.catalog.objects())
    for (const { name, type, isDropped } of rowsOfObject(object)?.columns ?? [])
      if (!isDropped && type.domain !== undefined && arrays.has(type.domain))
        throw new SqlError(
          "0A000",
          `cannot alter type "${arrays.get(type.domain) ?? domain.name}" because column "${object.name}.${name}" uses it`,
        );
}

/** Throws for a table whose rows do not fulfil what was added to the domain: a condition, or NOT NULL (null). */
function expectRows(domain: DomainDefinition, added: string | null, problem: string, ports: DefinitionPorts): void {
  for (const { table, column } of columnsOf(domain, ports)) {
    const failed = (): SqlError =>
      new SqlError(added === null ? "23502" : "23514", `column "${column.name}" of table "${table.name}" ${problem}`, {
        schema: ports.write(ports.draft.catalog).schemaName(table),
        table: table.name,
        column: column.name,
      });
    checkDomain(ports, table, column.number, ({ constraint }) => constraint === added, failed);
  }
}
