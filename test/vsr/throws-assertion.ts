import type { ExecutionContext } from "ava";
import { AssertionFailed } from "../../runtime/types/assert.js";

/** The work must stop at the assertion with these words. */
export function throwsAssertion(t: ExecutionContext, work: () => unknown, words: string): void {
  const error = t.throws(work, { instanceOf: AssertionFailed });
  t.true(error?.message.includes(words), `${error?.message} is not: ${words}`);
}
