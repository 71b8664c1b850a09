/**
 * How much of a transaction's facts one record takes, from how much a prepare of the log takes; and how long the keys in them may be, which not all
 * programs of a cluster may know to apply.
 */
import { SqlError } from "../../../runtime/query/error.js";
import type { WriteTarget } from "../../../runtime/query/write/ports.js";
import { itemAt, itemBytesMax } from "../../../runtime/store/table-trees.js";
import { assert } from "../../../runtime/types/assert.js";
import { appendBytesMax, kiB, miB } from "../../../runtime/types/limits.js";

export interface FactsLimits {
  /** Facts of one record, with their head; more are staged in parts before it. */
  readonly recordBytes: number;
  /** Facts of one part: with its head it fits a record. */
  readonly partBytes: number;
  /** Of a key of a row or an index. */
  readonly itemBytes: number;
}

/** Heads of block, record and request, the principal, and what an item adds to the last part. */
const besideFacts = 2 * kiB;
const partBytesMost = miB - 64;

/**
 * @param bodyBytesMax of the log's prepares
 * @param itemBytes that all replicas take
 */
export function factsLimits(bodyBytesMax: number, itemBytes: number = itemBytesMax): FactsLimits {
  assert(itemBytes <= itemBytesMax, "no replica takes a longer key than trees do");
  assert(bodyBytesMax > 2 * besideFacts, "a prepare takes some facts");
  const fitting = bodyBytesMax - besideFacts;
  return {
    recordBytes: Math.min(appendBytesMax - 64 * kiB, fitting),
    partBytes: Math.min(partBytesMost, fitting),
    itemBytes,
  };
}

/** Throws 54000 for a key in the trees that a replica of an older release could not apply. */
export function expectTaken(treeKey: Uint8Array, itemBytes: number): void {
  if (treeKey.length - itemAt <= itemBytes) return;
  throw new SqlError("54000", `index row size ${treeKey.length - itemAt} exceeds maximum ${itemBytes}`, {
    hint: `Keys may have ${itemBytesMax} bytes once every node is known to run a release that takes them.`,
  });
}

/** What takes entries, but none that a replica could not apply. */
export function takenBy(target: WriteTarget, itemBytes: number): WriteTarget {
  if (itemBytes === itemBytesMax) return target;
  return {
    put: (tree, key, content) => {
      expectTaken(key, itemBytes);
      target.put(tree, key, content);
    },
    remove: (tree, key) => target.remove(tree, key),
  };
}
