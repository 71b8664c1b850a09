/**
 * What clients saw of transactions over lists: each appends values that no one else appends, and reads whole lists. A list shows all that
 * was ever appended to it in its order, so what happened can be read off afterwards (Kingsbury and Alvaro, "Elle", VLDB 2020).
 */

export type ListOperation =
  | { readonly kind: "append"; readonly key: number; readonly value: number }
  /** What was read; null when the answer never came. */
  | { readonly kind: "read"; readonly key: number; readonly values: readonly number[] | null };

export interface Transaction {
  readonly id: number;
  /** Client: its transactions follow one another. */
  readonly session: number;
  /** `unknown`: it was sent, and whether it was committed nobody said. */
  readonly outcome: "committed" | "aborted" | "unknown";
  /** When it was begun and when its end was known, on one clock; an unknown outcome has no end (Infinity). */
  readonly begin: number;
  readonly end: number;
  readonly operations: readonly ListOperation[];
}
