/**
 * Who acts on a connection of the native protocol, and what it may do: users belong to tenants or to all, and only superusers change tenants,
 * users and the node. What a principal is called is recorded with every command.
 */
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";

export interface Principal {
  readonly name: string;
  /** As it is recorded. */
  readonly bytes: Uint8Array;
  readonly isSuperuser: boolean;
  /** Tenants that it may use; null: all. */
  readonly tenants: ReadonlySet<number> | null;
}

export function principalOf(name: string, isSuperuser: boolean, tenants: readonly number[] | null): Principal {
  assert(name !== "", "whoever acts has a name");
  return {
    name,
    bytes: new TextEncoder().encode(name),
    isSuperuser,
    tenants: tenants === null ? null : new Set(tenants),
  };
}

/** A client in the node's own process, or anyone on loopback where nobody is asked for a password. */
export const localPrincipal: Principal = principalOf("local", true, null);

const denied = (explanation: string): KimberliteError => new KimberliteError("permissionDenied", explanation);

/** Throws `permissionDenied`. It says the same of a tenant that is not there. */
export function expectTenant({ name, tenants }: Principal, tenant: number): void {
  if (tenants === null || tenants.has(tenant)) return;
  throw denied(`the user ${name} may not use this tenant`);
}

/** Everyone may ask these; what is answered is cut to what the one who asks may see. */
const openMethods = new Set(["tenant.get", "tenant.list", "node.status"]);

/** Throws `permissionDenied`. */
export function expectMethod(
  { name, isSuperuser }: Principal,
  method: string,
  params: Readonly<Record<string, unknown>>,
): void {
  if (isSuperuser || openMethods.has(method)) return;
  const { name: target, verifier, ...others } = params;
  // And nothing else beside it: a null is a wish too, for all tenants.
  const isOwnPassword = method === "user.alter" && target === name && typeof verifier === "string";
  if (isOwnPassword && Object.keys(others).length === 0) return;
  throw denied(`${method} is for superusers`);
}

/** Of the node's status, what a client needs to find its way. */
const openStatus = ["release", "clusterId", "nodeId", "pgListen", "ready"] as const;

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

/** An answer of an administrative call, as far as the principal may see it. Throws `permissionDenied`. */
export function visibleAnswer({ name, isSuperuser, tenants }: Principal, method: string, answer: unknown): unknown {
  if (method === "node.status" && !isSuperuser) {
    assert(isRecord(answer), "a status is an object");
    return Object.fromEntries(openStatus.map((key) => [key, answer[key]]));
  }
  if (tenants === null) return answer;
  const isVisible = (row: unknown): boolean => isRecord(row) && typeof row["id"] === "number" && tenants.has(row["id"]);
  if (method === "tenant.list") {
    assert(Array.isArray(answer), "tenants are a list");
    return answer.filter(isVisible);
  }
  if (method === "tenant.get" && !isVisible(answer)) throw denied(`the user ${name} may not use this tenant`);
  return answer;
}

/** A failure, as far as the principal may know it: that a tenant is not there is not for those who could not use it. */
export function visibleError({ name, tenants }: Principal, method: string, error: KimberliteError): KimberliteError {
  if (tenants === null || method !== "tenant.get" || error.code !== "tenantUnknown") return error;
  return denied(`the user ${name} may not use this tenant`);
}
