/**
 * Whose rights a statement is bound with: those of the session's user, within a view those of the view's owner. What is missing is said once
 * the statement is bound, so a plan that is kept was allowed; it is kept by the catalog's version, which changes with every grant, and by
 * the user and its roles. A past moment is read with the rights of now.
 *
 * As PostgreSQL does, what is wrong with a statement is told before what it may not do; of several relations, the first of the outermost query
 * is told.
 */
import type { Relation, ViewDefinition } from "../catalog/model.js";
import {
  type Actor,
  closedColumns,
  denial,
  type Guarded,
  maySearch,
  mayUse,
  mayUseColumns,
} from "../catalog/privileges.js";
import type { RoleSet } from "../catalog/role-set.js";
import { SqlError } from "../error.js";
import type { EvaluationContext } from "../functions/context.js";
import type { BindEnvironment } from "./environment.js";

export const actorOf = ({ currentUser, isSuperuser, roles }: EvaluationContext): Actor => ({
  name: currentUser,
  isSuperuser,
  rights: roles.rightsOf(currentUser),
});

/** Something of a relation that whoever asks may not have, and where the relation stands in the statement. */
interface Denial {
  readonly object: Guarded;
  readonly depth: number;
  readonly order: number;
}

/** Columns of a relation that may not be read. */
export interface Unreadable {
  readonly numbers: ReadonlySet<number>;
  /** One of them is read. */
  readonly onRead: () => void;
}

export class Authority {
  #actor: Actor;
  readonly #roles: RoleSet;
  readonly #isTrusted: boolean;
  /** Null: what is not allowed is refused at once. */
  #denials: Denial[] | null = null;
  #depth = 0;
  #order = 0;

  constructor({ context, isTrusted = false }: BindEnvironment) {
    this.#actor = actorOf(context);
    this.#roles = context.roles;
    this.#isTrusted = isTrusted;
  }

  /** What is not allowed is refused by `expectAllowed`, and not before. */
  postpone(): void {
    this.#denials ??= [];
  }

  /** Throws 42501. */
  expectAllowed(): void {
    const [first] = (this.#denials ?? []).toSorted((a, b) => a.depth - b.depth || a.order - b.order);
    if (first !== undefined) throw denial(first.object);
  }

  /** The place of a relation that is asked for now: throws 42501, now or later, when it is told that there it may not be had. */
  #at(object: Guarded): () => void {
    const found = { object, depth: this.#depth, order: this.#order };
    this.#order += 1;
    return () => {
      if (this.#denials === null) throw denial(object);
      this.#denials.push(found);
    };
  }

  /** Throws 42501. */
  expect(relation: Relation, letters: string): void {
    if (relation.kind === "index" || this.#isTrusted) return;
    if (!mayUse(relation, this.#actor, letters)) this.#at(relation)();
  }

  /** Throws 42501 unless all of these columns may be used so; of none: unless any may. */
  expectColumns(relation: Relation, letter: string, numbers: readonly number[] = []): void {
    if (relation.kind === "index" || this.#isTrusted) return;
    if (!mayUseColumns(relation, this.#actor, letter, numbers)) this.#at(relation)();
  }

  /** Columns that may not be read, where that throws 42501; null: all of the relation may. */
  unreadable(relation: Relation): Unreadable | null {
    if (relation.kind === "index" || this.#isTrusted) return null;
    const numbers = closedColumns(relation, this.#actor, "r");
    return numbers === null ? null : { numbers, onRead: this.#at(relation) };
  }

  /** Binds a query within the statement. */
  below<T>(bind: () => T): T {
    this.#depth += 1;
    const result = bind();
    this.#depth -= 1;
    return result;
  }

  /** Binds what a view reads or writes, with its owner's rights. */
  asOwnerOf<T>({ owner, isOwnerSuperuser }: ViewDefinition, bind: () => T): T {
    const before = this.#actor;
    this.#actor = this.#roles.actor(owner, isOwnerSuperuser === true);
    try {
      return bind();
    } finally {
      this.#actor = before;
    }
  }
}

/** Whether names in a schema are found by who has written the statement. */
export function isSearchable(schema: string, { catalog, context, isTrusted }: BindEnvironment): boolean {
  const { roles, temporarySchema, currentUser, isSuperuser } = context;
  return isTrusted === true || maySearch(schema, { catalog, roles, temporarySchema, currentUser, isSuperuser });
}

/** Throws 42501 for a schema that was named and may not be used. */
export function expectSearchable(schema: string, environment: BindEnvironment, position: number | undefined): void {
  if (isSearchable(schema, environment)) return;
  throw new SqlError("42501", `permission denied for schema ${schema}`, { position });
}
