/**
 * A digest of everything that decides what an object will do: all its fields, private ones included, through the whole graph, in order. It
 * sees private fields because the explorer runs on a copy of the compiled core in which they have ordinary names (`explore.ts`).
 */
import { createHash } from "node:crypto";
import { isFixed } from "./snapshot.js";

/** What a step leaves behind, what only pings tell, and moments in which something was done: time stands still here, so none of it is ever due. */
const skipped = new Set([
  ...["effects", "monotonic", "wall", "__seen", "__interval", "__knewTimeAt"],
  ...["__progressAt", "__heartbeatAt", "__votedAt", "__enteredAt", "__installedAt"],
]);
const digestBytes = 12;

const hashOf = (text: string | Uint8Array): string =>
  createHash("sha256").update(text).digest().subarray(0, digestBytes).toString("base64");

/** Of what nobody changes: told once. */
const fixed = new WeakMap<object, string>();

class Walk {
  readonly parts: string[] = [];
  readonly #seen = new Map<object, number>();

  value(value: unknown): void {
    if (typeof value === "function") return;
    if (value === null || typeof value !== "object") {
      this.parts.push(String(value));
      return;
    }
    if (isFixed(value)) {
      this.parts.push(digest(value));
      return;
    }
    const before = this.#seen.get(value);
    if (before !== undefined) {
      this.parts.push(`@${before}`);
      return;
    }
    this.#seen.set(value, this.#seen.size);
    this.contents(value);
  }

  contents(value: object): void {
    if (value instanceof Map) {
      this.parts.push("M");
      // In the order of their keys: in which they were entered decides nothing.
      const entries = [...(value as Map<unknown, unknown>)].sort(([left], [right]) => Number(left) - Number(right));
      for (const [key, held] of entries) {
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

export function digest(value: object): string {
  const known = fixed.get(value);
  if (known !== undefined) return known;
  if (value instanceof Uint8Array) {
    const text = hashOf(value);
    fixed.set(value, text);
    return text;
  }
  const walk = new Walk();
  walk.contents(value);
  const text = hashOf(walk.parts.join(" "));
  if (isFixed(value)) fixed.set(value, text);
  return text;
}
