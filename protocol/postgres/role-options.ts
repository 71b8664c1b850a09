/** What CREATE ROLE and ALTER ROLE say of a role, as parameters of the directory's calls. A password is turned into a verifier here. */
import { RequestSettings, textContextOf, unixTimeOf } from "../../actors/sql/evaluation.js";
import { SqlError } from "../../runtime/query/error.js";
import type { RoleOption } from "../../runtime/query/syntax/ast-role.js";
import { timestamptzCodec } from "../../runtime/query/types/date-time/codecs.js";
import { assert } from "../../runtime/types/assert.js";
import { formatVerifier, parseVerifier, scramVerifier } from "../wire/scram-verifier.js";

export interface RoleWish {
  readonly verifier?: string;
  readonly noPassword?: true;
  readonly superuser?: boolean;
  readonly login?: boolean;
  readonly inherit?: boolean;
  readonly createRole?: boolean;
  readonly createDatabase?: boolean;
  /** µs since 1970; -1: for ever. */
  readonly validUntil?: number;
  /** Sessions at a time; -1: as many as there are. */
  readonly connectionLimit?: number;
}

export interface RoleClauses {
  readonly wish: RoleWish;
  /** IN ROLE, ROLE and ADMIN. */
  readonly inRoles: readonly string[];
  readonly members: readonly string[];
  readonly admins: readonly string[];
}

const truthy = (value: string | null): boolean =>
  value === null || ["true", "t", "1", "on"].includes(value.toLowerCase());

const flags: Readonly<Record<string, keyof RoleWish>> = {
  superuser: "superuser",
  canlogin: "login",
  inherit: "inherit",
  createrole: "createRole",
  createdb: "createDatabase",
};

/** Attributes whose only meaning here is that they are not given. */
const refusedWhenTrue: Readonly<Record<string, string>> = { isreplication: "REPLICATION", bypassrls: "BYPASSRLS" };

async function passwordOf(value: string | null): Promise<Pick<RoleWish, "verifier" | "noPassword">> {
  if (value === null || value === "") return { noPassword: true };
  if (value.startsWith("SCRAM-SHA-256$")) {
    if (parseVerifier(value) !== null) return { verifier: value };
    throw new SqlError("22023", "invalid SCRAM verifier");
  }
  if (/^md5[0-9a-f]{32}$/.test(value)) throw new SqlError("0A000", "passwords hashed with MD5 are not supported");
  return { verifier: formatVerifier(await scramVerifier(value)) };
}

const noNames = {
  oidOf: (): never => {
    throw new SqlError("XX000", "a time names no object");
  },
  nameOf: () => null,
  enumLabels: () => null,
  fieldsOf: () => null,
};

/** @param settings as the engine gets them: a time is read by the session's zone; `now` µs since 2000 */
function validUntilOf(text: string, settings: SettingList, now: number): number {
  const context = { ...textContextOf(new RequestSettings(settings)), transactionTime: now, names: noNames };
  const time = timestamptzCodec.input(text, -1, context);
  if (time === Number.POSITIVE_INFINITY) return -1;
  const micros = unixTimeOf(Number(time));
  // A safe integer, so that a row can hold it.
  if (micros > Number.MAX_SAFE_INTEGER) throw new SqlError("0A000", "VALID UNTIL after the year 2255 is not supported");
  // Nobody logs in before 1970.
  return Math.max(1, micros);
}

type SettingList = readonly (readonly [string, string])[];

async function wishOfOption(option: RoleOption, settings: SettingList, now: number): Promise<RoleWish> {
  const { name, value } = option;
  assert(option.roles.length === 0, "an attribute names no roles");
  const flag = flags[name];
  if (flag !== undefined) return { [flag]: truthy(value) };
  switch (name) {
    case "password":
      return passwordOf(value);
    case "validuntil":
      return { validUntil: validUntilOf(value ?? "infinity", settings, now) };
    case "connectionlimit":
      if (Number(value) < -1) throw new SqlError("22023", `invalid connection limit: ${value}`);
      return { connectionLimit: Number(value) };
    default: {
      const refused = refusedWhenTrue[name];
      if (refused !== undefined && !truthy(value)) return {};
      throw new SqlError("0A000", `role option ${refused ?? name} is not supported`);
    }
  }
}

/** Throws 42601 for an option that is said twice, 0A000 for one that is not done. */
export async function clausesOf(
  options: readonly RoleOption[],
  settings: SettingList,
  now: number,
): Promise<RoleClauses> {
  const twice = options.find(({ name }, index) => options.findIndex((other) => other.name === name) < index);
  if (twice !== undefined)
    throw new SqlError("42601", "conflicting or redundant options", { position: twice.location });
  const named = (name: string): readonly string[] => options.find((option) => option.name === name)?.roles ?? [];
  let wish: RoleWish = {};
  for (const option of options) {
    if (option.roles.length === 0) wish = { ...wish, ...(await wishOfOption(option, settings, now)) };
  }
  return { wish, inRoles: named("addroleto"), members: named("rolemembers"), admins: named("adminmembers") };
}
