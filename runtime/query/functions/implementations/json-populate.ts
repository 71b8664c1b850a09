/** `jsonb_populate_record` and its kin: a row whose columns come of the fields of an object, and of another row where there are none. */
import { SqlError } from "../../error.js";
import type { Datum } from "../../types/datum.js";
import { parseJson } from "../../types/json-parse.js";
import { isArrayNode, nodeFromTree, nodeOf } from "../../types/jsonb.js";
import { SqlRecord } from "../../types/record.js";
import { type SqlType, sqlType, typeOid } from "../../types/sql-type.js";
import { textOf } from "../../types/text.js";
import { isComposite } from "../../types/user-types.js";
import type { EvaluationContext } from "../context.js";
import type { ResolvedScalar, ResolvedSet, ResultColumn } from "../registry.js";
import { jsonbFields, jsonFields, noObject, type RecordFields, recordOf } from "./json.js";

export type PopulateName =
  | "json_populate_record"
  | "json_populate_recordset"
  | "jsonb_populate_record"
  | "jsonb_populate_recordset";

const isJsonb = (name: PopulateName): boolean => name.startsWith("jsonb");

/** What a function takes beside the row: a document as text, or one that is stored. */
const jsonType = (name: PopulateName): SqlType => sqlType(isJsonb(name) ? typeOid.jsonb : typeOid.json);

const invalid = (message: string): SqlError => new SqlError("22023", message);

/** The fields of an object; throws 22023 for what is none. */
function fieldsOf(name: PopulateName, json: Exclude<Datum, null>): RecordFields {
  const fields = isJsonb(name) ? jsonbFields(nodeOf(json)) : jsonFields(parseJson(textOf(json), false), textOf(json));
  if (fields !== null) return fields;
  const node = isJsonb(name) ? nodeOf(json) : nodeFromTree(parseJson(textOf(json), true), textOf(json));
  throw noObject(node);
}

/** The fields of each object of an array. */
function fieldsOfAll(name: PopulateName, json: Exclude<Datum, null>): readonly RecordFields[] {
  const wrongItem = (): SqlError => invalid(`argument of ${name} must be an array of objects`);
  if (isJsonb(name)) {
    const node = nodeOf(json);
    if (!isArrayNode(node)) throw invalid(`cannot call ${name} on a non-array`);
    return node.map((item) => jsonbFields(item) ?? fail(wrongItem()));
  }
  const text = textOf(json);
  const tree = parseJson(text, false);
  if (tree.kind !== "array")
    throw invalid(`cannot call ${name} on ${tree.kind === "object" ? "an object" : "a scalar"}`);
  return tree.items.map((item) => jsonFields(item, text) ?? fail(wrongItem()));
}

function fail(error: SqlError): never {
  throw error;
}

/** A record of the columns of a composite type is one of the type. */
const ofType = ({ oid }: SqlType, record: SqlRecord): SqlRecord =>
  isComposite(oid) ? new SqlRecord(record.types, record.values, null, oid) : record;

const baseOf = (base: Datum): SqlRecord | null => (base instanceof SqlRecord ? base : null);

/** One row as a value. */
export const populatedRecord = (
  name: PopulateName,
  type: SqlType,
  columns: readonly ResultColumn[],
): ResolvedScalar => ({
  kind: "scalar",
  oid: 0,
  name,
  argumentTypes: [type, jsonType(name)],
  resultType: type,
  volatility: "stable",
  isStrict: false,
  evaluator: {
    arity: 2,
    call: (base, json, context) =>
      json === null ? base : ofType(type, recordOf(fieldsOf(name, json), columns, context, baseOf(base))),
  },
});

/** Rows of FROM. @param columns null where the query names them */
export function populatedRows(name: PopulateName, type: SqlType, columns: readonly ResultColumn[] | null): ResolvedSet {
  const isMany = name.endsWith("set");
  return {
    kind: "set",
    oid: 0,
    name,
    argumentTypes: [type, jsonType(name)],
    resultType: type,
    volatility: "stable",
    isStrict: false,
    columns,
    isRecord: true,
    rows: ([base = null, json = null], context: EvaluationContext, wanted) => {
      if (json === null) return isMany ? [] : [baseOf(base) ?? ofType(type, emptyRow(wanted))];
      const all = isMany ? fieldsOfAll(name, json) : [fieldsOf(name, json)];
      return all.map((fields) => ofType(type, recordOf(fields, wanted, context, baseOf(base))));
    },
  };
}

const emptyRow = (columns: readonly ResultColumn[]): SqlRecord =>
  new SqlRecord(
    columns.map(({ type }) => type),
    columns.map(() => null),
    columns.map(({ name }) => name),
  );
