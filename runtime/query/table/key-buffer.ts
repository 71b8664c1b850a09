/** Keys of the trees while a walk compares them: copies, so that a cursor may move on. */
import { shortKeyBytes, toBytes } from "../../store/table-trees.js";
import { type Cursor, treeKeyBytesMax } from "../../store/tree.js";

const u32Span = 2 ** 32;

/** A key in memory of its own, which is made for a short one and replaced when there is a longer one. */
export class KeyBuffer {
  bytes: Uint8Array = new Uint8Array(shortKeyBytes);
  view = new DataView(this.bytes.buffer);
  length = 0;

  take(cursor: Cursor): void {
    const { keyLength } = cursor;
    if (keyLength > this.bytes.length) this.#grow();
    this.length = cursor.keyInto(this.bytes);
  }

  /** What was in it is not kept. */
  #grow(): void {
    this.bytes = new Uint8Array(treeKeyBytesMax);
    this.view = new DataView(this.bytes.buffer);
  }

  /** There is room for a position behind it. */
  set(source: Uint8Array, length: number): void {
    if (length + toBytes > this.bytes.length) this.#grow();
    for (let at = 0; at < length; at++) this.bytes[at] = source[at];
    this.length = length;
  }
}

export function compareBytes(a: Uint8Array, aLength: number, b: Uint8Array, bLength: number): number {
  const length = aLength < bLength ? aLength : bLength;
  for (let at = 0; at < length; at++) {
    const difference = a[at] - b[at];
    if (difference !== 0) return difference;
  }
  return aLength - bLength;
}

/** The position at the end of a key of the past. */
export function positionOf(key: KeyBuffer): number {
  const at = key.length - toBytes;
  return key.view.getUint32(at) * u32Span + key.view.getUint32(at + 4);
}

/** Puts another position at the end of a key of the past. */
export function setPosition(key: KeyBuffer, to: number): void {
  const at = key.length - toBytes;
  key.view.setUint32(at, Math.floor(to / u32Span));
  key.view.setUint32(at + 4, to >>> 0);
}

/** Behind every key: no tenant has such a number. */
export const lastKey = new Uint8Array(8).fill(0xff);
