/**
 * Position tokens: "I have seen this much of that tenant". A read that carries one sees at least as much, on any node. Each tenant's
 * handle keeps the highest it has met, which gives read-your-writes and monotonic reads without anyone passing tokens about; as
 * text a token can cross processes.
 *
 *   kt1.<tenant id>.<number of positions seen>
 */
import { assert } from "../../runtime/types/assert.js";
import { KimberliteError } from "../../runtime/types/errors.js";

const pattern = /^kt1\.(\d{1,16})\.(\d{1,16})$/;

export const formatToken = (tenant: number, seen: number): string => `kt1.${tenant}.${seen}`;

/** Positions seen, as a token says. Throws `invalidArgument` for what is no token, and for another tenant's. */
export function parseToken(token: string, tenant: number): number {
  const match = pattern.exec(token);
  const of = Number(match?.[1]);
  const seen = Number(match?.[2]);
  if (!Number.isSafeInteger(of) || !Number.isSafeInteger(seen)) {
    throw new KimberliteError("invalidArgument", "this is no position token");
  }
  if (of !== tenant) {
    throw new KimberliteError("invalidArgument", "the position token belongs to another tenant", {
      detail: { tenant, tokenTenant: of },
    });
  }
  return seen;
}

/** What one tenant's handle has seen. */
export class SessionMemory {
  #seen = 0;

  get seen(): number {
    return this.#seen;
  }

  /** Takes note; never goes back. */
  note(seen: number): void {
    assert(Number.isSafeInteger(seen) && seen >= 0, "what was seen is counted from zero");
    const before = this.#seen;
    if (seen > before) this.#seen = seen;
    assert(this.#seen >= before, "what a session has seen never shrinks");
  }
}
