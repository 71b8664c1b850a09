/**
 * A digest of everything that decides what an object will do: all its fields, private ones included, through the whole graph, in order. It
 * sees private fields because the explorer runs on a copy of the compiled core in which they have ordinary names (`explore.ts`).
 */

const skipped = new Set(["effects"]);

/** FNV-1a in two lanes over a string. */
function hashOf(text: string): string {
  let low = 0x811c9dc5;
  let high = 0x01234567;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code ^ (low >>> 7), 0x85ebca6b);
  }
  return `${(high >>> 0).toString(36)}${(low >>> 0).toString(36)}`;
}

function bytesText(bytes: Uint8Array): string {
  let low = bytes.length;
  for (let index = 0; index < bytes.length; index++) low = Math.imul(low ^ (bytes[index] ?? 0), 0x01000193);
  return `b${(low >>> 0).toString(36)}`;
}

class Walk {
  readonly parts: string[] = [];
  readonly #seen = new Map<object, number>();

  value(value: unknown): void {
    if (typeof value === "function") return;
    if (value === null || typeof value !== "object") {
      this.parts.push(String(value));
      return;
    }
    if (value instanceof Uint8Array) {
      this.parts.push(bytesText(value));
      return;
    }
    const before = this.#seen.get(value);
    if (before !== undefined) {
      this.parts.push(`@${before}`);
      return;
    }
    this.#seen.set(value, this.#seen.size);
    this.#object(value);
  }

  #object(value: object): void {
    if (value instanceof Map) {
      this.parts.push("M");
      for (const [key, held] of value as Map<unknown, unknown>) {
        this.value(key);
        this.value(held);
      }
    } else if (value instanceof Set) {
      this.parts.push("S");
      for (const held of value as Set<unknown>) this.value(held);
    } else if (Array.isArray(value)) {
      this.parts.push(`A${value.length}`);
      for (const held of value as unknown[]) this.value(held);
    } else {
      this.parts.push("O");
      for (const [name, held] of Object.entries(value)) {
        if (skipped.has(name)) continue;
        this.parts.push(name);
        this.value(held);
      }
    }
  }
}

export function digest(...values: readonly unknown[]): string {
  const walk = new Walk();
  for (const value of values) walk.value(value);
  return hashOf(walk.parts.join(" "));
}
