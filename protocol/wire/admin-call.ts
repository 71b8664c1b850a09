/**
 * Administrative calls (kind 3): rare, wide and still growing, so they are JSON in a frame rather than byte tables.
 *
 *   request  {"method": "tenant.create", "params": {…}}     answer (129)  {"result": …}
 *
 * Errors come as frame 130 like all others. A 64-bit number in JSON is a plain number; none of the protocol is above 2^53 - 1.
 */
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";

export const adminMethods = [
  "tenant.create",
  "tenant.list",
  "tenant.get",
  "tenant.drop",
  "tenant.move",
  "tenant.setQuota",
  "user.create",
  "user.list",
  "user.alter",
  "user.drop",
  "user.members",
  "node.status",
  "node.top",
  "node.config",
  "cluster.status",
  "cluster.handover",
  "cluster.barrier",
  "cluster.reload",
  "cluster.reconfigure",
] as const;
export type AdminMethod = (typeof adminMethods)[number];

/** Methods that only look: they may be repeated when the answer was lost. */
export const adminReads: ReadonlySet<AdminMethod> = new Set([
  "tenant.list",
  "tenant.get",
  "user.list",
  "node.status",
  "node.top",
  "node.config",
  "cluster.status",
]);

/** Bytes of an administrative request. Its answer is bounded by the frame. */
export const adminRequestBytesMax: number = 64 * 1024;

export interface AdminCall {
  readonly method: AdminMethod;
  readonly params: Readonly<Record<string, unknown>>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const isMethod = (raw: unknown): raw is AdminMethod => adminMethods.some((method) => method === raw);
const isObject = (raw: unknown): raw is Record<string, unknown> =>
  typeof raw === "object" && raw !== null && !Array.isArray(raw);

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    throw new KimberliteError("frameInvalid", "an administrative call is not JSON in UTF-8", { cause });
  }
}

export function encodeAdminCall(method: AdminMethod, params: Readonly<Record<string, unknown>>): Uint8Array {
  assert(isMethod(method), "an administrative method is one that the protocol lists");
  const bytes = encoder.encode(JSON.stringify({ method, params }));
  if (bytes.length > adminRequestBytesMax) {
    throw new KimberliteError("invalidArgument", `an administrative call is at most ${adminRequestBytesMax} bytes`, {
      detail: { bytes: bytes.length },
    });
  }
  return bytes;
}

/** Throws `frameInvalid` for what is no call, `notSupported` for a method that is not listed. */
export function decodeAdminCall(bytes: Uint8Array): AdminCall {
  if (bytes.length > adminRequestBytesMax) {
    throw new KimberliteError("frameInvalid", `an administrative call is at most ${adminRequestBytesMax} bytes`);
  }
  const raw = parseJson(bytes);
  if (!isObject(raw)) throw new KimberliteError("frameInvalid", "an administrative call is a JSON object");
  const method = raw["method"];
  const params = raw["params"] ?? {};
  if (typeof method !== "string" || !isObject(params)) {
    throw new KimberliteError("frameInvalid", "an administrative call has a method and an object of params");
  }
  if (!isMethod(method)) {
    throw new KimberliteError("notSupported", "no such administrative method", {
      detail: { method: method.slice(0, 64) },
    });
  }
  return { method, params };
}

/** `undefined` is sent as null. */
export const encodeAdminResult = (result: unknown): Uint8Array =>
  encoder.encode(JSON.stringify({ result: result ?? null }));

/** Throws `frameInvalid`. The value is the server's word: its shape is for the caller to check. */
export function decodeAdminResult(bytes: Uint8Array): unknown {
  const raw = parseJson(bytes);
  if (!isObject(raw) || !("result" in raw)) {
    throw new KimberliteError("frameInvalid", "an administrative answer is an object with a result");
  }
  return raw["result"];
}
