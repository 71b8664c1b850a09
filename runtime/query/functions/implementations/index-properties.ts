/** What indexes can do, asked by the names of properties. All are B-trees: only a key's direction and the place of its NULLs differ. */
import type { IndexDefinition } from "../../catalog/model.js";
import { ExpressionWorld } from "../../catalog/system/expression-world.js";
import type { Datum } from "../../types/datum.js";
import { lowerAscii } from "../../types/spaces.js";
import type { EvaluationContext } from "../context.js";
import { type Implementation, strictly } from "../define.js";

/** Of the method `btree`, which `pg_am` lists under this number. */
const btree = 403;
const ofMethod: ReadonlySet<string> = new Set([
  "can_order",
  "can_unique",
  "can_multi_col",
  "can_exclude",
  "can_include",
]);
const ofIndex: ReadonlySet<string> = new Set(["clusterable", "index_scan", "bitmap_scan", "backward_scan"]);

/** NULL for a property that is no column's. Of what an index only carries along there is no order to be asked for. */
function ofColumn({ keys, included }: IndexDefinition, column: number, property: string): boolean | null {
  const key = keys[column - 1];
  if (key === undefined && (column < 1 || column > keys.length + included.length)) return null;
  switch (property) {
    case "asc":
      return key === undefined ? null : !key.isDescending;
    case "desc":
      return key?.isDescending ?? null;
    case "nulls_first":
      return key?.nullsFirst ?? null;
    case "nulls_last":
      return key === undefined ? null : !key.nullsFirst;
    case "orderable":
      return key !== undefined;
    case "distance_orderable":
      return false;
    case "returnable":
      return true;
    case "search_array":
    case "search_nulls":
      return key === undefined ? null : true;
    default:
      return null;
  }
}

function indexOf(oid: number, context: EvaluationContext): IndexDefinition | null {
  const index = new ExpressionWorld(context).catalog.objectByOid(oid);
  return index?.kind === "index" ? index : null;
}

export const indexProperties: readonly Implementation[] = strictly({
  "pg_indexam_has_property(oid,text)": (method, property): Datum =>
    method === btree && ofMethod.has(lowerAscii(property)) ? true : null,
  "pg_index_has_property(regclass,text)": (oid, property, context): Datum =>
    indexOf(oid, context) !== null && ofIndex.has(lowerAscii(property)) ? true : null,
  "pg_index_column_has_property(regclass,int4,text)": (oid, column, property, context): Datum => {
    const index = indexOf(oid, context);
    return index === null ? null : ofColumn(index, column, lowerAscii(property));
  },
});
