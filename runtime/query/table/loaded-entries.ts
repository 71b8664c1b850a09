/**
 * Many new or changed rows of a transaction that nobody has looked at yet: whoever holds them keeps them in the form in which they are committed, and
 * gives them out one by one only when somebody reads the trees through the transaction, or changes them again.
 */
export interface LoadedEntries {
  /** Bytes that they take. */
  readonly bytes: number;
  /** Rows, and rows with their entries in indexes. */
  readonly rows: number;
  readonly entries: number;
  /** Objects of the store whose rows or entries may be among them. */
  readonly objects: readonly number[];
  /** As they are committed, cut where a record may end. */
  readonly parts: readonly Uint8Array[];
  /** All of them, in the order in which they came; null for one that is removed. The bytes are the receiver's to keep. */
  pour(into: (tree: number, key: Uint8Array, value: Uint8Array | null) => void): void;
}
