/** Indexes and constraints as the statements that would make them: what `pg_get_indexdef` and `pg_get_constraintdef` say. */
import { sequencesDrawn } from "../../syntax/names-read.js";
import { quoteIdentifier } from "../../types/quote.js";
import type {
  ConstraintDefinition,
  Deferral,
  ForeignKeyAction,
  IndexDefinition,
  IndexKey,
  StoredExpression,
  TableDefinition,
} from "../model.js";
import type { CatalogWorld } from "./world.js";

export const columnName = (table: TableDefinition, number: number): string =>
  table.columns.find((column) => column.number === number)?.name ?? "";

const columnList = (table: TableDefinition, numbers: readonly number[]): string =>
  numbers.map((number) => quoteIdentifier(columnName(table, number))).join(", ");

/** A call stands for itself, all else is in parentheses. */
const isCall = (text: string): boolean => /^[a-z_][a-z0-9_.]*\([^()]*\)$/iu.test(text);

export function indexKeyText(table: TableDefinition, key: IndexKey): string {
  if (key.expression === null) return quoteIdentifier(columnName(table, key.column));
  const { text } = key.expression;
  return isCall(text) ? text : `(${text})`;
}

function orderText({ isDescending, nullsFirst }: IndexKey): string {
  if (isDescending) return nullsFirst ? " DESC" : " DESC NULLS LAST";
  return nullsFirst ? " NULLS FIRST" : "";
}

/** @param isPretty leaves out parentheses that say nothing */
export function indexText(
  index: IndexDefinition,
  table: TableDefinition,
  world: CatalogWorld,
  isPretty: boolean,
): string {
  const keys = index.keys.map((key) => indexKeyText(table, key) + orderText(key)).join(", ");
  const included = index.included.length === 0 ? "" : ` INCLUDE (${columnList(table, index.included)})`;
  const condition = index.predicate === null ? "" : inParentheses(index.predicate.text);
  const predicate = condition === "" ? "" : ` WHERE ${isPretty ? withoutParentheses(condition) : condition}`;
  const unique = index.isUnique ? "UNIQUE " : "";
  return `CREATE ${unique}INDEX ${quoteIdentifier(index.name)} ON ${world.qualifiedText(table)} USING btree (${keys})${included}${predicate}`;
}

const actionTexts: Readonly<Record<ForeignKeyAction, string>> = {
  noAction: "NO ACTION",
  restrict: "RESTRICT",
  cascade: "CASCADE",
  setNull: "SET NULL",
  setDefault: "SET DEFAULT",
};

export const actionText = (action: ForeignKeyAction): string => actionTexts[action];

/** The text without a pair of parentheses around the whole of it. */
export function withoutParentheses(text: string): string {
  return text.startsWith("(") && inParentheses(text) === text ? text.slice(1, -1) : text;
}

/** The text in parentheses, which an operator's text has already. */
function inParentheses(text: string): string {
  let depth = 0;
  // Parentheses within quoted texts and names do not count.
  for (const { 0: part, index } of text.matchAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"|[()]/gu)) {
    if (part === "(") depth += 1;
    else if (part === ")") depth -= 1;
    if (depth === 0 && (index === 0 || part === ")"))
      return index === text.length - 1 && text.startsWith("(") ? text : `(${text})`;
  }
  return `(${text})`;
}

export const deferralText = ({ deferral }: { readonly deferral?: Deferral }): string => {
  if (deferral === undefined) return "";
  return deferral === "initiallyDeferred" ? " DEFERRABLE INITIALLY DEFERRED" : " DEFERRABLE";
};

/** @param isPretty leaves out parentheses that say nothing */
export function constraintText(
  constraint: ConstraintDefinition,
  table: TableDefinition,
  world: CatalogWorld,
  isPretty = false,
): string {
  const text = constraint.kind === "check" ? checkText(constraint, isPretty) : wholeText(constraint, table, world);
  return "isNotValid" in constraint ? `${text} NOT VALID` : text;
}

/** A default as it is shown: that of a serial column names its sequence as the search path asks for. */
export function defaultText({ text, syntax }: StoredExpression, world: CatalogWorld): string {
  const [drawn = ""] = sequencesDrawn(syntax);
  // Only the tree of a serial column names its sequence by number.
  const sequence = /^\d+$/u.test(drawn) ? world.relation(Number(drawn)) : null;
  return sequence === null ? text : `nextval('${world.relationText(sequence).replaceAll("'", "''")}'::regclass)`;
}

/** A condition of a table or of a domain. */
export function checkText({ expression }: { readonly expression: StoredExpression }, isPretty: boolean): string {
  return isPretty ? `CHECK ${inParentheses(expression.text)}` : `CHECK (${inParentheses(expression.text)})`;
}

function wholeText(
  constraint: Exclude<ConstraintDefinition, { readonly kind: "check" }>,
  table: TableDefinition,
  world: CatalogWorld,
): string {
  switch (constraint.kind) {
    case "primaryKey":
      return `PRIMARY KEY (${columnList(table, constraint.columns)})`;
    case "unique":
      return `UNIQUE (${columnList(table, constraint.columns)})${deferralText(constraint)}`;
    case "foreignKey": {
      const referenced = world.table(constraint.referencedTable);
      const target =
        referenced === null
          ? ""
          : `${world.relationText(referenced)}(${columnList(referenced, constraint.referencedColumns)})`;
      const action = (word: string, what: ForeignKeyAction): string =>
        what === "noAction" ? "" : ` ON ${word} ${actionText(what)}`;
      return `FOREIGN KEY (${columnList(table, constraint.columns)}) REFERENCES ${target}${action("UPDATE", constraint.onUpdate)}${action("DELETE", constraint.onDelete)}${deferralText(constraint)}`;
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
