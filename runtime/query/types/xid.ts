import { assert } from "../../types/assert.js";

/**
 * 32-bit numbers of transactions. What wrote a row (`xmin`) is told by its position, in the lower half of the numbers. A transaction that is asked
 * before it has a position is known by a number that it draws, in the upper half, and that its rows keep. Each half comes round after 2,147,483,648
 * positions, or draws, of one tenant, as PostgreSQL's numbers do; 0, 1 and 2 mean something else there, and are none.
 */
const half = 2 ** 31;
const specialNumbers = 3;

/** The number of what wrote a row at a position. */
export function xidOfPosition(position: number): number {
  assert(position >= 0, "a row is written at a position of its tenant");
  const number = position % half;
  return number < specialNumbers ? number + half - specialNumbers : number;
}

/** The number of a transaction that has drawn one. */
export const xidOfDraw = (draw: number): number => half + (draw % half);

export const isXidOfDraw = (xid: number): boolean => xid >= half && xid < 2 * half;

/** Numbers of transactions are positions, or drawn by a shard, and do not come round again; an xid has 32 bits of them. */
export const xidOf = (number: number): number => Math.max(0, number) % 2 ** 32;
