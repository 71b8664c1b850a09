/** Parameters of administrative calls: JSON from a client, parsed once. Every failure is an `invalidArgument` that names the field. */
import type { Quotas } from "../../runtime/kernel/tenant-row.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { userName } from "../../runtime/types/ids.js";

type Params = Readonly<Record<string, unknown>>;

const invalid = (argument: string, expected: string): KimberliteError =>
  new KimberliteError("invalidArgument", `${argument} must be ${expected}`, { detail: { argument } });

export function optionalCount(params: Params, name: string): number | undefined {
  const value = params[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw invalid(name, "a whole number");
  return value;
}

/** The user that a first start makes; tenants are its, and grants of the node's own process are. */
export const firstUser = "admin";

/** A user's name in `owner`; empty for the first user, and where none is given. */
export function ownerFrom(params: Params): string {
  const owner = params["owner"];
  if (owner === undefined || owner === null || owner === firstUser) return "";
  return userName(owner);
}

/** How many entries an answer holds at most: `limit` if it was given. */
export function pageLimit(params: Params, max: number): number {
  const limit = optionalCount(params, "limit") ?? max;
  if (limit < 1 || limit > max) throw invalid("limit", `from 1 to ${max}`);
  return limit;
}

/** A tenant named by `name` or by `id`. */
export function tenantReference(params: Params): string | number {
  const { name, id } = params as { name?: unknown; id?: unknown };
  if (typeof name === "string" && name !== "") return name;
  if (typeof id === "number" && Number.isSafeInteger(id) && id > 0) return id;
  throw invalid("name", "a tenant's name, or id its number");
}

/** Quotas given in `quotas`; what is left out keeps its value. */
export function quotasFrom(params: Params, base: Quotas): Quotas {
  const given = params["quotas"];
  if (given === undefined || given === null) return base;
  if (typeof given !== "object" || Array.isArray(given)) throw invalid("quotas", "an object");
  const known = ["bytesMax", "streamsMax", "sessionsMax", "groupsPerStreamMax"];
  for (const name of Object.keys(given))
    if (!known.includes(name)) throw invalid(`quotas.${name}`, `one of ${known.join(", ")}`);
  const quotas = given as Params;
  return {
    bytesMax: optionalCount(quotas, "bytesMax") ?? base.bytesMax,
    streamsMax: optionalCount(quotas, "streamsMax") ?? base.streamsMax,
    sessionsMax: optionalCount(quotas, "sessionsMax") ?? base.sessionsMax,
    groupsPerStreamMax: optionalCount(quotas, "groupsPerStreamMax") ?? base.groupsPerStreamMax,
  };
}
