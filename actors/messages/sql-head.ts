/**
 * What a packed request says at its head: whose session it is of, and whether its answer is short whatever it does. Read without the rest of it,
 * where requests are only put in order.
 */
import { requestKind } from "../../runtime/kernel/kinds.js";
import { kiB } from "../../runtime/types/limits.js";
import type { SqlRequest } from "./sql.js";
import { sqlKindNumber } from "./sql-codec.js";

/** Where a packed request's body lies. */
export interface PackedBody {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly kind: number;
  readonly bodyFrom: number;
  readonly bodyTo: number;
}

const sqlKindAt = 8;
const sessionAt = 9;
/** Behind the transaction and the length of the shape. */
const shapeAt = 59;
const tenantBytes = 8;

/** What is not of any session: everything but SQL. */
export const noSession = 0;

const isSql = ({ kind, bodyFrom, bodyTo }: PackedBody): boolean =>
  kind === requestKind.sql && bodyTo - bodyFrom >= sessionAt + 8;

/** The session, which is unique among those of all gateways; or `noSession`. */
export function sessionOf(request: PackedBody): number {
  if (!isSql(request)) return noSession;
  const at = request.bodyFrom + sessionAt;
  return request.view.getUint32(at, true) + request.view.getUint32(at + 4, true) * 2 ** 32;
}

const numbersOf = (...kinds: readonly SqlRequest["kind"][]): ReadonlySet<number> => new Set(kinds.map(sqlKindNumber));

const short = numbersOf(
  "load",
  "close",
  "end",
  "commit",
  "rollback",
  "savepoint",
  "releaseSavepoint",
  "rollbackToSavepoint",
  "locks",
);
const execute = sqlKindNumber("execute");
/** A statement that only writes is answered with its tag; `RETURNING` anywhere in its text may be one. */
const writes = /^\s*(?:insert|update|delete)\b(?!.*\breturning\b)/isu;
const textBytesMax: number = 64 * kiB;
const decoder = new TextDecoder();

/** It writes and says no more than that it has, or ends something, which others may wait for. */
export function isAnsweredShortly(request: PackedBody): boolean {
  if (!isSql(request)) return false;
  const kind = request.view.getUint8(request.bodyFrom + sqlKindAt);
  return short.has(kind) || (kind === execute && writes.test(textOf(request)));
}

/** The statement; empty for one that is long or not whole, which is refused later. */
function textOf({ bytes, view, bodyFrom, bodyTo }: PackedBody): string {
  let at = bodyFrom + shapeAt + tenantBytes;
  // User and database come before it.
  for (let before = 0; before < 2 && at + 4 <= bodyTo; before++) at += 4 + view.getUint32(at, true);
  if (at + 4 > bodyTo) return "";
  const length = view.getUint32(at, true);
  const from = at + 4;
  return length > textBytesMax || from + length > bodyTo ? "" : decoder.decode(bytes.subarray(from, from + length));
}
