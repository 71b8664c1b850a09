/**
 * Coverage marks: named places in the code that are worth knowing to have been reached. A run of many seeds has to hit each of them,
 * else the tests do not test what they seem to. In production a mark is an increment.
 */
import { assert } from "./assert.js";

export interface Marks<Name extends string> {
  readonly names: readonly Name[];
  /** Counts that this place was reached. */
  readonly mark: (name: Name) => void;
  /** How often each place was reached in this thread. */
  readonly counts: () => Record<string, number>;
}

export function makeMarks<const Name extends string>(names: readonly Name[]): Marks<Name> {
  const indexOf: ReadonlyMap<string, number> = new Map(names.map((name, index) => [name, index]));
  const counts = new Float64Array(names.length);
  assert(indexOf.size === names.length, "each mark has a name of its own");
  return {
    names,
    mark: (name) => {
      const index = indexOf.get(name) ?? 0;
      counts[index] = (counts[index] ?? 0) + 1;
    },
    counts: () => Object.fromEntries(names.map((name, index) => [name, counts[index] ?? 0])),
  };
}
