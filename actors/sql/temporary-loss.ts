/** Temporary tables that were cleared away while their session lives: it is told so by its end. */
import type { Catalog } from "../../runtime/query/catalog/model.js";
import { temporaryMadeSetting } from "../../runtime/query/catalog/temporary.js";
import { SqlError } from "../../runtime/query/error.js";
import type { SqlRequest } from "../messages/sql.js";
import { isAsOf } from "./as-of.js";
import { RequestSettings, temporarySchemaOf } from "./evaluation.js";

/**
 * Throws 57P01 where the session has a schema of temporary tables, as it was told, and the catalog of now has none: nodes are cut off from one
 * another for longer than a shard keeps what nobody speaks for. To be asked wherever a statement is planned, since no plan outlives its catalog.
 */
export function expectTemporary(request: SqlRequest, catalog: Catalog): void {
  const schema = temporarySchemaOf(request);
  if (schema === null || isAsOf(request) || new RequestSettings(request.settings).get(temporaryMadeSetting) === "")
    return;
  if (catalog.schemaByName(schema) !== null) return;
  throw new SqlError("57P01", "terminating connection because the session's temporary tables were lost", {
    detail: "The shard that keeps them had heard nothing of this node for too long.",
  });
}
