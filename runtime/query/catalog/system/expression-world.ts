/**
 * The catalogs' world together with how expressions are shown in it. What stands in a catalog's column of expressions (`adbin`, `conbin`,
 * `indpred`) only says where the expression is stored: `pg_get_expr` shows it, as its caller's search path and settings have it.
 */
import type { EvaluationContext } from "../../functions/context.js";
import type { Expression } from "../../syntax/ast-expression.js";
import type { Oid, SqlType } from "../../types/sql-type.js";
import { noModifier, sqlType, typeOid } from "../../types/sql-type.js";
import type {
  ColumnDefinition,
  DomainDefinition,
  IndexDefinition,
  MaterializedViewDefinition,
  StoredExpression,
  TableDefinition,
  ViewDefinition,
} from "../model.js";
import type { ExpressionPlace, ExpressionStyle, ShownExpression } from "../shown-expression.js";
import { CatalogWorld } from "./world.js";

interface Placed {
  readonly stored: StoredExpression;
  readonly place: ExpressionPlace;
}

const bool: SqlType = sqlType(typeOid.bool);
const kinds = ["default", "check", "predicate", "keys"] as const;
type Kind = (typeof kinds)[number];

/** What a catalog's column holds for an expression: of a column of a table, a domain, a constraint, or an index. */
export const nodeTree = (kind: Kind, oid: Oid, column = 0): string =>
  `{${kind.toUpperCase()} :of ${oid} :column ${column}}`;

/** A column of a table or a view, as far as it says what it holds. */
export interface ValuedColumn {
  readonly type: SqlType;
  readonly default?: StoredExpression | null;
  readonly generated?: StoredExpression | null;
  readonly identity?: ColumnDefinition["identity"];
}

/** A default, or what a generated column holds; null where nobody has said either, or no more than that it is NULL. */
export function valueOf(column: ValuedColumn): StoredExpression | null {
  const { generated = null, identity = null, default: stored = null, type } = column;
  if (generated !== null) return generated;
  if (stored === null || identity !== null) return null;
  // With a length, or of a domain, PostgreSQL keeps the NULL for the conversion that it needs.
  return type.modifier === noModifier && type.domain === undefined && isNull(stored.syntax) ? null : stored;
}

function isNull(syntax: Expression): boolean {
  if (syntax.kind === "cast") return syntax.type.modifiers.length === 0 && isNull(syntax.subject);
  return syntax.kind === "nullLiteral";
}

export class ExpressionWorld extends CatalogWorld {
  readonly #context: EvaluationContext;

  constructor(context: EvaluationContext) {
    super(context);
    this.#context = context;
  }

  #show({ stored, place }: Placed, style: ExpressionStyle): ShownExpression {
    return this.#context.showExpression(stored, place, style, this.#context);
  }

  /** The query of a view, as `pg_get_viewdef` tells it. */
  viewText(view: ViewDefinition | MaterializedViewDefinition): string {
    return this.#context.showView(view, "plain", this.#context);
  }

  /** Null where there is none. */
  columnValue(column: ValuedColumn, table: TableDefinition | null, style: ExpressionStyle = "plain"): string | null {
    const stored = valueOf(column);
    return stored === null ? null : this.#show({ stored, place: { of: table, type: column.type } }, style).text;
  }

  domainDefault(domain: DomainDefinition, style: ExpressionStyle = "line"): string | null {
    const { base } = domain;
    const stored = valueOf({ default: domain.default, type: base });
    return stored === null ? null : this.#show({ stored, place: { of: null, type: base } }, style).text;
  }

  condition(stored: StoredExpression, of: TableDefinition | DomainDefinition, style: ExpressionStyle): string {
    return this.#show({ stored, place: { of, type: bool } }, style).text;
  }

  indexKey(stored: StoredExpression, table: TableDefinition, style: ExpressionStyle): ShownExpression {
    return this.#show({ stored, place: { of: table, type: null } }, style);
  }

  /** What `pg_get_expr` says of what a catalog's column holds; a text that is none of these as it is. */
  nodeTreeText(tree: string, style: ExpressionStyle): string | null {
    const match = /^\{([A-Z]+) :of (\d+) :column (\d+)\}$/u.exec(tree);
    const kind = kinds.find((each) => each.toUpperCase() === match?.[1]);
    return kind === undefined ? tree : this.#textOf(kind, Number(match?.[2]), Number(match?.[3]), style);
  }

  #textOf(kind: Kind, oid: Oid, number: number, style: ExpressionStyle): string | null {
    const object = this.catalog.objectByOid(oid);
    switch (kind) {
      case "default": {
        if (object?.kind === "domain") return this.domainDefault(object, style);
        const table = this.table(oid);
        const column: ValuedColumn | undefined =
          object?.kind === "view" ? object.columns[number - 1] : table?.columns.find((each) => each.number === number);
        return column === undefined ? null : this.columnValue(column, table, style);
      }
      case "check": {
        const found = this.#check(oid);
        return found === null ? null : this.condition(found.stored, found.of, style);
      }
      case "predicate":
      case "keys":
        return object?.kind === "index" ? this.#ofIndex(kind, object, style) : null;
    }
  }

  #ofIndex(
    kind: "predicate" | "keys",
    { table: oid, predicate, keys }: IndexDefinition,
    style: ExpressionStyle,
  ): string | null {
    const table = this.table(oid);
    if (table === null) return null;
    if (kind === "predicate") return predicate === null ? null : this.condition(predicate, table, style);
    return keys
      .flatMap(({ expression }) => (expression === null ? [] : [this.indexKey(expression, table, style).text]))
      .join(", ");
  }

  #check(oid: Oid): { readonly stored: StoredExpression; readonly of: TableDefinition | DomainDefinition } | null {
    for (const domain of this.domains())
      for (const check of domain.checks) if (check.oid === oid) return { stored: check.expression, of: domain };
    for (const table of this.tables())
      for (const constraint of table.constraints)
        if (constraint.oid === oid && constraint.kind === "check") return { stored: constraint.expression, of: table };
    return null;
  }
}
