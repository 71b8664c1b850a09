/** Objects by their names: casts that answer NULL for want of one, and which of several a name without a schema is. */
import { ExpressionWorld } from "../../catalog/system/expression-world.js";
import { SqlError } from "../../error.js";
import type { Datum } from "../../types/datum.js";
import type { NamedObjectKind } from "../../types/text-context.js";
import { nameOfTypeNotDone } from "../../types/type-name.js";
import type { EvaluationContext } from "../context.js";
import { type Implementation, strictly } from "../define.js";
import { allProcedures } from "../procedures.js";

const worldOf = (context: EvaluationContext): ExpressionWorld => new ExpressionWorld(context);

/** By kind, the errors of an object that is not there: of these `to_regclass` and its kin make NULL, not of what is no name. */
const absences: Readonly<Record<NamedObjectKind, readonly string[]>> = {
  regclass: ["42P01", "3F000"],
  regtype: ["42704", "3F000", "0A000"],
  regproc: ["42883", "42725", "3F000"],
  regprocedure: ["42883", "3F000"],
  regoper: ["42883", "42725", "3F000"],
  regoperator: ["42883", "3F000"],
  regnamespace: ["3F000"],
  regrole: ["42704"],
};

function findName(kind: NamedObjectKind, text: string, context: EvaluationContext): Datum {
  try {
    return context.names.oidOf(kind, text);
  } catch (error) {
    // A type that an argument lacks is an error, the function itself is not.
    if (error instanceof SqlError && absences[kind].includes(error.sqlState)) return null;
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
  // What does not exist here is known by its number, and is not there.
  "to_regtype(text)": (text, context) => {
    const oid = findName("regtype", text, context);
    return typeof oid === "number" && nameOfTypeNotDone(oid) !== null ? null : oid;
  },
  "to_regproc(text)": (text, context) => findName("regproc", text, context),
  "to_regprocedure(text)": (text, context) => findName("regprocedure", text, context),
  "to_regoper(text)": (text, context) => findName("regoper", text, context),
  "to_regoperator(text)": (text, context) => findName("regoperator", text, context),
  "to_regnamespace(text)": (text, context) => findName("regnamespace", text, context),
  "to_regrole(text)": (text, context) => findName("regrole", text, context),
  "pg_table_is_visible(oid)": (oid, context) => {
    const world = worldOf(context);
    const relation = world.relation(oid);
    if (relation !== null) return world.isVisible(relation);
    const composite = world.compositeOfClass(oid);
    return composite === null ? null : world.isTypeVisible(composite.oid);
  },
  "pg_type_is_visible(oid)": (oid, context) => worldOf(context).isTypeVisible(oid),
  "pg_get_userbyid(oid)": (oid, context) =>
    worldOf(context).roleName(oid) ?? (oid === 10 ? worldOf(context).ownerName("") : `unknown (OID=${oid})`),
});

export const objectNames: readonly Implementation[] = [...named, ...visibility()];
