/** A wait that ends. */

import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import type { Clock } from "./clock.js";

/** What `work` comes to; rejects with `deadlineExceeded` when that takes longer. The work itself goes on. */
export async function within<Value>(
  clock: Clock,
  work: Promise<Value>,
  deadlineMs: number,
  what: string,
): Promise<Value> {
  assert(deadlineMs > 0, "a wait has a deadline");
  let timer = { cancel: (): void => {} };
  const late = new Promise<never>((_resolve, reject) => {
    timer = clock.after(deadlineMs, () => {
      const detail = { what, deadlineMs };
      reject(new KimberliteError("deadlineExceeded", `${what} took longer than ${deadlineMs} ms`, { detail }));
    });
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.cancel();
    work.catch(() => {});
  }
}
