/** Sequences: their next and current values, and which of them a column draws from. */
import { columnsOf } from "../../catalog/privileges.js";
import { ExpressionWorld } from "../../catalog/system/expression-world.js";
import { SqlError } from "../../error.js";
import type { Datum } from "../../types/datum.js";
import { readQualifiedName } from "../../types/quote.js";
import type { Oid } from "../../types/sql-type.js";
import type { EvaluationContext } from "../context.js";
import { type Implementation, strictly } from "../define.js";
import { expectSequence } from "./privileges.js";

const worldOf = (context: EvaluationContext): ExpressionWorld => new ExpressionWorld(context);

/** The sequence that a statement was let draw from last: an INSERT of many rows asks for each of them. */
const drawn = new WeakMap<EvaluationContext, { readonly oid: Oid; readonly letters: string }>();

/** @param letters privileges of which one is enough */
function requireSequence(oid: Oid, context: EvaluationContext, letters: string): Oid {
  const last = drawn.get(context);
  if (last?.oid === oid && last.letters === letters) return oid;
  const world = worldOf(context);
  const relation = world.relation(oid);
  if (relation === null) throw new SqlError("42P01", `could not open relation with OID ${oid}`);
  if (relation.kind !== "sequence") throw new SqlError("42809", `"${relation.name}" is not a sequence`);
  expectSequence(relation, context, letters);
  drawn.set(context, { oid, letters });
  return oid;
}

/** The sequence that a serial or identity column draws from. */
function serialSequence(tableName: string, column: string, context: EvaluationContext): Datum {
  const world = worldOf(context);
  const table = world.relationNamed(readQualifiedName(tableName));
  if (table === null) throw new SqlError("42P01", `relation "${tableName}" does not exist`);
  const columns = table.kind === "sequence" || table.kind === "index" ? [] : columnsOf(table);
  const found = columns.find(({ name }) => name === column);
  if (found === undefined) throw new SqlError("42703", `column "${column}" of relation "${table.name}" does not exist`);
  for (const sequence of world.sequences())
    if (sequence.ownerTable === table.oid && sequence.ownerColumn === found.number)
      return world.qualifiedText(sequence);
  return null;
}

export const sequences: readonly Implementation[] = strictly({
  "nextval(regclass)": (oid, context) => context.session.nextSequenceValue(requireSequence(oid, context, "Uw")),
  "currval(regclass)": (oid, context) => context.session.currentSequenceValue(requireSequence(oid, context, "Ur")),
  "lastval()": (context) => context.session.lastSequenceValue(),
  "setval(regclass,int8)": (oid, value, context) => {
    context.session.setSequenceValue(requireSequence(oid, context, "w"), value, true);
    return value;
  },
  "setval(regclass,int8,bool)": (oid, value, isCalled, context) => {
    context.session.setSequenceValue(requireSequence(oid, context, "w"), value, isCalled);
    return value;
  },
  "pg_sequence_last_value(regclass)": (oid, context) => {
    const state = context.session.sequenceState(requireSequence(oid, context, "Ur"));
    return state?.isCalled === true ? state.value : null;
  },
  "pg_get_serial_sequence(text,text)": (table, column, context) => serialSequence(table, column, context),
});
