/** A sequence read as a table, `SELECT last_value FROM s`: one row of three columns. */
import { SqlError } from "../../error.js";
import type { EvaluationContext } from "../../functions/context.js";
import { int64 } from "../../types/bytes.js";
import type { Datum } from "../../types/datum.js";
import { type Oid, typeOid } from "../../types/sql-type.js";
import type { SequenceDefinition, TableDefinition } from "../model.js";
import { systemTable } from "./table-definition.js";

export const sequenceColumns: readonly (readonly [name: string, type: Oid])[] = [
  ["last_value", typeOid.int8],
  ["log_cnt", typeOid.int8],
  ["is_called", typeOid.bool],
];

export const sequenceTable = ({ oid, name, schema, owner }: SequenceDefinition): TableDefinition =>
  systemTable(
    { oid, name, schema, owner },
    sequenceColumns.map(([column, type]) => ({ name: column, type, isNotNull: true })),
  );

/** The row of `sequenceTable`. Nothing is logged ahead of a sequence, so that `log_cnt` is 0. */
export function sequenceRow(oid: Oid, context: EvaluationContext): readonly Datum[] {
  const sequence = context.catalog.objectByOid(oid);
  if (sequence?.kind !== "sequence") throw new SqlError("42809", `there is no sequence with OID ${oid}`);
  const state = context.session.sequenceState(oid);
  return state === null ? [int64(sequence.start), 0, false] : [state.value, 0, state.isCalled];
}
