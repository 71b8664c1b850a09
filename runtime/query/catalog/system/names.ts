/** Names of catalog objects as text and back: `'t'::regclass`, `'int'::regtype`, `'now'::regproc`. */

import { SqlError } from "../../error.js";
import { allOperators, allProcedures, operatorOf, procedureOf } from "../../functions/procedures.js";
import { quoteIdentifier, readQualifiedName } from "../../types/quote.js";
import type { Oid } from "../../types/sql-type.js";
import type { NamedObjectKind, ObjectNames } from "../../types/text-context.js";
import {
  type FindUserType,
  formatType,
  nameOfTypeNotDone,
  oidOfTypeNotDone,
  parseTypeName,
  typeLabel,
} from "../../types/type-name.js";
import { typeFactsOf } from "../../types/type-table.js";
import { isUserType, numberInOid, withTypeNames } from "../../types/user-types.js";
import { roleOidOf } from "../role-set.js";
import { findTypeIn, labelsOf } from "../user-types.js";
import { type CatalogView, CatalogWorld } from "./world.js";

const noSchema = (name: string): SqlError => new SqlError("3F000", `schema "${name}" does not exist`);
const noRelation = (name: string): SqlError => new SqlError("42P01", `relation "${name}" does not exist`);

/**
 * The name in a list of at most a database, a schema and it. Throws 42601 for more, and 0A000 for another database.
 *
 * @returns the name and, where one is given, its schema
 */
function partsOf(
  names: readonly string[],
  what: "relation" | "qualified",
  own: string,
): readonly [name: string, schema?: string] {
  const whole = names.join(".");
  if (names.length > 3) throw new SqlError("42601", `improper ${what} name (too many dotted names): ${whole}`);
  const [name = "", schema, database = own] = names.toReversed();
  if (database !== own) {
    const label = what === "relation" ? `"${whole}"` : whole;
    throw new SqlError("0A000", `cross-database references are not implemented: ${label}`);
  }
  return schema === undefined ? [name] : [name, schema];
}

/** Whether functions and operators can be in this schema: the system's are in one. Throws 3F000 for a schema that there is not. */
function hasBuiltIn(schema: string | undefined, world: CatalogWorld): boolean {
  if (schema === undefined) return true;
  if (world.schemaOid(schema) === null) throw noSchema(schema);
  return schema === "pg_catalog";
}

/** Splits `name(arguments)`. Throws 22P02. */
function splitArguments(text: string): readonly [name: string, args: readonly string[]] {
  const open = text.indexOf("(");
  if (open < 0) throw new SqlError("22P02", "expected a left parenthesis");
  const end = text.trimEnd();
  if (!end.endsWith(")")) throw new SqlError("22P02", "expected a right parenthesis");
  const inner = end.slice(open + 1, -1);
  return [text.slice(0, open), inner.trim() === "" ? [] : inner.split(",")];
}

class NameReader {
  readonly #view: CatalogView;
  readonly #world: CatalogWorld;
  readonly #find: FindUserType;
  /** The session's own, of which alone there are names. */
  readonly #database: string;

  constructor(view: CatalogView, database: string) {
    this.#database = database;
    this.#view = view;
    this.#world = new CatalogWorld(view);
    this.#find = findTypeIn(view.catalog, view);
  }

  relation(text: string): Oid {
    const names = readQualifiedName(text);
    const [, schema] = partsOf(names, "relation", this.#database);
    const relation = this.#world.relationAskedFor(names);
    if (relation !== null) return relation.oid;
    if (schema !== undefined && this.#world.schemaOid(schema) === null) throw noSchema(schema);
    const type = this.#world.typeNamed(names);
    if (type?.kind !== "composite") throw noRelation(names.join("."));
    return numberInOid(type.oid);
  }

  /** Also of PostgreSQL's types that do not exist here: tools compare types with them. */
  type(text: string): Oid {
    if (/^\s*setof\s+\w/iu.test(text)) throw new SqlError("42601", `invalid type name "${text}"`);
    const parts = /^\s*\w+(?:\.\w+){2,}\s*$/u.test(text) ? readQualifiedName(text) : [];
    if (parts.length > 0) partsOf(parts, "qualified", this.#database);
    try {
      const type = parseTypeName(parts.length > 0 ? parts.slice(-2).join(".") : text, this.#find);
      return type.domain ?? type.oid;
    } catch (error) {
      if (!(error instanceof SqlError) || error.sqlState !== "0A000") throw error;
      const oid = oidOfTypeNotDone(text.trim().replace(/^pg_catalog\./u, ""));
      if (oid === 0) throw error;
      return oid;
    }
  }

  procedure(text: string): Oid {
    const [name, schema] = partsOf(readQualifiedName(text), "qualified", this.#database);
    const named = hasBuiltIn(schema, this.#world) ? allProcedures.filter((procedure) => procedure.name === name) : [];
    const [only] = named;
    if (only === undefined) throw new SqlError("42883", `function "${text}" does not exist`);
    if (named.length > 1) throw new SqlError("42725", `more than one function named "${text}"`);
    return only.oid;
  }

  procedureWithArguments(text: string): Oid {
    const [full, types] = splitArguments(text);
    const [name, schema] = partsOf(readQualifiedName(full), "qualified", this.#database);
    const args = types.map((type) => parseTypeName(type, this.#find).oid);
    const isThere = hasBuiltIn(schema, this.#world);
    const found = allProcedures.find(
      (procedure) =>
        isThere &&
        procedure.name === name &&
        procedure.argumentTypes.length === args.length &&
        procedure.argumentTypes.every((type, index) => type === args[index]),
    );
    if (found === undefined) throw new SqlError("42883", `function "${text}" does not exist`);
    return found.oid;
  }

  /** An operator's name behind its schema: its signs are no identifier. */
  #operator(text: string): string | null {
    const dot = text.lastIndexOf(".");
    const [, schema] =
      dot < 0 ? [] : partsOf([...readQualifiedName(text.slice(0, dot)), ""], "qualified", this.#database);
    return schema === undefined || schema === "pg_catalog" ? text.slice(dot + 1).trim() : null;
  }

  operator(text: string): Oid {
    const name = this.#operator(text);
    const named = allOperators.filter((operator) => operator.name === name);
    const [only] = named;
    if (only === undefined) throw new SqlError("42883", `operator does not exist: ${text}`);
    if (named.length > 1) throw new SqlError("42725", `more than one operator named ${text}`);
    return only.oid;
  }

  operatorWithArguments(text: string): Oid {
    const [full, types] = splitArguments(text);
    const sides = types.map((type) => (type.trim().toLowerCase() === "none" ? 0 : parseTypeName(type, this.#find).oid));
    if (sides.length === 1)
      throw new SqlError("42P02", "missing argument", {
        hint: "Use NONE to denote the missing argument of a unary operator.",
      });
    if (sides.length !== 2)
      throw new SqlError("54023", "too many arguments", { hint: "Provide two argument types for operator." });
    const name = this.#operator(full);
    const found = allOperators.find(
      (operator) => operator.name === name && operator.left === sides[0] && operator.right === sides[1],
    );
    if (found === undefined) throw new SqlError("42883", `operator does not exist: ${text}`);
    return found.oid;
  }

  schema(text: string): Oid {
    const name = onlyName(text);
    const oid = this.#world.schemaOid(name);
    if (oid === null) throw noSchema(name);
    return oid;
  }

  role(text: string): Oid {
    const name = onlyName(text);
    if (this.#view.roles.find(name) === null) throw new SqlError("42704", `role "${name}" does not exist`);
    return roleOidOf(name);
  }
}

function onlyName(text: string): string {
  const [name = "", more] = readQualifiedName(text);
  if (more !== undefined) throw new SqlError("42602", "invalid name syntax");
  return name;
}

export function procedureText(oid: Oid): string | null {
  const procedure = procedureOf(oid);
  if (procedure === null) return null;
  return `${quoteIdentifier(procedure.name)}(${procedure.argumentTypes.map(typeLabel).join(",")})`;
}

function operatorText(oid: Oid): string | null {
  const operator = operatorOf(oid);
  if (operator === null) return null;
  const side = (type: Oid): string => (type === 0 ? "NONE" : typeLabel(type));
  return `${operator.name}(${side(operator.left)},${side(operator.right)})`;
}

/** The names of one version of the catalog, as one user sees them. */
/** @param database the session's own */
export function objectNames(view: CatalogView, database: string): ObjectNames {
  const world = new CatalogWorld(view);
  const reader = new NameReader(view, database);
  const nameOfType = (oid: Oid): string => world.typeText(oid);
  return {
    oidOf: (kind: NamedObjectKind, text: string): Oid => {
      switch (kind) {
        case "regclass":
          return reader.relation(text);
        case "regtype":
          return reader.type(text);
        case "regproc":
          return reader.procedure(text);
        case "regprocedure":
          return reader.procedureWithArguments(text);
        case "regoper":
          return reader.operator(text);
        case "regoperator":
          return reader.operatorWithArguments(text);
        case "regnamespace":
          return reader.schema(text);
        case "regrole":
          return reader.role(text);
      }
    },
    nameOf: (kind: NamedObjectKind, oid: Oid): string | null => {
      switch (kind) {
        case "regclass": {
          const relation = world.relation(oid);
          if (relation !== null) return world.relationText(relation);
          const composite = world.compositeOfClass(oid);
          return composite === null ? null : world.typeText(composite.oid);
        }
        case "regtype":
          if (view.catalog.objectByOid(oid)?.kind === "domain") return world.typeText(oid);
          if (isUserType(oid) && world.userType(oid) === null) return null;
          return typeFactsOf(oid) === null ? nameOfTypeNotDone(oid) : withTypeNames(formatType(oid, null), nameOfType);
        case "regproc": {
          const procedure = procedureOf(oid);
          return procedure === null ? null : quoteIdentifier(procedure.name);
        }
        case "regprocedure":
          return procedureText(oid);
        case "regoper":
          return operatorOf(oid)?.name ?? null;
        case "regoperator":
          return operatorText(oid);
        case "regnamespace": {
          const name = world.schemaName(oid);
          return name === "" ? null : quoteIdentifier(name);
        }
        case "regrole": {
          const name = world.roleName(oid);
          return name === null ? null : quoteIdentifier(name);
        }
      }
    },
    enumLabels: (type) => {
      const object = view.catalog.objectByOid(type);
      return object?.kind === "enum" ? labelsOf(object) : null;
    },
    fieldsOf: (type) => {
      const object = view.catalog.objectByOid(type);
      return object?.kind === "composite" ? object.attributes : null;
    },
  };
}

/** A text with the names of types in the places of their marks. */
export const withNames = (text: string, names: ObjectNames): string =>
  withTypeNames(text, (oid) => names.nameOf("regtype", oid) ?? "???");

/** An error as it is told: with the names of the types that it is about. */
export function errorWithNames(error: unknown, names: ObjectNames): unknown {
  if (!(error instanceof SqlError)) return error;
  const { message, sqlState, fields } = error;
  const { detail: plainDetail, hint: plainHint } = fields;
  const told = (text: string | undefined): string | undefined => (text === undefined ? text : withNames(text, names));
  const [named, detail, hint] = [withNames(message, names), told(plainDetail), told(plainHint)];
  if (named === message && detail === plainDetail && hint === plainHint) return error;
  return new SqlError(sqlState, named, { ...fields, detail, hint });
}
