/**
 * Rows of pg_rewrite: the query of each view is its rule `_RETURN`, as PostgreSQL has it. Of the query's tree (`ev_action`) there is what clients look
 * for: for each column its number and name, and the column of a table or view that it is.
 */
import type { EvaluationContext } from "../../functions/context.js";
import type { MaterializedViewDefinition, ViewDefinition } from "../model.js";
import type { ExpressionWorld } from "./expression-world.js";
import { ruleOid, type SystemRow } from "./world.js";

/** A name as trees have it: what would end it, or would look like something else at its beginning, is marked. */
const token = (name: string): string =>
  name.replace(/[ \n\t(){}\\]/gu, "\\$&").replace(/^(?=[<"\d])|^(?=[+-](?:\d|\.))/u, "\\");

function treeOf(view: ViewDefinition | MaterializedViewDefinition, context: EvaluationContext): string {
  const origins = context.readsOfView(view, context)?.origins ?? [];
  const entries = view.columns.map(({ name }, index) => {
    const { relation = 0, column = 0 } = origins[index] ?? {};
    const origin = `:resorigtbl ${relation} :resorigcol ${column}`;
    return `{TARGETENTRY :expr <> :resno ${index + 1} :resname ${token(name)} :ressortgroupref 0 ${origin} :resjunk false}`;
  });
  const list = entries.length === 0 ? "<>" : `(${entries.join(" ")})`;
  return `({QUERY :commandType 1 :targetList ${list}})`;
}

export function* ruleRows(world: ExpressionWorld, context: EvaluationContext): Iterable<SystemRow> {
  for (const view of [...world.views(), ...world.materializedViews()])
    yield {
      oid: ruleOid(view.oid),
      rulename: "_RETURN",
      ev_class: view.oid,
      ev_type: "1",
      ev_enabled: "O",
      is_instead: true,
      ev_qual: "<>",
      ev_action: treeOf(view, context),
    };
}
