/** Names of catalog objects as text and back: `'t'::regclass`, `'int'::regtype`, `'now'::regproc`. */

import { SqlError } from "../../error.js";
import { allOperators, allProcedures, operatorOf, procedureOf } from "../../functions/procedures.js";
import { quoteIdentifier, readQualifiedName } from "../../types/quote.js";
import type { Oid } from "../../types/sql-type.js";
import type { NamedObjectKind, ObjectNames } from "../../types/text-context.js";
import { type FindUserType, formatType, parseTypeName, typeLabel } from "../../types/type-name.js";
import { typeFactsOf } from "../../types/type-table.js";
import { isUserType, withTypeNames } from "../../types/user-types.js";
import { roleOidOf } from "../role-set.js";
import { findTypeIn, labelsOf } from "../user-types.js";
import { type CatalogView, CatalogWorld } from "./world.js";

const noRelation = (name: string): SqlError => new SqlError("42P01", `relation "${name}" does not exist`);

function procedureNamed(text: string): Oid {
  const name = readQualifiedName(text).at(-1) ?? "";
  const named = allProcedures.filter((procedure) => procedure.name === name);
  const [only] = named;
  if (only === undefined) throw new SqlError("42883", `function "${text}" does not exist`);
  if (named.length > 1) throw new SqlError("42725", `more than one function named "${text}"`);
  return only.oid;
}

function procedureWithArguments(text: string, find: FindUserType): Oid {
  const match = /^(.*?)\((.*)\)\s*$/su.exec(text);
  if (match === null) throw new SqlError("22P02", "expected a left parenthesis");
  const name = readQualifiedName(match[1] ?? "").at(-1) ?? "";
  const args =
    (match[2] ?? "").trim() === "" ? [] : (match[2] ?? "").split(",").map((type) => parseTypeName(type, find).oid);
  const found = allProcedures.find(
    (procedure) =>
      procedure.name === name &&
      procedure.argumentTypes.length === args.length &&
      procedure.argumentTypes.every((type, index) => type === args[index]),
  );
  if (found === undefined) throw new SqlError("42883", `function "${text}" does not exist`);
  return found.oid;
}

function operatorNamed(text: string): Oid {
  const name = text.trim().replace(/^pg_catalog\./u, "");
  const named = allOperators.filter((operator) => operator.name === name);
  const [only] = named;
  if (only === undefined) throw new SqlError("42883", `operator does not exist: ${text}`);
  if (named.length > 1) throw new SqlError("42725", `more than one operator named ${text}`);
  return only.oid;
}

function operatorWithArguments(text: string, find: FindUserType): Oid {
  const match = /^([^(]+)\((.*),(.*)\)\s*$/su.exec(text);
  if (match === null) throw new SqlError("22P02", "expected a left parenthesis");
  const side = (type: string): Oid => (type.trim().toLowerCase() === "none" ? 0 : parseTypeName(type, find).oid);
  const [, name = "", left = "", right = ""] = match;
  const found = allOperators.find(
    (operator) => operator.name === name.trim() && operator.left === side(left) && operator.right === side(right),
  );
  if (found === undefined) throw new SqlError("42883", `operator does not exist: ${text}`);
  return found.oid;
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
export function objectNames(view: CatalogView): ObjectNames {
  const world = new CatalogWorld(view);
  const find = findTypeIn(view.catalog, view);
  const nameOfType = (oid: Oid): string => world.typeText(oid);
  return {
    oidOf: (kind: NamedObjectKind, text: string): Oid => {
      switch (kind) {
        case "regclass": {
          const relation = world.relationNamed(readQualifiedName(text));
          if (relation === null) throw noRelation(text);
          return relation.oid;
        }
        case "regtype": {
          const type = parseTypeName(text, find);
          return type.domain ?? type.oid;
        }
        case "regproc":
          return procedureNamed(text);
        case "regprocedure":
          return procedureWithArguments(text, find);
        case "regoper":
          return operatorNamed(text);
        case "regoperator":
          return operatorWithArguments(text, find);
        case "regnamespace": {
          const [name = ""] = readQualifiedName(text);
          const oid = world.schemaOid(name);
          if (oid === null) throw new SqlError("3F000", `schema "${name}" does not exist`);
          return oid;
        }
        case "regrole": {
          const [name = ""] = readQualifiedName(text);
          if (view.roles.find(name) === null) throw new SqlError("42704", `role "${name}" does not exist`);
          return roleOidOf(name);
        }
      }
    },
    nameOf: (kind: NamedObjectKind, oid: Oid): string | null => {
      switch (kind) {
        case "regclass": {
          const relation = world.relation(oid);
          return relation === null ? null : world.relationText(relation);
        }
        case "regtype":
          if (view.catalog.objectByOid(oid)?.kind === "domain") return world.typeText(oid);
          if (isUserType(oid) && world.userType(oid) === null) return null;
          return typeFactsOf(oid) === null ? null : withTypeNames(formatType(oid, null), nameOfType);
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
