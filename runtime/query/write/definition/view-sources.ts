/**
 * What materialized views read: it is not taken from under them, and not renamed, since their queries are kept as text and every commit runs
 * them.
 */
import type { MaterializedViewDefinition, Relation, TableDefinition } from "../../catalog/model.js";
import { SqlError } from "../../error.js";
import type { DefinitionPorts } from "./ports.js";

type Ports = Pick<DefinitionPorts, "draft">;

const readersOf = ({ draft }: Ports, oid: number): readonly MaterializedViewDefinition[] =>
  draft.catalog.materializedViews.filter(({ sources }) => sources.some(({ table }) => table === oid));

/** Materialized views that depend on a column of a table. */
export const columnReadersOf = ({ draft }: Ports, oid: number, column: number): readonly MaterializedViewDefinition[] =>
  draft.catalog.materializedViews.filter(({ sources }) =>
    sources.some(({ table, columns }) => table === oid && columns.includes(column)),
  );

const kindName = ({ kind }: Relation): string => (kind === "materializedView" ? "materialized view" : kind);

const inUse = (what: string, name: string, verb: string): SqlError =>
  new SqlError("0A000", `cannot ${verb} ${what} because the materialized view "${name}" reads it`, {
    hint: "Drop the materialized view, and make it anew afterwards.",
  });

/** Throws 0A000 when a materialized view reads the relation. */
export function expectUnread(ports: Ports, relation: Relation, verb: string): void {
  const [reader] = readersOf(ports, relation.oid);
  if (reader !== undefined) throw inUse(`${kindName(relation)} ${relation.name}`, reader.name, verb);
}

/** Throws 0A000 when a materialized view reads the column. */
export function expectColumnUnread(ports: Ports, table: TableDefinition, number: number, verb: string): void {
  const [reader] = columnReadersOf(ports, table.oid, number);
  const name = table.columns[number - 1]?.name ?? "";
  if (reader !== undefined) throw inUse(`column ${name} of table ${table.name}`, reader.name, verb);
}
