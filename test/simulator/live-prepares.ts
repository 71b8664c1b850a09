/** The prepares that lie in a replica's log now, as they were written: by the sectors that they cover, since a write replaces what it meets. */
import { sectorBytes } from "../../runtime/types/limits.js";
import type { RawHeader } from "./log-image.js";

export interface Written {
  readonly header: RawHeader;
  readonly identity: string;
  /** The prepare was reported as durable, and after it its header in the ring: from then on it may be acknowledged. */
  isDurable: boolean;
  isDone: boolean;
}

export class LivePrepares {
  readonly #bySector = new Map<number, Written>();
  /** Not reported as durable yet; durable, and its header not yet. Few at any time. */
  #underWay: Written[] = [];
  #unnamed: Written[] = [];

  /** Something is about to be written at `[address, end)`: what lay there is gone. */
  overwrite(address: number, end: number): void {
    for (let sector = Math.floor(address / sectorBytes); sector * sectorBytes < end; sector++) {
      const written = this.#bySector.get(sector);
      if (written !== undefined) this.#remove(written);
    }
  }

  add(written: Written): void {
    for (const sector of sectorsOf(written)) this.#bySector.set(sector, written);
    this.#underWay.push(written);
  }

  #remove(written: Written): void {
    for (const sector of sectorsOf(written)) if (this.#bySector.get(sector) === written) this.#bySector.delete(sector);
    this.#underWay = this.#underWay.filter((other) => other !== written);
    this.#unnamed = this.#unnamed.filter((other) => other !== written);
  }

  /** What was written at `[from, to)` is reported as durable. */
  prepared(from: number, to: number): void {
    const isHere = ({ header }: Written): boolean => header.address >= from && header.address < to;
    for (const written of this.#underWay) {
      if (!isHere(written)) continue;
      written.isDurable = true;
      this.#unnamed.push(written);
    }
    this.#underWay = this.#underWay.filter((written) => !written.isDurable);
  }

  /** The header ring is reported as durable. */
  named(): void {
    for (const written of this.#unnamed) written.isDone = true;
    this.#unnamed = [];
  }

  /** All of them, each once. */
  all(): Set<Written> {
    return new Set(this.#bySector.values());
  }

  /** Only these are left. */
  keep(kept: ReadonlySet<Written>): void {
    for (const written of this.all()) if (!kept.has(written)) this.#remove(written);
  }

  /** What lies in another log lies in this one instead. */
  takes(other: LivePrepares): void {
    this.clear();
    for (const theirs of other.all()) {
      const written = { ...theirs };
      for (const sector of sectorsOf(written)) this.#bySector.set(sector, written);
      if (!written.isDurable) this.#underWay.push(written);
      else if (!written.isDone) this.#unnamed.push(written);
    }
  }

  clear(): void {
    this.#bySector.clear();
    this.#underWay = [];
    this.#unnamed = [];
  }
}

function* sectorsOf({ header }: Written): Generator<number> {
  for (let at = header.address; at < header.end; at += sectorBytes) yield at / sectorBytes;
}
