/**
 * Numbers at the SDK's surface: positions and offsets are bigints, as they are u64 everywhere outside this process. A safe-integer
 * number is taken as well, since that is what people type.
 */
import { KimberliteError } from "../../runtime/types/errors.js";

/** Throws `invalidArgument`. */
export function wireNumber(raw: bigint | number, what: string, min = 0): number {
  const value = typeof raw === "bigint" ? Number(raw) : raw;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < min) {
    throw new KimberliteError("invalidArgument", `${what} must be an integer from ${min} to 2^53 - 1`, {
      detail: { argument: what, given: String(raw).slice(0, 40) },
    });
  }
  return value;
}

/** A count within a limit. Throws `invalidArgument`. */
export function countWithin(raw: number, what: string, max: number): number {
  if (!Number.isInteger(raw) || raw < 1 || raw > max) {
    throw new KimberliteError("invalidArgument", `${what} must be an integer from 1 to ${max}`, {
      detail: { argument: what, given: String(raw).slice(0, 40), max },
    });
  }
  return raw;
}

/** Positions travel as "how many are visible", so that 0 says "none yet". */
export const positionOfVisible = (visible: number): bigint | null => (visible === 0 ? null : BigInt(visible - 1));
