/**
 * Whom a session acts as: its user, or whom SET SESSION AUTHORIZATION and SET ROLE have made of it. Both are settings, so that they come and go
 * with transactions and savepoints; what follows from them (`is_superuser`) is kept in step here.
 */
import { noRole, type RoleSet } from "../../runtime/query/catalog/role-set.js";
import { SqlError } from "../../runtime/query/error.js";
import type { SessionIdentity } from "./engine-runs.js";
import type { RoleActor } from "./role-authority.js";
import type { RoleBook, TenantRoles } from "./role-book.js";
import type { SessionSettings } from "./settings.js";

const currentWords = new Set(["current_user", "current_role"]);

export type RoleSource = Pick<RoleBook, "isFresh" | "refresh" | "of" | "tenantsOf">;

export class SessionRoles {
  readonly #source: RoleSource;
  readonly #identity: SessionIdentity;
  readonly #settings: SessionSettings;

  constructor(source: RoleSource, identity: SessionIdentity, settings: SessionSettings) {
    this.#source = source;
    this.#identity = identity;
    this.#settings = settings;
  }

  get #known(): TenantRoles {
    return this.#source.of(this.#identity.tenant);
  }

  get set(): RoleSet {
    return this.#known.set;
  }

  get sessionUser(): string {
    return this.#settings.get("session_authorization");
  }

  get currentUser(): string {
    const role = this.#settings.get("role");
    return role === noRole ? this.sessionUser : role;
  }

  /** What a user of the node's own process is nobody but the node knows. */
  isSuperuser(name: string): boolean {
    const { user, isSuperuser } = this.#identity;
    return this.set.find(name)?.isSuperuser ?? (name === user && isSuperuser);
  }

  /** What requests carry of roles. Sets right what is said of the session. */
  text(): string {
    this.#settings.fix("is_superuser", this.isSuperuser(this.currentUser) ? "on" : "off");
    return this.#known.text;
  }

  /** Null: statements may be judged by what is known. Else resolves once they may. Throws 57P03. */
  whenFresh(): Promise<void> | null {
    if (this.#source.isFresh) return null;
    return this.#source.refresh().catch((cause: unknown) => {
      // Who has nothing but its own can lose nothing.
      const isAlone = this.set.find(this.currentUser)?.memberOf.length === 0 && !this.isSuperuser(this.currentUser);
      if (isAlone) return;
      throw new SqlError("57P03", "the roles of the database cannot be read at the moment", { detail: String(cause) });
    });
  }

  /** With the roles of now: what changes them is not judged by what was read before. */
  async actor(): Promise<RoleActor> {
    await this.#source.refresh();
    const { user: principal, tenantName } = this.#identity;
    const { currentUser: user, sessionUser } = this;
    return {
      user,
      sessionUser,
      isSuperuser: this.isSuperuser(user),
      principal,
      tenantName,
      roles: this.set,
      tenantsOf: (role) => this.#source.tenantsOf(role),
      named: (word) => (word === "session_user" ? sessionUser : currentWords.has(word) ? user : word),
    };
  }

  /** SET ROLE. Throws 22023 for a role that nobody has, 42501 for one that the session's user is no member of. */
  become(role: string, scope: "session" | "local"): void {
    if (role !== noRole) {
      if (this.set.find(role) === null && role !== this.#identity.user)
        throw new SqlError("22023", `role "${role}" does not exist`);
      if (!this.isSuperuser(this.sessionUser) && !this.set.isMember(this.sessionUser, role))
        throw new SqlError("42501", `permission denied to set role "${role}"`);
    }
    this.#settings.assume("role", role, scope);
    this.text();
  }

  /** SET SESSION AUTHORIZATION: for those who have logged in as superusers. Throws 22023, 42501. */
  authorize(name: string | null, scope: "session" | "local"): void {
    const { user } = this.#identity;
    const wish = name ?? user;
    if (wish !== user) {
      if (this.set.find(wish) === null) throw new SqlError("22023", `role "${wish}" does not exist`);
      if (!this.isSuperuser(user))
        throw new SqlError("42501", `permission denied to set session authorization "${wish}"`);
    }
    this.#settings.assume("session_authorization", wish, scope);
    this.#settings.assume("role", noRole, scope);
    this.text();
  }
}
