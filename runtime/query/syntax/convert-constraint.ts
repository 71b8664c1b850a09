/** Constraints and sequence options of tables and columns, of the parser into ours. */

import { notSupported, SqlError } from "../error.js";
import type { ConstraintSyntax, ReferentialAction, SequenceOptions } from "./ast-definition.js";
import type { RelationName } from "./ast-query.js";
import type { Conversion } from "./conversion.js";
import { convertExpression, convertTypeName } from "./convert-expression.js";
import { convertRelation } from "./convert-query.js";
import { nameParts } from "./definition-names.js";
import { definitionElements, valueText } from "./options.js";
import { expectTablespace } from "./storage-clauses.js";
import { expectHints } from "./storage-hints.js";
import { type Fields, fieldsOf, flagOf, has, listOf, stringsOf, textOf, textOrNull } from "./tree.js";

const referentialActions: Readonly<Record<string, ReferentialAction>> = {
  a: "noAction",
  r: "restrict",
  c: "cascade",
  n: "setNull",
  d: "setDefault",
};

/** Constraints in order; DEFERRABLE and its like apply to the one before. */
export function convertConstraints(nodes: readonly unknown[], conversion: Conversion): readonly ConstraintSyntax[] {
  const constraints: ConstraintSyntax[] = [];
  /** Words behind the last of them. */
  const attributes = new Set<string>();
  for (const node of nodes) {
    const fields = fieldsOf(node, "Constraint");
    const type = textOf(fields, "contype");
    const location = conversion.at(fields);
    const last = constraints.at(-1);
    if (type.startsWith("CONSTR_ATTR_")) {
      if (last === undefined) throw new SqlError("42601", "misplaced constraint attribute", { position: location });
      constraints[constraints.length - 1] = withAttribute(last, type, attributes, location);
      attributes.add(type);
      continue;
    }
    attributes.clear();
    constraints.push(convertConstraint(type, fields, location, conversion));
  }
  return constraints;
}

const attributeTexts: Readonly<Record<string, string>> = {
  CONSTR_ATTR_DEFERRABLE: "DEFERRABLE",
  CONSTR_ATTR_NOT_DEFERRABLE: "NOT DEFERRABLE",
  CONSTR_ATTR_DEFERRED: "INITIALLY DEFERRED",
  CONSTR_ATTR_IMMEDIATE: "INITIALLY IMMEDIATE",
};

/** A column's constraint with one of the words behind it, of which each says something once. */
function withAttribute(
  constraint: ConstraintSyntax,
  type: string,
  before: ReadonlySet<string>,
  position: number,
): ConstraintSyntax {
  const text = attributeTexts[type] ?? type;
  const wrong = (message: string): SqlError => new SqlError("42601", message, { position });
  const { kind } = constraint;
  if (kind !== "primaryKey" && kind !== "unique" && kind !== "foreignKey") throw wrong(`misplaced ${text} clause`);
  const isAbout = (words: readonly string[]): boolean => words.includes(text);
  const has = (words: readonly string[]): boolean =>
    [...before].some((each) => words.includes(attributeTexts[each] ?? ""));
  const first = ["DEFERRABLE", "NOT DEFERRABLE"];
  const second = ["INITIALLY DEFERRED", "INITIALLY IMMEDIATE"];
  if (isAbout(first) && has(first)) throw wrong("multiple DEFERRABLE/NOT DEFERRABLE clauses not allowed");
  if (isAbout(second) && has(second)) {
    throw wrong("multiple INITIALLY IMMEDIATE/DEFERRED clauses not allowed");
  }
  const contradicts =
    (text === "NOT DEFERRABLE" && constraint.isInitiallyDeferred) ||
    (text === "INITIALLY DEFERRED" && has(["NOT DEFERRABLE"]));
  if (contradicts) throw wrong("constraint declared INITIALLY DEFERRED must be DEFERRABLE");
  return {
    ...constraint,
    isDeferrable: constraint.isDeferrable || text === "DEFERRABLE" || text === "INITIALLY DEFERRED",
    isInitiallyDeferred: constraint.isInitiallyDeferred || text === "INITIALLY DEFERRED",
  };
}

function convertConstraint(type: string, fields: Fields, location: number, conversion: Conversion): ConstraintSyntax {
  const base = {
    name: textOrNull(fields, "conname"),
    isDeferrable: flagOf(fields, "deferrable"),
    isInitiallyDeferred: flagOf(fields, "initdeferred"),
    isNotValid: flagOf(fields, "skip_validation"),
    location,
  };
  switch (type) {
    case "CONSTR_NOTNULL":
      if (has(fields, "keys")) throw notSupported("NOT NULL as a table constraint", location);
      return { ...base, kind: "notNull" };
    case "CONSTR_NULL":
      return { ...base, kind: "null" };
    case "CONSTR_DEFAULT":
      return { ...base, kind: "default", expression: convertExpression(fields["raw_expr"], conversion) };
    case "CONSTR_CHECK":
      return { ...base, kind: "check", expression: convertExpression(fields["raw_expr"], conversion) };
    case "CONSTR_IDENTITY":
      return {
        ...base,
        kind: "identity",
        when: textOf(fields, "generated_when") === "a" ? "always" : "byDefault",
        options: identityOptions(listOf(fields, "options"), conversion),
      };
    case "CONSTR_GENERATED":
      return {
        ...base,
        kind: "generated",
        expression: convertExpression(fields["raw_expr"], conversion),
        isStored: textOf(fields, "generated_kind") !== "v",
      };
    case "CONSTR_PRIMARY":
    case "CONSTR_UNIQUE":
      expectHints(listOf(fields, "options"), "index", conversion);
      expectTablespace(fields, "indexspace");
      if (flagOf(fields, "without_overlaps")) throw notSupported("WITHOUT OVERLAPS", location);
      return {
        ...base,
        kind: type === "CONSTR_PRIMARY" ? "primaryKey" : "unique",
        columns: stringsOf(fields, "keys"),
        included: stringsOf(fields, "including"),
        nullsNotDistinct: flagOf(fields, "nulls_not_distinct"),
        index: textOrNull(fields, "indexname"),
      };
    case "CONSTR_FOREIGN": {
      const match = textOf(fields, "fk_matchtype");
      // PostgreSQL adds foreign keys once the table is there, and then no longer knows where they were written.
      return {
        ...base,
        location: -1,
        kind: "foreignKey",
        columns: stringsOf(fields, "fk_attrs"),
        table: { ...convertRelation(fields["pktable"], conversion), location: -1 },
        referencedColumns: stringsOf(fields, "pk_attrs"),
        match: match === "f" ? "full" : match === "p" ? "partial" : "simple",
        onUpdate: referentialActions[textOf(fields, "fk_upd_action")] ?? "noAction",
        onDelete: referentialActions[textOf(fields, "fk_del_action")] ?? "noAction",
        deleteColumns: stringsOf(fields, "fk_del_set_cols"),
      };
    }
    default:
      throw notSupported(type === "CONSTR_EXCLUSION" ? "EXCLUDE" : `the constraint ${type}`, location);
  }
}

/** Options of an identity column's sequence, its name among them. */
function identityOptions(nodes: readonly unknown[], conversion: Conversion): SequenceOptions {
  const isName = (node: unknown): boolean => textOf(fieldsOf(node, "DefElem"), "defname") === "sequence_name";
  const [named, twice] = definitionElements(nodes.filter(isName), conversion);
  if (twice !== undefined)
    throw new SqlError("42601", "conflicting or redundant options", { position: twice.location });
  const options = convertSequenceOptions(
    nodes.filter((node) => !isName(node)),
    conversion,
  );
  return named === undefined ? options : { ...options, name: sequenceName(nameParts(named.value)) };
}

/** As CREATE SEQUENCE takes a name: of a database, whatever it is called, of a schema, or bare. */
function sequenceName(parts: readonly string[]): RelationName {
  if (parts.length > 3)
    throw new SqlError("42601", `improper relation name (too many dotted names): ${parts.join(".")}`);
  return { database: null, schema: parts.at(-2) ?? null, name: parts.at(-1) ?? "", location: -1 };
}

/** Options of a sequence; each once. */
export function convertSequenceOptions(nodes: readonly unknown[], conversion: Conversion): SequenceOptions {
  const found = new Map<string, { value: unknown; location: number }>();
  for (const { name, value, location } of definitionElements(nodes, conversion)) {
    if (found.has(name)) throw new SqlError("42601", "conflicting or redundant options", { position: location });
    if (name === "sequence_name")
      throw new SqlError("42601", "invalid sequence option SEQUENCE NAME", { position: location });
    found.set(name, { value, location });
  }
  const number = (name: string): string | null => valueText(found.get(name)?.value ?? null);
  /** Undefined when not written, null without a number. */
  const bound = (name: string): string | null | undefined => (found.has(name) ? number(name) : undefined);
  const type = found.get("as")?.value;
  const cycle = found.get("cycle")?.value;
  const owned = found.get("owned_by")?.value;
  const owner = owned === undefined ? null : nameParts(owned);
  return {
    type: type === undefined ? null : convertTypeName(type, conversion),
    start: number("start"),
    increment: number("increment"),
    minimum: bound("minvalue"),
    maximum: bound("maxvalue"),
    cache: number("cache"),
    cycles: cycle === undefined ? null : flagOf(fieldsOf(cycle, "Boolean"), "boolval"),
    ownedBy: owner === null ? null : owner.length === 1 && owner[0] === "none" ? [] : owner,
    restart: bound("restart"),
    name: null,
    location: -1,
  };
}
