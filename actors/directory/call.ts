/** A call of the administration on its way between the directories of two nodes, and its result: JSON, since both are plain data. */
import type { ErrorRecord } from "../../runtime/types/errors.js";

export interface AdminCall {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly principal: string;
}

export type AdminResult =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: ErrorRecord };

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const decode = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes));

export const encodeCall = (call: AdminCall): Uint8Array => encode(call);
export const decodeCall = (bytes: Uint8Array): AdminCall => decode(bytes) as AdminCall;
export const encodeResult = (result: AdminResult): Uint8Array => encode(result);
export const decodeResult = (bytes: Uint8Array): AdminResult => decode(bytes) as AdminResult;
