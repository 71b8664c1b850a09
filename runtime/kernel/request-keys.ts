/**
 * Which request keys (idempotency keys) are known, and under which position the outcome of each is found.
 *
 * Tree `requestKeys`, key tenant · request key:
 *    0     8  position
 *    8     4  keys in the row, at least 1: key + i has the position + i, i counting in the key's last four bytes
 *
 * A row is one row of `commits` with keys. It holds the keys of the tenant's newest `idempotencyKeysPerTenantMax` positions: a key
 * whose position is older is not known any more, from that very position on. Its row goes when its last key is forgotten; a key that
 * is used anew before that cuts the forgotten part of the row off. Rows never overlap.
 *
 * Keys of one client count up, so one look at the tree mostly says of the next ones too that they are not there: that stretch is
 * remembered for some hundreds of clients, and shrinks as keys are taken.
 */
import type { Cursor, TreeWriter } from "../store/tree.js";
import { assert } from "../types/assert.js";
import { tree } from "./kinds.js";
import { getU64, setU64 } from "./numbers.js";
import { StateKeys } from "./state-keys.js";

export const requestKeyRowBytes = 12;
const countAt = 8;
const lastWord = 12;
const wordSpan = 2 ** 32;
/** A power of two. */
const stretches = 512;

/** The place of a key's series among the free stretches. */
function placeOf(tenant: number, view: DataView, at: number): number {
  const mixed = Math.imul(view.getInt32(at) ^ Math.imul(tenant | 0, 0x9e3779b1), 0x85ebca6b) ^ view.getInt32(at + 4);
  const hash = Math.imul(mixed, 0xc2b2ae35) ^ view.getInt32(at + 8);
  return (hash ^ (hash >>> 16)) & (stretches - 1);
}

/** True when two keys (16 bytes each) agree in all but the last four bytes. */
export const areOfOneSeries = (left: DataView, leftAt: number, right: DataView, rightAt: number): boolean =>
  left.getUint32(leftAt) === right.getUint32(rightAt) &&
  left.getUint32(leftAt + 4) === right.getUint32(rightAt + 4) &&
  left.getUint32(leftAt + 8) === right.getUint32(rightAt + 8);

export class RequestKeys {
  readonly #keys = new StateKeys();
  /** Tenant and key of the row that was looked at. */
  readonly #rowKey = new Uint8Array(24);
  readonly #rowKeyView = new DataView(this.#rowKey.buffer);
  readonly #row = new Uint8Array(requestKeyRowBytes);
  readonly #rowView = new DataView(this.#row.buffer);
  #rowPosition = 0;
  #rowCount = 0;
  /** Place in the row of the key that was looked for. */
  #index = 0;
  // Free stretches: a series of keys of a tenant has one place, which it shares with others, the newest having it. In place i:
  // keys of that tenant and series from `from` up to, not including, `to` are in no row.
  readonly #freeTenant = new Float64Array(stretches).fill(-1);
  readonly #freeSeries = new DataView(new ArrayBuffer(stretches * 16));
  readonly #freeFrom = new Float64Array(stretches);
  readonly #freeTo = new Float64Array(stretches);

  /** Somebody else has changed the tree. */
  drop(): void {
    this.#freeTenant.fill(-1);
  }

  /**
   * The position of a key's command, or -1.
   *
   * @param cursor of the tree `requestKeys`
   * @param oldest positions below it are forgotten
   */
  find(cursor: Cursor, tenant: number, view: DataView, at: number, oldest: number): number {
    if (!this.#look(cursor, tenant, view, at)) return -1;
    const position = this.#rowPosition + this.#index;
    return position >= oldest ? position : -1;
  }

  /** Takes a key for a command that is about to be written: a row with it is put later. */
  claim(state: TreeWriter, cursor: Cursor, tenant: number, view: DataView, at: number, oldest: number): void {
    if (this.isFree(tenant, view, at) || !this.#look(cursor, tenant, view, at)) {
      this.#freeFrom[placeOf(tenant, view, at)] = view.getUint32(at + lastWord) + 1;
      return;
    }
    const forgotten = Math.min(this.#rowCount, oldest - this.#rowPosition);
    assert(this.#index < forgotten, "order: a request key is stored once");
    const [position, count] = [this.#rowPosition, this.#rowCount];
    const removed = state.delete(tree.requestKeys, this.#rowKey);
    assert(removed, "a row of request keys that was found is removed");
    if (forgotten === count) return;
    this.#rowKeyView.setUint32(8 + lastWord, this.#rowKeyView.getUint32(8 + lastWord) + forgotten);
    this.#store(state, this.#rowKey, position + forgotten, count - forgotten);
  }

  /** Puts the row of keys that were claimed, or puts it again when more were. */
  put(state: TreeWriter, tenant: number, view: DataView, at: number, position: number, count: number): void {
    assert(count >= 1, "a row of request keys holds a key");
    this.#store(state, this.#keys.requestKey(tenant, view, at), position, count);
  }

  #store(state: TreeWriter, key: Uint8Array, position: number, count: number): void {
    setU64(this.#rowView, 0, position);
    this.#rowView.setUint32(countAt, count, true);
    state.put(tree.requestKeys, key, this.#row);
  }

  /** The last key of a row leaves the window: all of them have. */
  forget(state: TreeWriter, cursor: Cursor, tenant: number, view: DataView, at: number, position: number): void {
    const known = this.#look(cursor, tenant, view, at);
    assert(
      known && this.#rowPosition + this.#index === position && this.#index === this.#rowCount - 1,
      "order: a request key is kept until its position leaves the window",
    );
    const removed = state.delete(tree.requestKeys, this.#rowKey);
    assert(removed, "a row of request keys that was found is removed");
  }

  /** True for a key of which it is known that no row holds it. */
  isFree(tenant: number, view: DataView, at: number): boolean {
    const place = placeOf(tenant, view, at);
    if (tenant !== this.#freeTenant[place] || !areOfOneSeries(view, at, this.#freeSeries, place * 16)) return false;
    const last = view.getUint32(at + lastWord);
    return last >= (this.#freeFrom[place] as number) && last < (this.#freeTo[place] as number);
  }

  /** True when a row holds the key. If not, it is noted how far the keys behind it are in no row either. */
  #look(cursor: Cursor, tenant: number, view: DataView, at: number): boolean {
    const key = this.#keys.requestKey(tenant, view, at);
    const last = view.getUint32(at + lastWord);
    const hasFloor = cursor.seekFloor(key);
    if (hasFloor && this.#isOfSeries(cursor, key, view, at)) {
      this.#index = last - this.#rowKeyView.getUint32(8 + lastWord);
      this.#rowPosition = getU64(cursor.valueView, cursor.valueStart);
      this.#rowCount = cursor.valueView.getUint32(cursor.valueStart + countAt, true);
      assert(this.#index >= 0 && this.#rowCount >= 1, "a row of request keys is found by its first key");
      if (this.#index < this.#rowCount) return true;
    }
    const hasNext = hasFloor ? cursor.next() : cursor.seek(key);
    const place = placeOf(tenant, view, at);
    const to = hasNext && this.#isOfSeries(cursor, key, view, at) ? this.#rowKeyView.getUint32(8 + lastWord) : wordSpan;
    assert(to > last, "the next row of request keys begins behind the key");
    this.#freeTenant[place] = tenant;
    for (let word = 0; word < 12; word += 4) this.#freeSeries.setUint32(place * 16 + word, view.getUint32(at + word));
    this.#freeFrom[place] = last;
    this.#freeTo[place] = to;
    return false;
  }

  /** Whether the cursor stands on a row of the same tenant and series; copies the row's key. */
  #isOfSeries(cursor: Cursor, key: Uint8Array, view: DataView, at: number): boolean {
    cursor.keyInto(this.#rowKey);
    for (let byte = 0; byte < 8; byte++) if (this.#rowKey[byte] !== key[byte]) return false;
    return areOfOneSeries(this.#rowKeyView, 8, view, at);
  }
}
