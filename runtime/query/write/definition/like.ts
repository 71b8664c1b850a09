/** CREATE TABLE … (LIKE other INCLUDING …): columns of another table, and what of it goes with them. */
import { collationOfType } from "../../catalog/collation.js";
import {
  type Catalog,
  type ColumnDefinition,
  type Comments,
  type IndexDefinition,
  partName,
  type TableDefinition,
} from "../../catalog/model.js";
import { expectPrivilege } from "../../catalog/privileges.js";
import { SqlError } from "../../error.js";
import type { CreateIndex, CreateTable, SequenceOptions } from "../../syntax/ast-definition.js";
import { collationName } from "../../types/collations.js";
import { type ColumnMaker, emptyColumn } from "./column-maker.js";
import { type ConstraintMaker, columnNamed, type TableParts } from "./constraints.js";
import { placeOf } from "./draft.js";
import type { DefinitionPorts } from "./ports.js";
import { noOptions } from "./sequences.js";

/** LIKE's options, as PostgreSQL's bits. Those of compression, statistics and storage say nothing here. */
const including = { comments: 1, constraints: 4, defaults: 8, generated: 16, identity: 32, indexes: 64 } as const;

type Like = CreateTable["likes"][number];

export class LikeTable {
  readonly #source: TableDefinition;
  readonly #catalog: Catalog;
  readonly #options: number;
  /** Numbers of its columns in the new table, by their own. */
  readonly #numbers = new Map<number, number>();

  /** @param columns of the new table: the other's are added to them */
  constructor(ports: DefinitionPorts, parts: TableParts, columns: ColumnMaker, { table, options }: Like) {
    this.#source = ports.draft.table(table, placeOf(table.location));
    this.#catalog = ports.draft.catalog;
    this.#options = options;
    expectPrivilege(this.#source, ports.actor, "r");
    for (const column of this.#source.columns) if (!column.isDropped) this.#copy(column, parts, columns);
  }

  #has(option: keyof typeof including): boolean {
    return (this.#options & including[option]) !== 0;
  }

  #copy(column: ColumnDefinition, parts: TableParts, columns: ColumnMaker): void {
    if (columnNamed(parts.columns, column.name) !== null) {
      throw new SqlError("42701", `column "${column.name}" specified more than once`);
    }
    const number = parts.columns.length + 1;
    const { name, type, collation, isNotNull } = column;
    const copied: ColumnDefinition = {
      ...emptyColumn,
      number,
      name,
      type,
      ...(collation === undefined ? {} : { collation }),
      isNotNull,
      default: this.#has("defaults") ? column.default : null,
      generated: this.#has("generated") ? column.generated : null,
    };
    this.#numbers.set(column.number, number);
    const when = this.#has("identity") ? column.identity : null;
    parts.columns.push(
      when === null
        ? copied
        : columns.identity(copied, {
            kind: "identity",
            when,
            options: this.#sequenceOptions(column.sequence),
            ...plainConstraint,
          }),
    );
  }

  #sequenceOptions(oid: number): SequenceOptions {
    const sequence = this.#catalog.objectByOid(oid);
    if (sequence?.kind !== "sequence") return noOptions;
    const { start, increment, minimum, maximum, cycles, cache } = sequence;
    const [startText, incrementText] = [String(start), String(increment)];
    return {
      ...noOptions,
      start: startText,
      increment: incrementText,
      minimum: String(minimum),
      maximum: String(maximum),
      cycles,
      cache: cache === undefined ? null : String(cache),
    };
  }

  /** Checks under their own names, and keys under new ones. */
  addConstraints(ports: DefinitionPorts, parts: TableParts, constraints: ConstraintMaker): void {
    for (const constraint of this.#source.constraints) {
      if (constraint.kind === "check") {
        if (this.#has("constraints")) parts.constraints.push({ ...constraint, oid: ports.draft.newOid() });
        continue;
      }
      if (constraint.kind === "foreignKey" || !this.#has("indexes")) continue;
      const index = this.#catalog.objectByOid(constraint.index);
      constraints.add(
        {
          ...plainConstraint,
          kind: constraint.kind,
          columns: this.#names(constraint.columns),
          included: index?.kind === "index" ? this.#names(index.included) : [],
          nullsNotDistinct: index?.kind === "index" && index.nullsAreEqual === true,
          index: null,
          isDeferrable: constraint.deferral !== undefined,
          isInitiallyDeferred: constraint.deferral === "initiallyDeferred",
        },
        null,
      );
    }
  }

  #names(numbers: readonly number[]): string[] {
    return numbers.flatMap((number) => this.#source.columns[number - 1]?.name ?? []);
  }

  /** Statements that make its other indexes on the new table. */
  *indexes(table: CreateTable["name"]): Iterable<CreateIndex> {
    if (!this.#has("indexes")) return;
    const ofConstraints = new Set(this.#source.constraints.map((each) => ("index" in each ? each.index : 0)));
    for (const index of this.#catalog.indexesOf(this.#source)) {
      if (!ofConstraints.has(index.oid)) yield this.#indexSyntax(index, table);
    }
  }

  #indexSyntax(index: IndexDefinition, table: CreateTable["name"]): CreateIndex {
    return {
      kind: "createIndex",
      name: null,
      table,
      method: "btree",
      keys: index.keys.map(({ column, expression, type, isDescending, nullsFirst, operatorClass, collation }) => ({
        column: column === 0 ? null : (this.#names([column])[0] ?? null),
        expression: expression?.syntax ?? null,
        isDescending,
        nullsFirst,
        // As PostgreSQL: the type's own is not said again.
        collation:
          collation === undefined || collation === collationOfType(type.oid) ? null : [collationName(collation)],
        operatorClass: operatorClass === undefined ? null : [operatorClass],
      })),
      included: this.#names(index.included),
      isUnique: index.isUnique,
      nullsNotDistinct: index.nullsAreEqual === true,
      where: index.predicate?.syntax ?? null,
      ifNotExists: false,
      isConcurrent: false,
      clauses: [],
      location: -1,
    };
  }

  /** What was said of its columns. */
  comments(): Comments {
    const { comments } = this.#source;
    if (comments === undefined || !this.#has("comments")) return {};
    const found: Record<string, string> = {};
    for (const [before, number] of this.#numbers) {
      const text = comments[partName.column(before)];
      if (text !== undefined) found[partName.column(number)] = text;
    }
    return found;
  }
}

const plainConstraint = {
  name: null,
  isDeferrable: false,
  isInitiallyDeferred: false,
  isNotValid: false,
  location: -1,
} as const;
