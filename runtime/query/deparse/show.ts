/** Stored expressions as the catalogs show them. */
import type { DomainDefinition, StoredExpression, TableDefinition, ViewDefinition } from "../catalog/model.js";
import type {
  ExpressionPlace,
  ExpressionStyle,
  ReadsOfView,
  ShowExpression,
  ShownExpression,
  ShowView,
  ViewReads,
} from "../catalog/shown-expression.js";
import { withNames } from "../catalog/system/names.js";
import { CatalogWorld } from "../catalog/system/world.js";
import { SqlError } from "../error.js";
import type { EvaluationContext } from "../functions/context.js";
import type { ColumnName, Expression } from "../syntax/ast-expression.js";
import { quoteIdentifier } from "../types/quote.js";
import { type SqlType, sqlType, typeOid } from "../types/sql-type.js";
import { formatType } from "../types/type-name.js";
import { Analysis } from "./analyse.js";
import type { Analysed } from "./analysed.js";
import { Printer } from "./print.js";
import { shownQuery } from "./query/query.js";

/** What a statement was shown before: it asks for the same expressions again and again, in joins of catalogs. */
const remembered = new WeakMap<EvaluationContext, Map<StoredExpression, ShownStyles>>();
type ShownStyles = Partial<Record<ExpressionStyle, ShownExpression>>;

export const showExpression: ShowExpression = (stored, place, style, context): ShownExpression => {
  const known = remembered.get(context) ?? new Map<StoredExpression, ShownStyles>();
  remembered.set(context, known);
  const styles = known.get(stored) ?? {};
  known.set(stored, styles);
  const found = styles[style] ?? show(stored, place, style, context);
  styles[style] = found;
  return found;
};

/** What cannot be analysed any more, or not yet, is shown as it is stored: that is SQL too. */
function show(
  stored: StoredExpression,
  place: ExpressionPlace,
  style: ExpressionStyle,
  context: EvaluationContext,
): ShownExpression {
  try {
    const analysed = analyse(stored.syntax, place, context);
    const printer = new Printer(style, (type) => typeText(type, context));
    printer.print(analysed, "hidden");
    return { text: printer.text, isCall: isCall(analysed) };
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    return { text: stored.text, isCall: stored.syntax.kind === "functionCall" };
  }
}

type StoredQuery = ViewDefinition["query"];

/** Names that PostgreSQL has in the query of every view. */
const takenInViews: ReadonlySet<string> = new Set(["old", "new"]);

/** As with expressions: what is not known here is shown as it is stored. */
export const showView: ShowView = ({ query, columns }, style, context) => {
  try {
    const around = { world: new CatalogWorld(context), context };
    const shown = shownQuery(query.syntax, around, null, takenInViews);
    const printer = new Printer(style, (type) => typeText(type, context));
    shown.print(
      printer,
      columns.map(({ name }) => name),
      true,
    );
    return `${printer.text};`;
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    return ` ${query.text.replace(/;?\s*$/u, "")};`;
  }
};

/** What views were found to read before: catalogs of dependencies ask for all of them, and again for each row of a join. */
const rememberedReads = new WeakMap<EvaluationContext, Map<StoredQuery, ViewReads | null>>();

export const readsOfView: ReadsOfView = ({ query }, context) => {
  const known = rememberedReads.get(context) ?? new Map<StoredQuery, ViewReads | null>();
  rememberedReads.set(context, known);
  const found = known.get(query);
  if (found !== undefined) return found;
  const reads = findReads(query, context);
  known.set(query, reads);
  return reads;
};

function findReads({ syntax }: StoredQuery, context: EvaluationContext): ViewReads | null {
  try {
    const shown = shownQuery(syntax, { world: new CatalogWorld(context), context }, null, takenInViews);
    return { columns: shown.columnsUsed.columns, origins: shown.outputs.map(({ origin }) => origin ?? null) };
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    return null;
  }
}

function analyse(syntax: Expression, { of, type }: ExpressionPlace, context: EvaluationContext): Analysed {
  const analysis = new Analysis(context, (name) => nameIn(name, of));
  const analysed = analysis.analyse(syntax);
  return type === null ? analysed : analysis.conversions.convert(analysed, type, "assignment");
}

function nameIn({ parts, isStar }: ColumnName, of: TableDefinition | DomainDefinition | null): Analysed {
  const sought = parts.at(-1) ?? "";
  const named = (text: string, type: SqlType): Analysed => ({ kind: "name", text, type, isSpecial: false });
  if (of?.kind === "domain" && sought === "value") return named("VALUE", of.base);
  if (of?.kind === "table" && !isStar) {
    const column = of.columns.find(({ name, isDropped }) => name === sought && !isDropped);
    if (column !== undefined) return named(quoteIdentifier(column.name), column.type);
    if (sought === "tableoid") return named("tableoid", sqlType(typeOid.oid));
    if (sought === "ctid") return named("ctid", sqlType(typeOid.tid));
    if (sought === "xmin") return named("xmin", sqlType(typeOid.xid));
  }
  throw new SqlError("42703", `column "${sought}" does not exist`);
}

function typeText({ oid, modifier, domain }: SqlType, { names }: EvaluationContext): string {
  const own = domain === undefined ? null : names.nameOf("regtype", domain);
  return own ?? withNames(formatType(oid, modifier), names);
}

const isCall = (analysed: Analysed): boolean =>
  analysed.kind === "call" || analysed.kind === "list" || (analysed.kind === "name" && analysed.isSpecial);
