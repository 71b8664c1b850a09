/**
 * One file of a simulated disk. What it shows (`current`) and what its medium holds (`durable`) are two things until a sync; a direct write
 * is on the medium when it returns.
 *
 * Sectors that were damaged from outside are remembered until they are written whole again: the oracles forgive what a fault took, and
 * nothing else.
 */
import type { Stream } from "./streams.js";

/** What a disk writes whole, or not at all. */
export const tearBytes = 512;
/** What cannot be read, when it cannot. */
const unreadableBytes = 4096;

export class Inode {
  readonly number: number;
  #current: Uint8Array;
  #durable: Uint8Array;
  /** Sectors of 512 bytes that were written and are not synced. */
  readonly #dirty = new Set<number>();
  /** Sectors of 512 bytes whose content on the medium is not what was written. */
  readonly #damaged = new Set<number>();
  /** Units of 4 KiB. */
  readonly #unreadable = new Set<number>();

  /** A file that holds these bytes, all of them on the medium. */
  constructor(number: number, bytes: Uint8Array) {
    this.number = number;
    this.#current = bytes.slice();
    this.#durable = bytes.slice();
  }

  get bytes(): number {
    return this.#current.length;
  }

  /** Not to be changed. */
  get current(): Uint8Array {
    return this.#current;
  }

  /** Not to be changed. */
  get durable(): Uint8Array {
    return this.#durable;
  }

  // ------------------------------------------------------------------ what is written

  /** The file becomes long enough for a write that ends there; what is between shows zeros. */
  grow(length: number): void {
    if (length > this.#current.length) this.#current = resized(this.#current, length);
  }

  #growMedium(): void {
    if (this.#durable.length < this.#current.length) this.#durable = resized(this.#durable, this.#current.length);
  }

  /** Bytes land where they were meant to. */
  land(bytes: Uint8Array, at: number, isBuffered: boolean): void {
    this.#current.set(bytes, at);
    if (isBuffered) {
      for (let sector = Math.floor(at / tearBytes); sector * tearBytes < at + bytes.length; sector++)
        this.#dirty.add(sector);
    } else {
      this.#growMedium();
      this.#durable.set(bytes, at);
    }
    this.#forgiveNoMore(at, bytes.length);
  }

  #forgiveNoMore(at: number, length: number): void {
    if (this.#damaged.size > 0)
      for (let sector = Math.ceil(at / tearBytes); (sector + 1) * tearBytes <= at + length; sector++)
        this.#damaged.delete(sector);
    if (this.#unreadable.size > 0)
      for (let unit = Math.ceil(at / unreadableBytes); (unit + 1) * unreadableBytes <= at + length; unit++)
        this.#unreadable.delete(unit);
  }

  sync(): void {
    if (this.#dirty.size * tearBytes >= this.#current.length) this.#durable = this.#current.slice();
    else {
      if (this.#durable.length !== this.#current.length) this.#durable = resized(this.#durable, this.#current.length);
      for (const sector of this.#dirty) this.#settle(sector);
    }
    this.#dirty.clear();
  }

  /** A sync has failed: what it should have covered is gone from the page cache too. */
  failSync(): void {
    this.#current = this.#durable.slice();
    this.#dirty.clear();
  }

  truncate(bytes: number, isBuffered: boolean): void {
    this.#current = resized(this.#current, bytes);
    if (!isBuffered) this.#durable = resized(this.#durable, bytes);
  }

  #settle(sector: number): void {
    const from = sector * tearBytes;
    const to = Math.min(from + tearBytes, this.#current.length, this.#durable.length);
    if (from < to) this.#durable.set(this.#current.subarray(from, to), from);
  }

  // ------------------------------------------------------------------ what goes wrong

  /** The power went during a write past the page cache: each of its sectors landed or did not. */
  tear(bytes: Uint8Array, at: number, random: Stream): void {
    this.#growMedium();
    const keep = random.pick([0, 0.3, 0.7, 1]);
    for (let done = 0; done < bytes.length; done += tearBytes) {
      if (!random.chance(keep)) continue;
      const part = bytes.subarray(done, Math.min(done + tearBytes, bytes.length));
      this.#durable.set(part, at + done);
      this.#current.set(part, at + done);
      this.#forgiveNoMore(at + done, part.length);
    }
  }

  /** The power went: of what is not synced any part is kept, and nothing else is shown any more. */
  lose(keep: number, random: Stream): void {
    if (this.#current.length !== this.#durable.length) {
      const length = random.chance(0.5) ? this.#durable.length : this.#current.length;
      this.#durable = resized(this.#durable, length);
    }
    for (const sector of this.#dirty) if (random.chance(keep)) this.#settle(sector);
    this.#dirty.clear();
    this.#current = this.#durable.slice();
  }

  /** A write that is reported as done, and went nowhere, elsewhere in the file, or not as it was. */
  landWrongly(kind: "lost" | "misdirected" | "flipped", bytes: Uint8Array, at: number, random: Stream): void {
    this.#growMedium();
    this.#markDamaged(at, bytes.length);
    if (kind === "lost") return;
    const landing = bytes.slice();
    let target = at;
    if (kind === "flipped") {
      random.flipBit(landing);
    } else {
      const places = Math.floor(this.#current.length / tearBytes) - landing.length / tearBytes + 1;
      target = places > 1 ? random.below(places) * tearBytes : at;
      this.#markDamaged(target, landing.length);
    }
    this.#current.set(landing, target);
    this.#durable.set(landing, target);
    for (let sector = Math.floor(target / tearBytes); sector * tearBytes < target + landing.length; sector++)
      this.#dirty.delete(sector);
  }

  #markDamaged(at: number, length: number): void {
    for (let sector = Math.floor(at / tearBytes); sector * tearBytes < at + length; sector++) this.#damaged.add(sector);
  }

  /** Changes the sector that holds the byte `at` while nobody looks. False when there is no such place. */
  damage(at: number, change: (bytes: Uint8Array) => void): boolean {
    const from = at - (at % tearBytes);
    if (from + tearBytes > this.#durable.length) return false;
    const sector = this.#durable.subarray(from, from + tearBytes);
    change(sector);
    this.#current.set(sector, from);
    this.#dirty.delete(from / tearBytes);
    this.#damaged.add(from / tearBytes);
    return true;
  }

  /** The 4 KiB that hold the byte `at` cannot be read from now on. False when there is no such place. */
  makeUnreadable(at: number): boolean {
    const unit = Math.floor(at / unreadableBytes);
    if ((unit + 1) * unreadableBytes > this.#durable.length) return false;
    this.#unreadable.add(unit);
    this.#markDamaged(unit * unreadableBytes, unreadableBytes);
    return true;
  }

  // ------------------------------------------------------------------ what is asked

  isUnreadable(at: number, length: number): boolean {
    if (this.#unreadable.size === 0) return false;
    for (let unit = Math.floor(at / unreadableBytes); unit * unreadableBytes < at + length; unit++)
      if (this.#unreadable.has(unit)) return true;
    return false;
  }

  get hasDamage(): boolean {
    return this.#damaged.size > 0;
  }

  isDamaged(from: number, to: number): boolean {
    if (this.#damaged.size === 0) return false;
    for (let sector = Math.floor(from / tearBytes); sector * tearBytes < to; sector++)
      if (this.#damaged.has(sector)) return true;
    return false;
  }
}

function resized(bytes: Uint8Array, length: number): Uint8Array {
  const copy = new Uint8Array(length);
  copy.set(bytes.subarray(0, length));
  return copy;
}
