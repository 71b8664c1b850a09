/**
 * The tables and views of `pg_catalog` and `information_schema`: their columns, as PostgreSQL 15 has them. Rows are made when a query asks.
 * Those of `kimberlite` are listed with them, and read from the log and the state (audit.ts).
 */
import { assert } from "../../../types/assert.js";
import type { Oid } from "../../types/sql-type.js";
import { typeFactsByName } from "../../types/type-table.js";
import { informationSchemaOid, pgCatalogSchemaOid, type TableDefinition } from "../model.js";
import { auditTables } from "./audit.js";
import { relationFacts } from "./facts/relations.js";
import { systemTable } from "./table-definition.js";

export interface SystemRelation {
  readonly schema: string;
  readonly isView: boolean;
  readonly definition: TableDefinition;
}

function readRelation(line: string): SystemRelation {
  const [oid = "", qualified = "", kind = "", ...columns] = line.split(" ");
  const [schema = "", name = ""] = qualified.split(".");
  return {
    schema,
    isView: kind === "v",
    definition: systemTable(
      {
        oid: Number(oid),
        name,
        schema: schema === "pg_catalog" ? pgCatalogSchemaOid : informationSchemaOid,
        owner: "",
      },
      columns.map((column) => {
        const [columnName = "", typeText = ""] = column.split(":");
        const facts = typeFactsByName(typeText.replace("!", ""));
        assert(facts !== null, "a system column has a known type");
        return { name: columnName, type: facts.oid, isNotNull: typeText.endsWith("!") };
      }),
    ),
  };
}

export const systemRelations: readonly SystemRelation[] = [
  ...relationFacts.trim().split("\n").map(readRelation),
  ...auditTables.map((definition) => ({ schema: "kimberlite", isView: false, definition })),
];

const byName = new Map(systemRelations.map((relation) => [`${relation.schema}.${relation.definition.name}`, relation]));
const byOid = new Map(systemRelations.map((relation) => [relation.definition.oid, relation]));

export const systemRelation = (schema: string, name: string): SystemRelation | null =>
  byName.get(`${schema}.${name}`) ?? null;
export const systemRelationByOid = (oid: Oid): SystemRelation | null => byOid.get(oid) ?? null;

/** What a binder asks: the table that a name of a built-in schema stands for. */
export const systemTables = {
  find: (schema: string, name: string): TableDefinition | null => systemRelation(schema, name)?.definition ?? null,
};
