/**
 * One line that is redrawn in place: how far, how fast, how long still. Drawn at most ten times a second and only for a terminal.
 * (The prompt library's bar takes over standard input, which here may carry the data.)
 */
import type { Surroundings } from "./surroundings.js";
import { formatBytes, formatCount, formatDuration } from "./units.js";

const redrawMs = 100;
const barWidth = 24;

export interface ProgressUnit {
  readonly name: string;
  readonly format: (value: number) => string;
}

export const inBytes: ProgressUnit = { name: "", format: formatBytes };
export const inEvents: ProgressUnit = { name: " events", format: formatCount };

/** The line for a state: pure, so that a test can read it. `total` is null when the end is not known. */
export function progressLine(
  label: string,
  done: number,
  total: number | null,
  elapsedMs: number,
  unit: ProgressUnit,
  rest = "",
): string {
  const rate = elapsedMs > 0 ? (done / elapsedMs) * 1000 : 0;
  const speed = `${unit.format(rate)}${unit.name}/s`;
  const tail = rest === "" ? "" : `  ${rest}`;
  if (total === null || total <= 0) return `${label}  ${unit.format(done)}${unit.name}  ${speed}${tail}`;
  const share = Math.min(1, done / total);
  const filled = Math.round(share * barWidth);
  const left = rate > 0 ? `  ${formatDuration(((total - Math.min(done, total)) / rate) * 1000)} left` : "";
  return `${label}  ${"█".repeat(filled)}${"░".repeat(barWidth - filled)} ${Math.floor(share * 100)} %  ${speed}${left}${tail}`;
}

export class Progress {
  readonly #surroundings: Surroundings;
  readonly #shown: boolean;
  readonly #label: string;
  #total: number | null;
  readonly #unit: ProgressUnit;
  readonly #start: number;
  #drawn = Number.NEGATIVE_INFINITY;

  constructor(surroundings: Surroundings, shown: boolean, label: string, total: number | null, unit: ProgressUnit) {
    this.#surroundings = surroundings;
    this.#shown = shown;
    this.#label = label;
    this.#total = total;
    this.#unit = unit;
    this.#start = surroundings.now();
  }

  get elapsedMs(): number {
    return this.#surroundings.now() - this.#start;
  }

  /** The end has become known, or has moved. */
  aim(total: number): void {
    this.#total = total;
  }

  update(done: number, rest = ""): void {
    const now = this.#surroundings.now();
    if (!this.#shown || now - this.#drawn < redrawMs) return;
    this.#drawn = now;
    const columns = this.#surroundings.stderr.columns || 80;
    const line = progressLine(this.#label, done, this.#total, this.elapsedMs, this.#unit, rest);
    this.#surroundings.stderr.write(`\r${line.slice(0, columns - 1)}\u001b[K`);
  }

  /** Takes the line away. */
  end(): void {
    if (this.#shown && this.#drawn > Number.NEGATIVE_INFINITY) this.#surroundings.stderr.write("\r\u001b[K");
  }
}
