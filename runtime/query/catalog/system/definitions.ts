/** Indexes and constraints as the statements that would make them: what `pg_get_indexdef` and `pg_get_constraintdef` say. */
import { columnsNamed } from "../../syntax/names-read.js";
import { collationName } from "../../types/collations.js";
import { quoteIdentifier } from "../../types/quote.js";
import { collationBeneath } from "../collation.js";
import type {
  ConstraintDefinition,
  Deferral,
  DomainDefinition,
  ForeignKeyAction,
  IndexDefinition,
  IndexKey,
  StoredExpression,
  TableDefinition,
} from "../model.js";
import type { ExpressionWorld } from "./expression-world.js";
import type { CatalogWorld } from "./world.js";

export const columnName = (table: TableDefinition, number: number): string =>
  table.columns.find((column) => column.number === number)?.name ?? "";

/** Columns that a check names. */
export function columnsIn(table: TableDefinition, { syntax }: StoredExpression): number[] {
  const names = new Set(columnsNamed(syntax));
  return table.columns.filter((column) => !column.isDropped && names.has(column.name)).map((column) => column.number);
}

const columnList = (table: TableDefinition, numbers: readonly number[]): string =>
  numbers.map((number) => quoteIdentifier(columnName(table, number))).join(", ");

/** A call stands for itself, all else is in parentheses. */
export function indexKeyText(table: TableDefinition, key: IndexKey, world: ExpressionWorld, isPretty: boolean): string {
  if (key.expression === null) return quoteIdentifier(columnName(table, key.column));
  const { text, isCall } = world.indexKey(key.expression, table, isPretty ? "pretty" : "plain");
  return isCall ? text : `(${text})`;
}

/** What stands behind a key: another collation than that of what is indexed, another operator class than the type's, the order. */
function keyOptions(key: IndexKey, table: TableDefinition, { catalog }: CatalogWorld): string {
  const { isDescending, nullsFirst, operatorClass, collation: own } = key;
  const isOther = own !== undefined && own !== collationBeneath(key, table, catalog);
  const collation = isOther ? ` COLLATE ${quoteIdentifier(collationName(own))}` : "";
  const by = collation + (operatorClass === undefined ? "" : ` ${quoteIdentifier(operatorClass)}`);
  if (isDescending) return nullsFirst ? `${by} DESC` : `${by} DESC NULLS LAST`;
  return nullsFirst ? `${by} NULLS FIRST` : by;
}

/** @param isPretty leaves out parentheses, and a schema that the search path finds */
export function indexText(
  index: IndexDefinition,
  table: TableDefinition,
  world: ExpressionWorld,
  isPretty: boolean,
): string {
  const keys = index.keys
    .map((key) => indexKeyText(table, key, world, isPretty) + keyOptions(key, table, world))
    .join(", ");
  const included = index.included.length === 0 ? "" : ` INCLUDE (${columnList(table, index.included)})`;
  const nulls = index.nullsAreEqual === true ? " NULLS NOT DISTINCT" : "";
  const predicate =
    index.predicate === null ? "" : ` WHERE ${world.condition(index.predicate, table, isPretty ? "pretty" : "plain")}`;
  const unique = index.isUnique ? "UNIQUE " : "";
  const on = isPretty ? world.relationText(table) : world.qualifiedText(table);
  return `CREATE ${unique}INDEX ${quoteIdentifier(index.name)} ON ${on} USING btree (${keys})${included}${nulls}${predicate}`;
}

const actionTexts: Readonly<Record<ForeignKeyAction, string>> = {
  noAction: "NO ACTION",
  restrict: "RESTRICT",
  cascade: "CASCADE",
  setNull: "SET NULL",
  setDefault: "SET DEFAULT",
};

export const actionText = (action: ForeignKeyAction): string => actionTexts[action];

export const deferralText = ({ deferral }: { readonly deferral?: Deferral }): string => {
  if (deferral === undefined) return "";
  return deferral === "initiallyDeferred" ? " DEFERRABLE INITIALLY DEFERRED" : " DEFERRABLE";
};

/** @param isPretty leaves out parentheses that say nothing */
export function constraintText(
  constraint: ConstraintDefinition,
  table: TableDefinition,
  world: ExpressionWorld,
  isPretty = false,
): string {
  const text =
    constraint.kind === "check" ? checkText(constraint, table, world, isPretty) : wholeText(constraint, table, world);
  return "isNotValid" in constraint && constraint.kind !== "check" ? `${text} NOT VALID` : text;
}

/** A condition of a table or of a domain. */
export function checkText(
  { expression, isNotValid }: { readonly expression: StoredExpression; readonly isNotValid?: true },
  of: TableDefinition | DomainDefinition,
  world: ExpressionWorld,
  isPretty: boolean,
): string {
  const text = `CHECK (${world.condition(expression, of, isPretty ? "pretty" : "plain")})`;
  return isNotValid === true ? `${text} NOT VALID` : text;
}

function wholeText(
  constraint: Exclude<ConstraintDefinition, { readonly kind: "check" }>,
  table: TableDefinition,
  world: CatalogWorld,
): string {
  switch (constraint.kind) {
    case "primaryKey":
    case "unique": {
      const index = world.indexByOid(constraint.index);
      const nulls = index?.nullsAreEqual === true ? " NULLS NOT DISTINCT" : "";
      const words = constraint.kind === "primaryKey" ? "PRIMARY KEY" : `UNIQUE${nulls}`;
      const included =
        index === null || index.included.length === 0 ? "" : ` INCLUDE (${columnList(table, index.included)})`;
      return `${words} (${columnList(table, constraint.columns)})${included}${deferralText(constraint)}`;
    }
    case "foreignKey": {
      const referenced = world.table(constraint.referencedTable);
      const target =
        referenced === null
          ? ""
          : `${world.relationText(referenced)}(${columnList(referenced, constraint.referencedColumns)})`;
      const match = constraint.match === "full" ? " MATCH FULL" : "";
      const { deleteColumns } = constraint;
      const changed = deleteColumns === undefined ? "" : ` (${columnList(table, deleteColumns)})`;
      const action = (word: string, what: ForeignKeyAction): string =>
        what === "noAction" ? "" : ` ON ${word} ${actionText(what)}`;
      return `FOREIGN KEY (${columnList(table, constraint.columns)}) REFERENCES ${target}${match}${action("UPDATE", constraint.onUpdate)}${action("DELETE", constraint.onDelete)}${changed}${deferralText(constraint)}`;
    }
  }
}

export interface PlacedConstraint {
  readonly table: TableDefinition;
  readonly constraint: ConstraintDefinition;
}

export function* constraintsOf(world: CatalogWorld): Iterable<PlacedConstraint> {
  for (const table of world.tables()) for (const constraint of table.constraints) yield { table, constraint };
}
