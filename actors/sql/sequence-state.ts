/** How far a sequence is, as the tree `sequences` has it: last value i64 · is called u8. A counter of rows: the next number, and 1. */
import { TableKey, tableTree } from "../../runtime/store/table-trees.js";
import type { TreeReader } from "../../runtime/store/tree.js";

export interface SequenceState {
  value: bigint;
  /** Whether the value was given out; else it is the next one. */
  isCalled: boolean;
}

export function encodeSequence({ value, isCalled }: SequenceState): Uint8Array {
  const bytes = new Uint8Array(9);
  new DataView(bytes.buffer).setBigInt64(0, value, true);
  bytes[8] = isCalled ? 1 : 0;
  return bytes;
}

export function decodeSequence(view: DataView, at: number): SequenceState {
  return { value: view.getBigInt64(at, true), isCalled: view.getUint8(at + 8) === 1 };
}

/** The state of a sequence or counter, null when nothing was ever drawn from it by a transaction that committed. */
export function readSequence(reader: TreeReader, tenant: number, object: number): SequenceState | null {
  if (!reader.get(tableTree.sequences, new TableKey().object(tenant, object))) return null;
  return decodeSequence(reader.valueView, reader.valueStart);
}
