/**
 * Users and roles as the directory changes and looks them up: facts of the system shard. Nothing is kept in memory: a login reads the newest
 * state, so that a password that was changed is not good any more, on whichever node. Changes are made one after the other, and are answered
 * once every gateway judges by them.
 */
import {
  encodeRoleMembers,
  encodeSettingChange,
  encodeUserAlter,
  encodeUserCreate,
  encodeUserDrop,
  encodeUserRename,
  type UserCreation,
} from "../../runtime/kernel/codecs/user-requests.js";
import type { RoleMembersChange } from "../../runtime/kernel/commands/role.js";
import { commentIn, commentName, type SettingChange, settingsIn } from "../../runtime/kernel/kept-settings.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import { noPassword, type User, type UserRow } from "../../runtime/kernel/user-rows.js";
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { userName } from "../../runtime/types/ids.js";
import { roleListMax, userTenantsMax } from "../../runtime/types/limits.js";
import { recordForms } from "../messages/relay.js";
import type { KnownRole } from "./messages.js";
import { firstUser, pageLimit } from "./params.js";
import type { ShardLink } from "./shard-link.js";

type Params = Readonly<Record<string, unknown>>;

const listLimitMax = 1_000;
/** As a new role, with the admin option, and what it is a member of. */
const grantsMax = 3;
/** Objects that an error names. */
const usesToldMax = 100;
/** Those of a node's own process, and words that mean something else where a user's name could stand. */
const reservedNames = new Set(["local", "process", "public", "none"]);

const invalid = (argument: string, expected: string): KimberliteError =>
  new KimberliteError("invalidArgument", `${argument} must be ${expected}`, { detail: { argument } });

type Verifier = Pick<User, "iterations" | "salt" | "storedKey" | "serverKey">;

const verifierForm = /^SCRAM-SHA-256\$(\d{1,8}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]{44}):([A-Za-z0-9+/=]{44})$/;

/** As PostgreSQL writes one. What it must hold beyond its shape is for the command to check. */
function verifierFrom(params: Params): Verifier | undefined {
  const text = params["verifier"];
  if (text === undefined || text === null) return undefined;
  const match = typeof text === "string" ? verifierForm.exec(text) : null;
  if (match === null) throw invalid("verifier", "a SCRAM-SHA-256 verifier");
  const [, iterations = "", ...parts] = match;
  const [salt, storedKey, serverKey] = parts.map((part) => Uint8Array.from(Buffer.from(part, "base64")));
  if (salt === undefined || storedKey?.length !== 32 || serverKey?.length !== 32) {
    throw invalid("verifier", "a SCRAM-SHA-256 verifier");
  }
  return { iterations: Number(iterations), salt, storedKey, serverKey };
}

function optionalNumber(params: Params, name: string): number | undefined {
  const value = params[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < -1)
    throw invalid(name, "a whole number, or -1 for no limit");
  return value;
}

/** -1 takes a limit away. */
const limitFrom = (params: Params, name: string, before: number | null): number | null => {
  const value = optionalNumber(params, name) ?? before;
  return value === -1 ? null : value;
};

function namesFrom(params: Params, name: string): readonly string[] {
  const value = params[name];
  if (!Array.isArray(value) || value.length === 0 || value.length > roleListMax)
    throw invalid(name, `a list of 1 to ${roleListMax} names`);
  return value.map((each: unknown) => userName(each));
}

const roleActions = ["grant", "grantAdmin", "revoke", "revokeAdmin"] as const;

/** @param principal who asks: the grantor, when none is named; the node's own process grants as the first user */
function memberChangeFrom(params: Params, principal: string): RoleMembersChange {
  const action = roleActions.find((each) => each === params["action"]);
  if (action === undefined) throw invalid("action", `one of ${roleActions.join(", ")}`);
  const grantor = userName(params["grantor"] ?? (reservedNames.has(principal) ? firstUser : principal));
  return { action, grantor, roles: namesFrom(params, "roles"), members: namesFrom(params, "members") };
}

/** What a new user is a member of, and who of it. */
function grantsFrom(params: Params, principal: string): readonly RoleMembersChange[] {
  const { grants = [] } = params;
  if (!Array.isArray(grants) || grants.length > grantsMax) throw invalid("grants", `at most ${grantsMax} grants`);
  return grants.map((each: unknown) => {
    if (typeof each !== "object" || each === null) throw invalid("grants", "a list of grants");
    return memberChangeFrom(each as Params, principal);
  });
}

function settingChangeFrom(params: Params, tenant: number): SettingChange {
  const { action, name, value } = params;
  if (action === "resetAll") return { action, tenant };
  if (typeof name !== "string" || name === "") throw invalid("name", "a setting's name");
  if (action === "reset") return { action, tenant, name };
  if (action !== "set") throw invalid("action", "one of set, reset, resetAll");
  if (typeof value !== "string") throw invalid("value", "a text");
  return { action, tenant, name, value };
}

function optionalBoolean(params: Params, name: string): boolean | undefined {
  const value = params[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "boolean") throw invalid(name, "true or false");
  return value;
}

const newUser: User = {
  ...noPassword,
  isSuperuser: false,
  canLogin: true,
  inherits: true,
  canCreateRole: false,
  canCreateDatabase: false,
  validUntil: null,
  connectionLimit: null,
  tenants: null,
};

export interface UsersHost {
  readonly link: Pick<ShardLink, "command" | "user" | "users" | "roleUses" | "formsKnown" | "expectForms">;
  /** The step that makes a change a fact. */
  logged<Result>(step: Promise<Result>): Promise<Result>;
  tenantNumber(name: string): number;
  tenantName(number: number): string | null;
  readonly shards: number;
  /** A tenant's settings are others now. */
  settingsChanged(tenant: number): Promise<void>;
  /** Says that roles are others now; `awaited` resolves once no gateway judges by those of before. */
  heard(how: "awaited" | "told"): Promise<void>;
}

export class Users {
  readonly #host: UsersHost;

  /** The change that was begun last, and its end. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(host: UsersHost) {
    this.#host = host;
  }

  async call(method: string, params: Params, principal: string): Promise<unknown> {
    switch (method) {
      case "user.list": {
        const after = params["after"] ?? "";
        if (typeof after !== "string") throw invalid("after", "a user's name");
        const rows = await this.#host.link.users(after, pageLimit(params, listLimitMax));
        return rows.map((row) => this.#describe(row));
      }
      case "user.uses":
        return this.#uses(userName(params["name"]), params);
      case "user.setting":
        return this.#setting(params, principal);
      default: {
        const before = this.#last;
        const work = before.then(() => this.#change(method, params, principal));
        this.#last = work.catch(() => {});
        const result = await work;
        // A new one that is in no role has nothing yet that could be misjudged.
        const isAlone = method === "user.create" && grantsFrom(params, principal).length === 0;
        await this.#host.heard(isAlone ? "told" : "awaited");
        return result;
      }
    }
  }

  #change(method: string, params: Params, principal: string): Promise<unknown> {
    switch (method) {
      case "user.create":
        return this.#create(params, principal);
      case "user.alter":
        return this.#alter(params, principal);
      case "user.drop":
        return this.#drop(params, principal);
      case "user.rename":
        return this.#rename(params, principal);
      case "user.members":
        return this.#members(params, principal);
      default:
        throw new KimberliteError("notSupported", `administrative method ${method.slice(0, 64)}`);
    }
  }

  /** Never what is kept of the password. */
  #describe(row: UserRow): Record<string, unknown> {
    const { name, isSuperuser, tenants, createdTime, iterations } = row;
    const names = tenants?.map((tenant) => this.#host.tenantName(tenant) ?? `${tenant} (dropped)`) ?? null;
    return {
      name,
      superuser: isSuperuser,
      login: row.canLogin,
      inherit: row.inherits,
      createRole: row.canCreateRole,
      createDatabase: row.canCreateDatabase,
      validUntil: row.validUntil,
      connectionLimit: row.connectionLimit,
      memberOf: row.memberOf,
      settings: this.#describeSettings(row),
      comment: commentIn(row.settings),
      tenants: names,
      createdTime,
      mechanism: iterations === 0 ? "none" : "SCRAM-SHA-256",
      iterations,
    };
  }

  /** Those that hold in tenants which are there, by their names. */
  #describeSettings({ settings }: Pick<UserRow, "settings">): readonly Record<string, unknown>[] {
    return settingsIn(settings).flatMap(({ tenant, name, value }) => {
      const tenantName = tenant === 0 ? null : this.#host.tenantName(tenant);
      return tenant !== 0 && tenantName === null ? [] : [{ tenant: tenantName, tenantId: tenant, name, value }];
    });
  }

  /** What parameters say of a user, and of the rest what was so before. */
  #userFrom(params: Params, before: User): User {
    const tenants = this.#tenantsFrom(params);
    return {
      ...before,
      ...(params["noPassword"] === true ? noPassword : verifierFrom(params)),
      isSuperuser: optionalBoolean(params, "superuser") ?? before.isSuperuser,
      canLogin: optionalBoolean(params, "login") ?? before.canLogin,
      inherits: optionalBoolean(params, "inherit") ?? before.inherits,
      canCreateRole: optionalBoolean(params, "createRole") ?? before.canCreateRole,
      canCreateDatabase: optionalBoolean(params, "createDatabase") ?? before.canCreateDatabase,
      validUntil: limitFrom(params, "validUntil", before.validUntil),
      connectionLimit: limitFrom(params, "connectionLimit", before.connectionLimit),
      tenants: tenants === undefined ? before.tenants : tenants,
    };
  }

  #tenantsFrom(params: Params): readonly number[] | null | undefined {
    const value = params["tenants"];
    if (value === undefined) return undefined;
    if (value === null) return null;
    if (!Array.isArray(value) || value.length > userTenantsMax)
      throw invalid("tenants", `a list of at most ${userTenantsMax} names`);
    return value.map((name: unknown) => {
      if (typeof name !== "string") throw invalid("tenants", "names of tenants");
      return this.#host.tenantNumber(name);
    });
  }

  async #create(params: Params, principal: string): Promise<unknown> {
    const name = userName(params["name"]);
    if (reservedNames.has(name)) throw invalid("name", `another name: "${name}" is reserved`);
    // Whoever is made by a user that is confined is confined likewise.
    const maker = params["tenantsOf"];
    const tenants = typeof maker === "string" ? ((await this.#host.link.user(maker))?.tenants ?? null) : null;
    const isFirst = params["onlyFirst"] === true;
    const made = { ...newUser, tenants, canCreateRole: isFirst, canCreateDatabase: isFirst };
    const user = this.#userFrom(params, made);
    const isWithout = params["noPassword"] === true;
    if (user.iterations === 0 && !isWithout) throw invalid("verifier", "a SCRAM-SHA-256 verifier");
    // A later user does not come into what an earlier one of its name has left.
    if (!isFirst && (await this.#host.link.user(name)) === null) await this.#expectUnused(name, params);
    const how: UserCreation = isFirst ? "onlyFirst" : params["ifNotExists"] === true ? "ifNotExists" : "new";
    const grants = grantsFrom(params, principal);
    // While a node is of a program that could not apply the record, whoever asks grants them in commands of their own, as such programs do.
    const granted = grants.length > 0 && (await this.#host.link.formsKnown(recordForms.userWithMemberships));
    const outcome = await this.#host.logged(
      this.#host.link.command(0, requestKind.userCreate, principal, (out) =>
        encodeUserCreate(out, name, user, how, granted ? grants : []),
      ),
    );
    assert(outcome.count <= 1, "one user is created at most");
    return { name, created: outcome.count === 1, granted };
  }

  /**
   * Throws `userInUse` while a tenant has something of a user of this name, which is one that was dropped when it is to be created. A grant
   * that is decided at the same time may come in between; then it stands in the way of whoever is to have the name next.
   *
   * @param params `tenant`: whose objects are told one by one, those of others are counted
   */
  async #expectUnused(name: string, params: Params): Promise<void> {
    const lines = await this.#uses(name, params);
    if (lines.length === 0) return;
    const uses = lines.slice(0, usesToldMax).join("\n");
    throw new KimberliteError("userInUse", `"${name}": ${lines.slice(0, 3).join(", ")}`, { detail: { uses } });
  }

  /** What the tenants have of a user, in words. @param params `beside`: the one tenant that is not asked for */
  async #uses(name: string, params: Params): Promise<readonly string[]> {
    const lines: string[] = [];
    for (let shard = 1; shard < this.#host.shards; shard++) {
      for (const { tenant, uses } of await this.#host.link.roleUses(shard, name)) {
        const tenantName = this.#host.tenantName(tenant) ?? String(tenant);
        if (tenantName === params["beside"]) continue;
        const isOwn = tenantName === params["tenant"] && uses.length <= usesToldMax;
        const counted = `${uses.length} object${uses.length === 1 ? "" : "s"} in database ${tenantName}`;
        lines.push(...(isOwn ? uses : [counted]));
      }
    }
    return lines;
  }

  async #find(name: string): Promise<UserRow> {
    const row = await this.#host.link.user(name);
    if (row === null) throw new KimberliteError("userUnknown", `"${name}"`);
    return row;
  }

  async #alter(params: Params, principal: string): Promise<unknown> {
    const name = userName(params["name"]);
    const row = await this.#find(name);
    const user = this.#userFrom(params, row);
    await this.#host.logged(
      this.#host.link.command(0, requestKind.userAlter, principal, (out) => encodeUserAlter(out, name, user)),
    );
    return { name, altered: true };
  }

  async #drop(params: Params, principal: string): Promise<unknown> {
    const name = userName(params["name"]);
    if (params["ifExists"] === true && (await this.#host.link.user(name)) === null) return { name, dropped: false };
    await this.#find(name);
    await this.#expectUnused(name, params);
    await this.#host.logged(
      this.#host.link.command(0, requestKind.userDrop, principal, (out) => encodeUserDrop(out, name)),
    );
    return { name, dropped: true };
  }

  async #rename(params: Params, principal: string): Promise<unknown> {
    const name = userName(params["name"]);
    const newName = userName(params["newName"]);
    if (reservedNames.has(newName)) throw invalid("newName", `another name: "${newName}" is reserved`);
    await this.#find(name);
    // Tenants know whose objects are by name.
    await this.#expectUnused(name, params);
    await this.#expectUnused(newName, params);
    await this.#host.logged(
      this.#host.link.command(0, requestKind.userRename, principal, (out) => encodeUserRename(out, name, newName)),
    );
    return { name: newName, renamed: true };
  }

  /** @param params `role` and `tenant` by their names, one of which may be missing; `action`, and the setting's `name` and `value` */
  async #setting(params: Params, principal: string): Promise<unknown> {
    const { role: named = null } = params;
    const role = named === null ? "" : userName(named);
    const tenant = typeof params["tenant"] === "string" ? this.#host.tenantNumber(params["tenant"]) : 0;
    const change = settingChangeFrom(params, tenant);
    const isComment = "name" in change && change.name === commentName;
    await this.#host.link.expectForms(isComment ? recordForms.comments : recordForms.ownersAndSettings);
    const made = await this.#host.logged(
      this.#host.link.command(0, requestKind.settingChange, principal, (out) => encodeSettingChange(out, role, change)),
    );
    if (role === "") await this.#host.settingsChanged(tenant);
    return { changed: made.count };
  }

  async #members(params: Params, principal: string): Promise<unknown> {
    const change = memberChangeFrom(params, principal);
    const made = await this.#host.logged(
      this.#host.link.command(0, requestKind.roleMembers, principal, (out) => encodeRoleMembers(out, change)),
    );
    assert(made.count <= change.members.length, "only members that were named are changed");
    return { changed: made.count };
  }

  /** All of them, as gateways judge by them: without what is kept of their passwords. In the order in which they were made. */
  async known(): Promise<readonly KnownRole[]> {
    const rows: UserRow[] = [];
    for (;;) {
      const page = await this.#host.link.users(rows.at(-1)?.name ?? "", listLimitMax);
      rows.push(...page);
      if (page.length < listLimitMax) break;
    }
    rows.sort((a, b) => a.createdPosition - b.createdPosition);
    return rows.map((row) => ({
      name: row.name,
      isSuperuser: row.isSuperuser,
      canLogin: row.canLogin,
      inherits: row.inherits,
      canCreateRole: row.canCreateRole,
      canCreateDatabase: row.canCreateDatabase,
      connectionLimit: row.connectionLimit ?? -1,
      validUntil: row.validUntil,
      memberOf: row.memberOf,
      tenants: row.tenants,
    }));
  }
}
