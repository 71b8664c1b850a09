/** Random definitions over few names, so that transactions which define things beside one another meet; and what must hold of a catalog. */

import { type CatalogEntry, isObject, isRelation, rowsOfObject } from "../../runtime/query/catalog/model.js";
import type { ObjectCatalog } from "../../runtime/query/catalog/over-trees.js";
import { numbersIn, sequencesDrawn, tablesRead } from "../../runtime/query/syntax/names-read.js";
import type { Random } from "./privilege-statements.js";

const tables = ["a", "b", "c", "s.a", "s.b"] as const;
const types = ["mood", "pair", "plus", "s.mood"] as const;
const views = ["v", "w", "s.v"] as const;
const sequences = ["n", "s.n"] as const;

const columnType = (random: Random): string => random.of(["int", "text", ...types, "mood[]", "pair"]);
const last = (name: string): string => name.split(".").at(-1) ?? name;

/** One statement. Many of them fail, which is as good: what fails must leave nothing. */
export function definitionStatement(random: Random): string {
  const table = random.of(tables);
  const other = random.of(tables);
  const type = random.of(types);
  const view = random.of(views);
  const sequence = random.of(sequences);
  const cascade = random.of(["", " CASCADE", " CASCADE"]);
  const column = random.of(["x", "y", "z"]);
  switch (random.below(30)) {
    case 0:
    case 1:
      return `CREATE TABLE ${table} (id int PRIMARY KEY, x ${columnType(random)}, y int REFERENCES ${other})`;
    case 2:
    case 3:
      return `CREATE TABLE ${table} (id int PRIMARY KEY, x ${columnType(random)}, y int DEFAULT nextval('${sequence}'))`;
    case 4:
      return `CREATE TEMP TABLE ${last(table)} (id int, x ${columnType(random)})${random.of(["", " ON COMMIT DROP", " ON COMMIT DELETE ROWS"])}`;
    case 5:
      return `CREATE TEMP VIEW ${last(view)} AS SELECT * FROM ${table}`;
    case 6:
    case 7:
      return `DROP TABLE ${table}${cascade}`;
    case 8:
      return `CREATE TYPE ${type} AS ENUM ('one', 'two')`;
    case 9:
      return `CREATE TYPE ${type} AS (f int, g ${columnType(random)})`;
    case 10:
      return `CREATE DOMAIN ${type} AS ${columnType(random)} CHECK (VALUE IS NOT NULL)`;
    case 11:
      return `DROP TYPE ${type}${cascade}`;
    case 12:
    case 13:
      return `CREATE OR REPLACE VIEW ${view} AS SELECT * FROM ${view === "w" ? random.of([table, "v"]) : table}`;
    case 14:
      return `DROP VIEW ${view}${cascade}`;
    case 15:
      return `CREATE MATERIALIZED VIEW ${view} AS SELECT y, count(*) AS n FROM ${table} GROUP BY y`;
    case 16:
      return `DROP MATERIALIZED VIEW ${view}${cascade}`;
    case 17:
      return `CREATE SEQUENCE ${sequence}${random.of(["", ` OWNED BY ${table}.id`])}`;
    case 18:
      return `DROP SEQUENCE ${sequence}${cascade}`;
    case 19:
      return `CREATE INDEX ${random.of(["", "i "])}ON ${table} (${column})`;
    case 20:
      return `DROP INDEX ${random.of(["i", "s.i"])}`;
    case 21:
      return `ALTER TABLE ${table} ADD COLUMN z ${columnType(random)}`;
    case 22:
      return `ALTER TABLE ${table} DROP COLUMN ${column}${cascade}`;
    case 23:
      return `ALTER TABLE ${table} RENAME TO ${last(other)}`;
    case 24:
      return `ALTER TABLE ${table} SET SCHEMA ${random.of(["s", "public"])}`;
    case 25:
      return random.of([
        "CREATE SCHEMA s",
        "CREATE SCHEMA s",
        `DROP SCHEMA s${cascade}`,
        "ALTER SCHEMA s RENAME TO r",
        "ALTER SCHEMA r RENAME TO s",
      ]);
    case 26:
      return `ALTER TABLE ${table} ADD FOREIGN KEY (y) REFERENCES ${other}`;
    case 27:
      return random.of([
        `TRUNCATE ${table}`,
        `GRANT SELECT ON ${table} TO PUBLIC`,
        `COMMENT ON TABLE ${table} IS 'told'`,
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
      ]);
    case 28:
      return `ALTER TYPE ${type} ${random.of([`RENAME TO ${last(random.of(types))}`, "ADD VALUE 'three'", "SET SCHEMA s", "ADD ATTRIBUTE h int"])}`;
    default:
      return `INSERT INTO ${table} (id, y) VALUES (${random.below(1_000)}, ${random.of(["NULL", "DEFAULT", "1"])})`;
  }
}

/** What there is to begin with. */
export const beginnings: readonly string[] = [
  "CREATE SCHEMA s",
  "CREATE TYPE mood AS ENUM ('one')",
  "CREATE TYPE pair AS (f int, g text)",
  "CREATE DOMAIN plus AS int CHECK (VALUE > 0)",
  "CREATE TYPE s.mood AS ENUM ('one')",
  "CREATE SEQUENCE n",
  "CREATE SEQUENCE s.n",
  "CREATE TABLE a (id int PRIMARY KEY, x mood, y int)",
  "CREATE TABLE s.a (id int PRIMARY KEY, x mood, y int)",
];

/** What is wrong with a catalog that everybody sees; null for nothing. */
export function brokenIn(catalog: ObjectCatalog): string | null {
  const names = new Set<string>();
  for (const entry of catalog.entries()) {
    const broken = brokenEntry(entry, catalog);
    if (broken !== null) return `${entry.kind} ${entry.oid}: ${broken}`;
    if (!isObject(entry)) continue;
    const place = entry.kind === "schema" ? "schema" : `${entry.schema} ${isRelation(entry) ? "relation" : "type"}`;
    const name = `${place} ${entry.name}`;
    if (names.has(name)) return `${name} is there twice`;
    names.add(name);
  }
  return null;
}

function brokenEntry(entry: CatalogEntry, catalog: ObjectCatalog): string | null {
  if (!isObject(entry) || entry.kind === "schema") return null;
  if (entry.oid < 2 ** 30 && entry.oid >= catalog.head.nextOid) return "its number is one that was not drawn";
  const has = (oid: number): boolean => catalog.objectByOid(oid) !== null;
  if (!has(entry.schema)) return `lies in schema ${entry.schema}, which is not there`;
  for (const { schema, name } of tablesRead(entry)) {
    const found = schema === null ? null : catalog.schemaByName(schema);
    if (schema !== null && (found === null || catalog.relationByName(found.oid, name) === null))
      return `reads ${schema}.${name}, which is not there`;
  }
  for (const drawn of sequencesDrawn(entry)) if (!has(Number(drawn))) return `draws from ${drawn}, which is not there`;
  // A type of a tenant's, and nothing else, has such a number; that of arrays is one more than that of the type.
  const live =
    entry.kind === "table" ? { ...entry, columns: entry.columns.filter(({ isDropped }) => !isDropped) } : entry;
  for (const number of numbersIn(live))
    if (number >= 2 ** 30 && number < 2 ** 31 && !has(number) && !has(number - 1) && !has((number - 2 ** 30) >> 1))
      return `is of type ${number}, which is not there`;
  if (entry.kind === "index" && !has(entry.table)) return `its table ${entry.table} is not there`;
  if (entry.kind === "sequence" && entry.ownerTable !== 0 && !has(entry.ownerTable)) return "its owner is not there";
  if (entry.kind === "domain" && entry.base.domain !== undefined && !has(entry.base.domain))
    return "what it is over is not there";
  for (const { table, columns } of entry.kind === "materializedView" ? entry.sources : []) {
    const rows = rowsOfObject(catalog.objectByOid(table));
    if (rows === null || columns.some((number) => rows.columns[number - 1]?.isDropped !== false))
      return "a column that it reads is not there";
  }
  if (entry.kind !== "table") return null;
  for (const oid of entry.indexes) {
    const index = catalog.objectByOid(oid);
    if (index?.kind !== "index" || index.table !== entry.oid) return `its index ${oid} is not there`;
  }
  for (const { name, type, isDropped, sequence } of entry.columns) {
    if (isDropped) continue;
    if (sequence !== 0 && !has(sequence)) return `the sequence of ${name} is not there`;
    if (type.domain !== undefined && type.domain < 2 ** 30 && !has(type.domain))
      return `the domain of ${name} is not there`;
  }
  for (const constraint of entry.constraints) {
    if (constraint.kind !== "foreignKey") continue;
    const referenced = catalog.objectByOid(constraint.referencedTable);
    if (referenced?.kind !== "table") return `${constraint.name} refers to nothing`;
    if (constraint.referencedColumns.some((number) => referenced.columns[number - 1]?.isDropped !== false))
      return `${constraint.name} refers to a column that is not there`;
  }
  return null;
}
