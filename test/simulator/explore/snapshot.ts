/**
 * The contents of everything that an object refers to, to be put back later: into the same objects, since functions that they hold refer to
 * those. A core cannot be copied, but it can be set back to where it was.
 */

/** What nobody changes once it is made: bytes, headers and what carries them, messages, effects. */
export function isFixed(value: object): boolean {
  return value instanceof Uint8Array || Object.hasOwn(value, "kind") || Object.hasOwn(value, "identity");
}

type Contents = readonly unknown[];

function contentsOf(value: object): Contents {
  if (value instanceof Map) return [...(value as Map<unknown, unknown>)].flat(1);
  if (value instanceof Set) return [...(value as Set<unknown>)];
  return Object.values(value);
}

function putBack(target: object, contents: Contents): void {
  if (target instanceof Map) {
    target.clear();
    for (let index = 0; index < contents.length; index += 2) target.set(contents[index], contents[index + 1]);
  } else if (target instanceof Set) {
    target.clear();
    for (const value of contents) target.add(value);
  } else if (Array.isArray(target)) {
    target.splice(0, target.length, ...contents);
  } else {
    const names = Object.keys(target);
    for (const [index, name] of names.entries()) {
      if (index < contents.length) Reflect.set(target, name, contents[index]);
      else Reflect.deleteProperty(target, name);
    }
  }
}

export class Snapshot {
  readonly #objects: readonly object[];
  readonly #contents: readonly Contents[];

  constructor(root: object) {
    const objects = new Set<object>([root]);
    const contents: Contents[] = [];
    for (const object of objects) {
      const held = contentsOf(object);
      contents.push(held);
      for (const value of held) {
        if (typeof value === "object" && value !== null && !isFixed(value)) objects.add(value);
      }
    }
    this.#objects = [...objects];
    this.#contents = contents;
  }

  restore(): void {
    for (const [index, object] of this.#objects.entries()) putBack(object, this.#contents[index] ?? []);
  }
}
