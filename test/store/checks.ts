/** What tests hold a tree to: the same entries as the model both ways, and a well-formed shape. */
import {
  branchCellHead,
  countOf,
  kindOf,
  leafCellHead,
  levelOf,
  liveBytesOf,
  pageCapacity,
  pageKindBranch,
  pageKindLeaf,
} from "../../runtime/store/layout.js";
import { branchChildrenMin } from "../../runtime/store/page-builder.js";
import type { PageSource } from "../../runtime/store/page-source.js";
import { baseOf, chunkOf } from "../../runtime/store/page-space.js";
import { childOf, copyKey } from "../../runtime/store/slotted-page.js";
import { type Cursor, type TreeReader, treeKeyBytesMax } from "../../runtime/store/tree.js";

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex").slice(0, 80);

function keyOf(cursor: Cursor): Uint8Array {
  const target = new Uint8Array(cursor.keyLength);
  cursor.keyInto(target);
  return target;
}

const valueOf = (cursor: Cursor): Uint8Array =>
  cursor.valueBytes.subarray(cursor.valueStart, cursor.valueStart + cursor.valueLength);

/** Compares all entries, forwards by cursor and by get, and backwards. Returns how many there are. */
export function assertSame(actual: TreeReader, expected: TreeReader, tree: number): number {
  const lowest = new Uint8Array(0);
  const highest = new Uint8Array(treeKeyBytesMax).fill(255);
  let count = 0;
  const mine = actual.cursor(tree);
  const theirs = expected.cursor(tree);
  for (const direction of ["forwards", "backwards"] as const) {
    let mineValid = direction === "forwards" ? mine.seek(lowest) : mine.seekFloor(highest);
    let theirsValid = direction === "forwards" ? theirs.seek(lowest) : theirs.seekFloor(highest);
    while (mineValid && theirsValid) {
      const key = keyOf(mine);
      if (Buffer.compare(key, keyOf(theirs)) !== 0)
        throw new Error(`${direction}: key ${text(key)}, expected ${text(keyOf(theirs))}`);
      if (Buffer.compare(valueOf(mine), valueOf(theirs)) !== 0)
        throw new Error(`${direction}: another value under ${text(key)}`);
      if (direction === "forwards") {
        count += 1;
        if (!actual.get(tree, key)) throw new Error(`get misses ${text(key)}`);
        if (actual.valueLength !== mine.valueLength) throw new Error(`get finds another value under ${text(key)}`);
      }
      mineValid = direction === "forwards" ? mine.next() : mine.previous();
      theirsValid = direction === "forwards" ? theirs.next() : theirs.previous();
    }
    if (mineValid !== theirsValid) throw new Error(`${direction}: one has more entries than the other`);
  }
  for (const below of [count, count >> 1]) assertSameByRuns(mine, theirs, below);
  return count;
}

/** The same entries, as many at a time as lie side by side, up to the key of entry number `below`. */
function assertSameByRuns(mine: Cursor, theirs: Cursor, below: number): void {
  if (mine.run === undefined) return;
  const starts = new Int32Array(100);
  let high: Uint8Array | null = null;
  let more = theirs.seek(new Uint8Array(0));
  for (let at = 0; more && at < below; at++) more = theirs.next();
  if (more) high = keyOf(theirs);
  theirs.seek(new Uint8Array(0));
  let seen = 0;
  let round = 0;
  for (let valid = mine.seek(new Uint8Array(0)); valid && seen < below; valid = mine.next()) {
    round += 1;
    const most = 1 + (round % starts.length);
    const found = mine.run(starts, most, high, high?.length ?? 0);
    if (found > most) throw new Error(`a run of ${found} where ${most} were asked for`);
    for (let index = 0; index < Math.max(1, found); index++) {
      const start = found === 0 ? mine.valueStart : (starts[index] ?? -1);
      const value = mine.valueBytes.subarray(start, start + theirs.valueLength);
      if (Buffer.compare(value, valueOf(theirs)) !== 0) throw new Error(`by runs: another value of entry ${seen}`);
      seen += 1;
      if (index < found - 1) theirs.next();
    }
    if (Buffer.compare(keyOf(mine), keyOf(theirs)) !== 0) throw new Error("a run does not end on its last entry");
    theirs.next();
  }
  if (seen !== below) throw new Error(`by runs: ${seen} entries below a bound, expected ${below}`);
}

export interface Shape {
  pages: number;
  entries: number;
}

/** Walks a tree by its pages: levels, order, bounds, counts. */
export function checkShape(source: PageSource & { entries(tree: number): number }, tree: number): Shape {
  const shape: Shape = { pages: 0, entries: 0 };
  const key = new Uint8Array(treeKeyBytesMax);
  const visit = (number: number, level: number, low: Uint8Array | null, high: Uint8Array | null): void => {
    source.prepare();
    const frame = source.frameOf(number);
    const u8 = source.space.u8[chunkOf(frame)] as Uint8Array;
    const i32 = source.space.i32[chunkOf(frame)] as Int32Array;
    const base = baseOf(frame);
    if (levelOf(i32, base) !== level) throw new Error(`page ${number} is at level ${levelOf(i32, base)}, not ${level}`);
    if (kindOf(i32, base) !== (level === 0 ? pageKindLeaf : pageKindBranch))
      throw new Error(`page ${number} is of another kind`);
    const count = countOf(i32, base);
    if (count === 0) throw new Error(`page ${number} is empty`);
    if (level > 0 && count < branchChildrenMin) throw new Error(`page ${number} has one child`);
    if (liveBytesOf(i32, base) > pageCapacity) throw new Error(`page ${number} is over full`);
    shape.pages += 1;
    const keys: (Uint8Array | null)[] = [];
    const children: number[] = [];
    for (let index = 0; index < count; index++) {
      const isKeyless = level > 0 && index === 0;
      const length = copyKey(u8, i32, base, index, level > 0 ? branchCellHead : leafCellHead, key);
      const own = isKeyless ? null : key.slice(0, length);
      const previous = keys.at(-1) ?? null;
      if (own !== null) {
        if (previous !== null && Buffer.compare(previous, own) >= 0)
          throw new Error(`page ${number}: keys do not ascend`);
        if (low !== null && Buffer.compare(low, own) > 0) throw new Error(`page ${number}: a key lies below its bound`);
        if (high !== null && Buffer.compare(high, own) <= 0)
          throw new Error(`page ${number}: a key lies above its bound`);
      }
      keys.push(own);
      if (level > 0) children.push(childOf(i32, base, index));
    }
    if (level === 0) shape.entries += count;
    children.forEach((child, index) => visit(child, level - 1, keys[index] ?? low, keys[index + 1] ?? high));
  };
  const root = source.rootOf(tree);
  if (root !== 0) visit(root, source.heightOf(tree) - 1, null, null);
  if (shape.entries !== source.entries(tree))
    throw new Error(`${shape.entries} entries, the root says ${source.entries(tree)}`);
  return shape;
}
