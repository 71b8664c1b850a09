/**
 * Users as the directory changes and looks them up: facts of the system shard. Nothing is kept in memory: a login reads the newest
 * state, so that a password that was changed is not good any more, on whichever node.
 */
import {
  encodeUserAlter,
  encodeUserCreate,
  encodeUserDrop,
  type UserCreation,
} from "../../runtime/kernel/codecs/user-requests.js";
import { requestKind } from "../../runtime/kernel/kinds.js";
import type { User, UserRow } from "../../runtime/kernel/user-rows.js";
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { userName } from "../../runtime/types/ids.js";
import { userTenantsMax } from "../../runtime/types/limits.js";
import { pageLimit } from "./params.js";
import type { ShardLink } from "./shard-link.js";

type Params = Readonly<Record<string, unknown>>;

const listLimitMax = 1_000;
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

function optionalBoolean(params: Params, name: string): boolean | undefined {
  const value = params[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "boolean") throw invalid(name, "true or false");
  return value;
}

export interface UsersHost {
  readonly link: ShardLink;
  /** The step that makes a change a fact. */
  logged<Result>(step: Promise<Result>): Promise<Result>;
  tenantNumber(name: string): number;
  tenantName(number: number): string | null;
  readonly shards: number;
}

export class Users {
  readonly #host: UsersHost;

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
      case "user.create":
        return this.#create(params, principal);
      case "user.alter":
        return this.#alter(params, principal);
      case "user.drop":
        return this.#drop(params, principal);
      default:
        throw new KimberliteError("notSupported", `administrative method ${method.slice(0, 64)}`);
    }
  }

  /** Never what is kept of the password. */
  #describe({ name, isSuperuser, tenants, createdTime, iterations }: UserRow): Record<string, unknown> {
    const names = tenants?.map((tenant) => this.#host.tenantName(tenant) ?? `${tenant} (dropped)`) ?? null;
    return { name, superuser: isSuperuser, tenants: names, createdTime, mechanism: "SCRAM-SHA-256", iterations };
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
    const verifier = verifierFrom(params);
    if (verifier === undefined) throw invalid("verifier", "a SCRAM-SHA-256 verifier");
    // A later user does not come into what an earlier one of its name has left.
    if (params["onlyFirst"] !== true && (await this.#host.link.user(name)) === null)
      await this.#expectUnused(name, params);
    const how: UserCreation =
      params["onlyFirst"] === true ? "onlyFirst" : params["ifNotExists"] === true ? "ifNotExists" : "new";
    const user: User = {
      ...verifier,
      isSuperuser: optionalBoolean(params, "superuser") ?? false,
      canLogin: true,
      inherits: true,
      canCreateRole: false,
      canCreateDatabase: false,
      validUntil: null,
      connectionLimit: null,
      tenants: this.#tenantsFrom(params) ?? null,
    };
    const made = await this.#host.logged(
      this.#host.link.command(0, requestKind.userCreate, principal, (out) => encodeUserCreate(out, name, user, how)),
    );
    assert(made.count <= 1, "one user is created at most");
    return { name, created: made.count === 1 };
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

  /** What the tenants have of a user, in words. */
  async #uses(name: string, params: Params): Promise<readonly string[]> {
    const lines: string[] = [];
    for (let shard = 1; shard < this.#host.shards; shard++) {
      for (const { tenant, uses } of await this.#host.link.roleUses(shard, name)) {
        const tenantName = this.#host.tenantName(tenant) ?? String(tenant);
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
    const tenants = this.#tenantsFrom(params);
    const user: User = {
      ...row,
      ...verifierFrom(params),
      isSuperuser: optionalBoolean(params, "superuser") ?? row.isSuperuser,
      tenants: tenants === undefined ? row.tenants : tenants,
    };
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
}
