/** A tree of which single keys are asked, and what they have: found by whoever knows where to look. */
import type { Cursor, TreeReader, ValueView } from "../../../runtime/store/tree.js";
import { AssertionFailed } from "../../../runtime/types/assert.js";

const nothing = new Uint8Array(0);

/** Looks for a key and shows its value to the reader; false when it is not there. */
export type FindKey = (found: SingleKeys, tree: number, key: Uint8Array) => boolean;

export class SingleKeys implements TreeReader {
  readonly #find: FindKey;
  valueBytes: Uint8Array = nothing;
  valueView: DataView = new DataView(nothing.buffer);
  valueStart = 0;
  valueLength = 0;

  constructor(find: FindKey) {
    this.#find = find;
  }

  get(tree: number, key: Uint8Array): boolean {
    return this.#find(this, tree, key);
  }

  show({ valueBytes, valueView, valueStart, valueLength }: ValueView): void {
    this.valueBytes = valueBytes;
    this.valueView = valueView;
    this.valueStart = valueStart;
    this.valueLength = valueLength;
  }

  cursor(): Cursor {
    throw new AssertionFailed("a load asks for single keys");
  }
}
