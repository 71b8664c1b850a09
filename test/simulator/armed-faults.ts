/** Faults that wait for a write: the next one of their zone that they may strike goes wrong, once. */
import { type Zone, zoneOf } from "./disk-zones.js";

export type WriteFault = "lost" | "misdirected" | "flipped" | "error" | "syncError";

export interface ArmedFault {
  readonly kind: WriteFault;
  readonly zone: Zone;
  /** Whether this place of the file may be damaged: asked at each write that it could strike. */
  readonly mayStrike: (at: number, length: number) => boolean;
  readonly struck: () => void;
}

export class ArmedFaults {
  readonly #armed: ArmedFault[] = [];

  arm(fault: ArmedFault): void {
    this.#armed.push(fault);
  }

  disarm(): void {
    this.#armed.length = 0;
  }

  /** The fault that strikes these bytes of a file, if one of these kinds waits for them: it waits no more. */
  strike<Kind extends WriteFault>(path: string, at: number, length: number, kinds: readonly Kind[]): Kind | null {
    if (this.#armed.length === 0) return null;
    const zone = zoneOf(path);
    for (const [index, fault] of this.#armed.entries()) {
      const kind = kinds.find((one) => one === fault.kind);
      if (fault.zone !== zone || kind === undefined || !fault.mayStrike(at, length)) continue;
      this.#armed.splice(index, 1);
      fault.struck();
      return kind;
    }
    return null;
  }
}
