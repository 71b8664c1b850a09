/** What the catalog says of an object: the text that makes it, its comment, the signature of a function. */
import { columnComment, objectComment } from "../../catalog/system/comments.js";
import { checkText, columnName, constraintText, indexKeyText, indexText } from "../../catalog/system/definitions.js";
import { ExpressionWorld } from "../../catalog/system/expression-world.js";
import { withNames } from "../../catalog/system/names.js";
import { sharedComment } from "../../catalog/system/session-rows.js";
import { ruleOid } from "../../catalog/system/world.js";
import { SqlError } from "../../error.js";
import { SqlArray } from "../../types/array.js";
import type { Datum } from "../../types/datum.js";
import { quoteIdentifier } from "../../types/quote.js";
import { type Oid, typeOid } from "../../types/sql-type.js";
import { textOf } from "../../types/text.js";
import type { ObjectNames } from "../../types/text-context.js";
import { formatType, typeLabel } from "../../types/type-name.js";
import { typeFactsOf } from "../../types/type-table.js";
import type { EvaluationContext } from "../context.js";
import { type Implementation, nullably, strictly } from "../define.js";
import { type ProcedureFacts, procedureOf } from "../procedures.js";

const worldOf = (context: EvaluationContext): ExpressionWorld => new ExpressionWorld(context);

function indexDefinition(oid: Oid, column: number, context: EvaluationContext, isPretty: boolean): Datum {
  const world = worldOf(context);
  const index = world.catalog.objectByOid(oid);
  if (index?.kind !== "index") return null;
  const table = world.table(index.table);
  if (table === null) return null;
  if (column === 0) return indexText(index, table, world, isPretty);
  const key = index.keys[column - 1];
  if (key !== undefined) return indexKeyText(table, key, world, isPretty);
  const included = index.included[column - 1 - index.keys.length];
  return included === undefined ? "" : quoteIdentifier(columnName(table, included));
}

const expressionText = (tree: Datum, isPretty: Datum, context: EvaluationContext): Datum =>
  tree === null ? null : worldOf(context).nodeTreeText(textOf(tree), isPretty === true ? "pretty" : "plain");

function constraintDefinition(oid: Oid, isPretty: boolean, context: EvaluationContext): Datum {
  const world = worldOf(context);
  for (const domain of world.domains())
    for (const check of domain.checks) if (check.oid === oid) return checkText(check, domain, world, isPretty);
  for (const table of world.tables())
    for (const constraint of table.constraints)
      if (constraint.oid === oid) return constraintText(constraint, table, world, isPretty);
  return null;
}

function viewDefinition(oid: Oid, context: EvaluationContext, isPretty: boolean): Datum {
  const view = context.catalog.objectByOid(oid);
  if (view?.kind !== "view" && view?.kind !== "materializedView") return null;
  return context.showView(view, isPretty ? "pretty" : "plain", context);
}

/** The rule that a view is; NULL for the number of none. */
function ruleDefinition(oid: Oid, context: EvaluationContext, isPretty: boolean): Datum {
  const world = worldOf(context);
  for (const view of [...world.views(), ...world.materializedViews()]) {
    if (ruleOid(view.oid) !== oid) continue;
    const query = context.showView(view, isPretty ? "pretty" : "plain", context);
    const name = isPretty ? world.relationText(view) : world.qualifiedText(view);
    return `CREATE RULE "_RETURN" AS\n    ON SELECT TO ${name} DO INSTEAD ${query}`;
  }
  return null;
}

const viewNamed = (name: string, context: EvaluationContext, isPretty: boolean): Datum =>
  viewDefinition(context.names.oidOf("regclass", name), context, isPretty);

/** Parameters, with their names where they have some. */
export const parametersText = ({ argumentTypes, argumentNames, variadic }: ProcedureFacts): string =>
  argumentTypes
    .map((type, index) => {
      const isVariadic = variadic !== 0 && index === argumentTypes.length - 1;
      const name = argumentNames[index];
      return `${isVariadic ? "VARIADIC " : ""}${name === undefined ? "" : `${name} `}${typeLabel(type)}`;
    })
    .join(", ");

export const resultText = ({ kind, resultType }: ProcedureFacts): string =>
  `${kind === "set" ? "SETOF " : ""}${typeLabel(resultType)}`;

/** NULL for a number that is no function's. */
function ofProcedure(oid: Oid, text: (procedure: ProcedureFacts) => string): Datum {
  const procedure = procedureOf(oid);
  return procedure === null ? null : text(procedure);
}

/** What PUBLIC and the owner of a new object may do in PostgreSQL, by the kind of object: letters of an `aclitem`. */
const privilegesAtFirst: Readonly<Record<string, readonly [everyone: string, owner: string]>> = {
  c: ["", ""],
  r: ["", "arwdDxt"],
  s: ["", "rwU"],
  d: ["Tc", "CTc"],
  f: ["X", "X"],
  l: ["U", "U"],
  L: ["", "rw"],
  n: ["", "UC"],
  t: ["", "C"],
  F: ["", "U"],
  S: ["", "U"],
  T: ["U", "U"],
  p: ["", "sA"],
};

function defaultPrivileges(kind: string, owner: string): SqlArray {
  const found = privilegesAtFirst[kind];
  if (found === undefined) throw new SqlError("XX000", `unrecognized objtype abbreviation: ${kind}`);
  const [everyone, own] = found;
  const name = quoteIdentifier(owner);
  const items = [everyone === "" ? "" : `=${everyone}/${name}`, own === "" ? "" : `${name}=${own}/${name}`];
  return new SqlArray(
    typeOid.aclitem,
    items.filter((item) => item !== ""),
  );
}

/** Of a type that is no built-in one, nor an enum. */
const domainName = (oid: number, names: ObjectNames): string | null =>
  typeFactsOf(oid) === null ? names.nameOf("regtype", oid) : null;

const described = strictly({
  "pg_get_expr(pg_node_tree,oid)": (tree, _table, context) => expressionText(tree, false, context),
  "pg_get_expr(pg_node_tree,oid,bool)": (tree, _table, isPretty, context) => expressionText(tree, isPretty, context),
  "pg_get_indexdef(oid)": (oid, context) => indexDefinition(oid, 0, context, false),
  "pg_get_indexdef(oid,int4,bool)": (oid, column, isPretty, context) => indexDefinition(oid, column, context, isPretty),
  "pg_get_constraintdef(oid)": (oid, context) => constraintDefinition(oid, false, context),
  "pg_get_constraintdef(oid,bool)": (oid, isPretty, context) => constraintDefinition(oid, isPretty, context),
  "pg_get_viewdef(oid)": (oid, context) => viewDefinition(oid, context, false),
  "pg_get_viewdef(oid,bool)": (oid, isPretty, context) => viewDefinition(oid, context, isPretty),
  "pg_get_viewdef(oid,int4)": (oid, _width, context) => viewDefinition(oid, context, true),
  "pg_get_viewdef(text)": (name, context) => viewNamed(name, context, false),
  "pg_get_viewdef(text,bool)": (name, isPretty, context) => viewNamed(name, context, isPretty),
  "pg_get_function_arguments(oid)": (oid) => ofProcedure(oid, parametersText),
  "pg_get_function_identity_arguments(oid)": (oid) => ofProcedure(oid, parametersText),
  "pg_get_function_result(oid)": (oid) => ofProcedure(oid, resultText),
  "pg_get_function_sqlbody(oid)": () => null,
  "pg_get_function_arg_default(oid,int4)": () => null,
  "pg_get_triggerdef(oid)": () => null,
  "pg_get_triggerdef(oid,bool)": () => null,
  "pg_get_ruledef(oid)": (oid, context) => ruleDefinition(oid, context, false),
  "pg_get_ruledef(oid,bool)": (oid, isPretty, context) => ruleDefinition(oid, context, isPretty),
  "pg_get_partkeydef(oid)": () => null,
  "pg_partition_root(regclass)": () => null,
  "pg_get_partition_constraintdef(oid)": () => null,
  "pg_get_statisticsobjdef(oid)": () => null,
  "pg_get_statisticsobjdef_columns(oid)": () => null,
  "pg_get_replica_identity_index(regclass)": () => null,
  "pg_relation_is_publishable(regclass)": () => false,
  "pg_tablespace_location(oid)": () => "",
  "pg_relation_filenode(regclass)": () => null,
  "pg_relation_filepath(regclass)": () => null,
  "obj_description(oid)": (oid, context) =>
    objectComment(oid, "pg_class", worldOf(context)) ??
    objectComment(oid, "pg_namespace", worldOf(context)) ??
    objectComment(oid, "pg_type", worldOf(context)) ??
    objectComment(oid, "pg_constraint", worldOf(context)),
  "obj_description(oid,name)": (oid, name, context) => objectComment(oid, name, worldOf(context)),
  "shobj_description(oid,name)": (oid, name, context) => sharedComment(oid, name, context),
  "col_description(oid,int4)": (oid, column, context) => columnComment(oid, column, worldOf(context)),
  "acldefault(char,oid)": (kind, owner, context) =>
    defaultPrivileges(kind, worldOf(context).roleName(owner) ?? `${owner}`),
});

const types = nullably({
  "format_type(oid,int4)": (oid, modifier, { names }) =>
    oid === null ? null : (domainName(oid, names) ?? withNames(formatType(oid, modifier), names)),
});

export const objectDefinitions: readonly Implementation[] = [...described, ...types];
