/** DROP TYPE and DROP DOMAIN, with what is of the type: columns, views, and what names it in an expression. */
import type { CatalogObject, ColumnDefinition, TableDefinition, TypeDefinition } from "../../catalog/model.js";
import { rowsOfObject } from "../../catalog/model.js";
import { notSupported, SqlError } from "../../error.js";
import type { DropType } from "../../syntax/ast-definition.js";
import { typesNamed } from "../../syntax/names-read.js";
import type { Oid, SqlType } from "../../types/sql-type.js";
import { typeLabel } from "../../types/type-name.js";
import { arrayTypeOf } from "../../types/type-table.js";
import { isEnum, isUserType, numberInOid, typeMark } from "../../types/user-types.js";
import { Alteration } from "./alteration.js";
import { shownName } from "./draft.js";
import { type Dependent, dependsError, dropDependents, dropRelation } from "./drop.js";
import { dropColumn } from "./drop-column.js";
import type { DefinitionPorts, DefinitionResult } from "./ports.js";

const isArrayOfDomain = ({ domain }: SqlType, oid: Oid): boolean =>
  domain !== undefined && isUserType(domain) && numberInOid(domain) === oid;

/** Whether a column is of the type or of its arrays. */
export const isOfType = ({ type }: Pick<ColumnDefinition, "type">, oid: Oid): boolean =>
  type.domain === oid ||
  type.oid === oid ||
  isArrayOfDomain(type, oid) ||
  (isEnum(oid) && type.oid === arrayTypeOf(oid));

const names = (syntax: unknown, oid: Oid): boolean => [...typesNamed(syntax)].includes(oid);

/** Columns of a table that are of the type, and what else of it names the type, in words. */
function usesIn(
  table: TableDefinition,
  oid: Oid,
  { draft }: DefinitionPorts,
): { readonly columns: readonly ColumnDefinition[]; readonly others: readonly string[] } {
  const live = table.columns.filter(({ isDropped }) => !isDropped);
  const columns = live.filter((column) => isOfType(column, oid));
  const others = [
    ...live
      .filter((column) => !columns.includes(column) && names([column.default, column.generated], oid))
      .map(({ name }) => `default value for column ${name} of table ${draft.shown(table)}`),
    ...table.constraints
      .filter((constraint) => constraint.kind === "check" && names(constraint.expression, oid))
      .map(({ name }) => `constraint ${name} on table ${draft.shown(table)}`),
    ...draft.catalog
      .indexesOf(table)
      .filter((index) => names([index.keys, index.predicate], oid))
      .map(({ name }) => `index ${name}`),
  ];
  return { columns, others };
}

function dependentsOf(ports: DefinitionPorts, type: TypeDefinition): Dependent[] {
  const { draft } = ports;
  const on = `depends on type ${draft.shown(type)}`;
  const found: Dependent[] = [];
  for (const object of draft.catalog.objects()) {
    if (object.kind === "view" || object.kind === "materializedView") {
      if (!object.columns.some((column) => isOfType(column, type.oid)) && !names(object.query, type.oid)) continue;
      const label = object.kind === "view" ? "view" : "materialized view";
      const description = `${label} ${draft.shown(object)} ${on}`;
      found.push({ description, partOf: null, relation: object, drop: () => dropIfThere(ports, object) });
    }
    if (
      object.kind === "domain" &&
      object.oid !== type.oid &&
      (object.base.oid === type.oid || names(object, type.oid))
    )
      found.push({
        description: `type ${draft.shown(object)} ${on}`,
        partOf: null,
        relation: null,
        drop: () => dropType(ports, object, true),
      });
    if (object.kind !== "table") continue;
    const { columns, others } = usesIn(object, type.oid, ports);
    for (const { name, type: own } of columns)
      found.push({
        description: `column ${name} of table ${draft.shown(object)} depends on type ${own.domain === undefined ? typeLabel(own.oid) : typeMark(own.domain)}`,
        partOf: object.oid,
        relation: null,
        drop: () => dropColumnOf(ports, object, name),
      });
    for (const other of others)
      found.push({
        description: `${other} ${on}`,
        partOf: object.oid,
        relation: null,
        drop: () => {
          // It may have gone with its column.
          const now = draft.catalog.objectByOid(object.oid);
          if (now?.kind === "table" && usesIn(now, type.oid, ports).others.includes(other))
            throw notSupported(`DROP TYPE … CASCADE to ${other}`);
        },
      });
  }
  return found;
}

function dropIfThere(ports: DefinitionPorts, { oid }: CatalogObject): void {
  const now = ports.draft.catalog.objectByOid(oid);
  if (now?.kind === "view" || now?.kind === "materializedView") dropRelation(ports, now, true);
}

function dropColumnOf(ports: DefinitionPorts, { oid }: TableDefinition, column: string): void {
  const table = rowsOfObject(ports.draft.catalog.objectByOid(oid));
  if (table === null || !table.columns.some(({ name }) => name === column)) return;
  ports.lockTable(table);
  const parts = { kind: "dropColumn", column, ifExists: true, isCascade: true, location: -1 } as const;
  dropColumn(new Alteration(ports, oid), parts);
}

/** Throws 2BP01 when something depends on it and `isCascade` does not say that it goes too. */
export function dropType(ports: DefinitionPorts, type: TypeDefinition, isCascade: boolean): void {
  const dependents = dependentsOf(ports, type);
  if (dependents.length > 0 && !isCascade) throw dependsError(ports.draft.shown(type), type, dependents);
  dropDependents(ports, dependents);
  ports.draft.remove(type.oid);
}

export function dropTypes(statement: DropType, ports: DefinitionPorts): DefinitionResult {
  const { names: wanted, ifExists, isCascade, isDomain } = statement;
  for (const name of wanted) {
    const type = ports.draft.type(name);
    if (isDomain && type !== null && type.kind !== "domain")
      throw new SqlError("42809", `"${shownName(name)}" is not a domain`);
    if (type !== null) dropType(ports, type, isCascade);
    else {
      const message = `type "${shownName(name)}" does not exist`;
      if (!ifExists) throw new SqlError("42704", message);
      ports.notice("NOTICE", "00000", `${message}, skipping`);
    }
  }
  return { tag: isDomain ? "DROP DOMAIN" : "DROP TYPE" };
}
