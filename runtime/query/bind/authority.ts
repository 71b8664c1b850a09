/**
 * Whose rights a statement is bound with: those of the session's user, within a view those of the view's owner. What is missing is said when
 * the statement is bound, so a plan that is kept was allowed; it is kept by the catalog's version, which changes with every grant, and by
 * the user and its roles. A past moment is read with the rights of now.
 */
import type { Relation, ViewDefinition } from "../catalog/model.js";
import { type Actor, expectPrivilege, mayUse } from "../catalog/privileges.js";
import type { RoleSet } from "../catalog/role-set.js";
import { SqlError } from "../error.js";
import type { EvaluationContext } from "../functions/context.js";
import type { BindEnvironment } from "./environment.js";

export const actorOf = ({ currentUser, isSuperuser, roles }: EvaluationContext): Actor => ({
  name: currentUser,
  isSuperuser,
  rights: roles.rightsOf(currentUser),
});

export class Authority {
  #actor: Actor;
  readonly #roles: RoleSet;
  readonly #isTrusted: boolean;

  constructor({ context, isTrusted = false }: BindEnvironment) {
    this.#actor = actorOf(context);
    this.#roles = context.roles;
    this.#isTrusted = isTrusted;
  }

  /** Throws 42501. */
  expect(relation: Relation, letters: string): void {
    if (relation.kind !== "index" && !this.#isTrusted) expectPrivilege(relation, this.#actor, letters);
  }

  /** Binds what a view reads, with its owner's rights. */
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

/** Whether names in a schema are found: along the search path those are passed over that may not be used. */
export function maySearch(schema: string, { catalog, context, isTrusted = false }: BindEnvironment): boolean {
  const found = catalog.schemaByName(schema);
  return found === null || isTrusted || mayUse(found, actorOf(context), "U");
}

/** Throws 42501 for a schema that was named and may not be used. */
export function expectSearchable(schema: string, environment: BindEnvironment): void {
  if (!maySearch(schema, environment)) throw new SqlError("42501", `permission denied for schema ${schema}`);
}
