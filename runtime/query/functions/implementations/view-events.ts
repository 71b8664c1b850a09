/** What can be done through a table or view, and through one of its columns. */
import { ExpressionWorld } from "../../catalog/system/expression-world.js";
import { eventsOf, updatableEvents } from "../../catalog/updatable-view.js";
import type { Oid } from "../../types/sql-type.js";
import type { EvaluationContext } from "../context.js";
import { type Implementation, strictly } from "../define.js";

/** What can be done through a table or view, in PostgreSQL's bits. @param only columns that matter; null: any */
function eventsOfRelation(oid: Oid, context: EvaluationContext, only: ReadonlySet<number> | null): number {
  const relation = new ExpressionWorld(context).relation(oid);
  return relation?.kind === "table" || relation?.kind === "view" ? eventsOf(relation, context.catalog, only) : 0;
}

export const viewEvents: readonly Implementation[] = strictly({
  "pg_relation_is_updatable(regclass,bool)": (oid, _includesTriggers, context) => eventsOfRelation(oid, context, null),
  "pg_column_is_updatable(regclass,int2,bool)": (oid, column, _includesTriggers, context) => {
    const both = updatableEvents.update | updatableEvents.delete;
    return column > 0 && (eventsOfRelation(oid, context, new Set([column])) & both) === both;
  },
});
