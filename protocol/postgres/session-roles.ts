/**
 * Whom a session acts as: its user, or whom SET SESSION AUTHORIZATION and SET ROLE have made of it. Both are settings, so that they come and go
 * with transactions and savepoints; what follows from them (`is_superuser`) is kept in step here.
 */
import { noRole, type RoleSet } from "../../runtime/query/catalog/role-set.js";
import { SqlError } from "../../runtime/query/error.js";
import type { EngineHost, SessionIdentity } from "./engine-runs.js";
import type { RoleActor } from "./role-authority.js";
import type { RoleBook, TenantRoles } from "./role-book.js";
import type { SessionSettings } from "./settings.js";

const currentWords = new Set(["current_user", "current_role"]);

export type RoleSource = Pick<RoleBook, "isFresh" | "overdueMs" | "refresh" | "of" | "tenantsOf">;

/** How long those who go on without fresh roles wait for them first. ms */
const patienceMs = 500;

export class SessionRoles {
  readonly #source: RoleSource;
  readonly #after: EngineHost["after"];
  readonly #identity: SessionIdentity;
  readonly #settings: SessionSettings;
  /** What was so when the session was last set right: nothing has to be looked at while it is. */
  #told: TenantRoles | null = null;
  #toldSettings: readonly (readonly [string, string])[] | null = null;

  constructor(
    { roles: source, after }: { readonly roles: RoleSource } & Pick<EngineHost, "after">,
    identity: SessionIdentity,
    settings: SessionSettings,
  ) {
    this.#source = source;
    this.#after = after;
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

  /** Of a user that is not known: of the node's own process, or of before anything was read. One that was dropped is no superuser any more. */
  isSuperuser(name: string): boolean {
    const known = this.set.find(name);
    if (known !== null) return known.isSuperuser;
    const { user, isSuperuser, isOfProcess } = this.#identity;
    return name === user && isSuperuser && (isOfProcess || this.set.all.length === 0);
  }

  /** What requests carry of roles. Sets right what is said of the session. */
  text(): string {
    const known = this.#known;
    if (known === this.#told && this.#settings.forEngine() === this.#toldSettings) return known.text;
    this.#settings.fix("is_superuser", this.isSuperuser(this.currentUser) ? "on" : "off");
    this.#told = known;
    this.#toldSettings = this.#settings.forEngine();
    return known.text;
  }

  /**
   * Null: statements may be judged by what is known. Else resolves once they may. Superusers, and who is a member of nothing and so has
   * nothing of others to lose, go on by what was read last when the system shard does not answer; for all others throws 57P03.
   */
  whenFresh(): Promise<void> | null {
    if (this.#source.isFresh) return null;
    const fresh = this.#source.refresh();
    const isMember =
      (this.set.find(this.currentUser)?.memberOf.length ?? 0) > 0 || this.currentUser !== this.sessionUser;
    if (!this.isSuperuser(this.currentUser) && isMember) {
      return fresh.catch((cause: unknown) => {
        const detail = cause instanceof Error ? cause.message : "";
        throw new SqlError("57P03", "the roles of the database cannot be read at the moment", { detail });
      });
    }
    const read = fresh.catch(() => {});
    const patience = patienceMs - this.#source.overdueMs;
    if (patience <= 0) return null;
    return Promise.race([read, new Promise<void>((resolve) => void this.#after(patience, resolve))]);
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
    this.set.expectBecome(role, this.sessionUser, this.isSuperuser(this.sessionUser));
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
