/** Objects by their names: casts that answer NULL for want of one, and which of several a name without a schema is. */
import { ExpressionWorld } from "../../catalog/system/expression-world.js";
import { SqlError } from "../../error.js";
import type { Datum } from "../../types/datum.js";
import type { NamedObjectKind } from "../../types/text-context.js";
import type { EvaluationContext } from "../context.js";
import { type Implementation, strictly } from "../define.js";
import { allProcedures } from "../procedures.js";

const worldOf = (context: EvaluationContext): ExpressionWorld => new ExpressionWorld(context);

/** `to_regclass` and its kin: NULL where the cast would fail for want of the object. */
function findName(kind: NamedObjectKind, text: string, context: EvaluationContext): Datum {
  try {
    return context.names.oidOf(kind, text);
  } catch (error) {
    if (
      error instanceof SqlError &&
      /^(?:42P01|42704|42883|3F000|42725|42601|42602|22P02|0A000)$/u.test(error.sqlState)
    )
      return null;
    throw error;
  }
}

/** There are no objects of a kind that a name could hide. */
function visibility(): Implementation[] {
  return allProcedures
    .filter(({ name }) => /^pg_\w+_is_visible$/u.test(name) && !/^pg_(?:table|type)_is/u.test(name))
    .map(({ signature }) => ({ kind: "scalar", signature, isStrict: true, call: () => true }));
}

const named = strictly({
  "regclass(text)": (text, context) => context.names.oidOf("regclass", text),
  "to_regclass(text)": (text, context) => findName("regclass", text, context),
  "to_regtype(text)": (text, context) => findName("regtype", text, context),
  "to_regproc(text)": (text, context) => findName("regproc", text, context),
  "to_regprocedure(text)": (text, context) => findName("regprocedure", text, context),
  "to_regoper(text)": (text, context) => findName("regoper", text, context),
  "to_regoperator(text)": (text, context) => findName("regoperator", text, context),
  "to_regnamespace(text)": (text, context) => findName("regnamespace", text, context),
  "to_regrole(text)": (text, context) => findName("regrole", text, context),
  "pg_table_is_visible(oid)": (oid, context) => {
    const world = worldOf(context);
    const relation = world.relation(oid);
    return relation === null ? null : world.isVisible(relation);
  },
  "pg_type_is_visible(oid)": (oid, context) => worldOf(context).isTypeVisible(oid),
  "pg_get_userbyid(oid)": (oid, context) =>
    worldOf(context).roleName(oid) ?? (oid === 10 ? worldOf(context).ownerName("") : `unknown (OID=${oid})`),
});

export const objectNames: readonly Implementation[] = [...named, ...visibility()];
