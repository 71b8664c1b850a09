/** What a statement is bound against. */
import type { Catalog, TableDefinition } from "../catalog/model.js";
import type { EvaluationContext } from "../functions/context.js";
import type { Oid } from "../types/sql-type.js";

/** Tables that the session's catalogs make up: `pg_catalog`, `information_schema`, `kimberlite`. */
export interface SystemTables {
  find(schema: string, name: string): TableDefinition | null;
}

export interface BindEnvironment {
  readonly catalog: Catalog;
  /** Literals are read with it (`'2020-01-01'::timestamptz` by the session's zone), and names found along its search path. */
  readonly context: EvaluationContext;
  readonly systemTables: SystemTables;
  /** It is bound for the node itself, which keeps what others were allowed to make: nobody's rights are looked at. */
  readonly isTrusted?: boolean;
  /** What is stored was just written, in the statement itself: errors tell where in it. */
  readonly tellsPlaces?: boolean;
  /** Types that the client gave its parameters; 0 and absent ones are found out. */
  readonly parameterTypes: readonly Oid[];
  /** `FOR SYSTEM_TIME AS OF` for every table that has no clause of its own: the setting `kimberlite.as_of`. Null: none. */
  readonly asOf:
    | { readonly kind: "position"; readonly position: number }
    | { readonly kind: "timestamp"; readonly text: string }
    | null;
}
