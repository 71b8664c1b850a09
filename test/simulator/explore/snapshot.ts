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

/** Most of what a step may change it does not: to look is cheaper than to write. */
function isSame(target: Map<unknown, unknown> | Set<unknown>, contents: Contents): boolean {
  let index = 0;
  if (target instanceof Set) {
    if (target.size !== contents.length) return false;
    for (const value of target) if (value !== contents[index++]) return false;
    return true;
  }
  if (target.size * 2 !== contents.length) return false;
  for (const [key, value] of target) if (key !== contents[index++] || value !== contents[index++]) return false;
  return true;
}

function putBack(target: object, contents: Contents): void {
  if (target instanceof Map) {
    if (isSame(target, contents)) return;
    target.clear();
    for (let index = 0; index < contents.length; index += 2) target.set(contents[index], contents[index + 1]);
  } else if (target instanceof Set) {
    if (isSame(target, contents)) return;
    target.clear();
    for (const value of contents) target.add(value);
  } else if (Array.isArray(target)) {
    const values: unknown[] = target;
    if (values.length !== contents.length) values.length = contents.length;
    for (let index = 0; index < contents.length; index++) {
      if (values[index] !== contents[index]) values[index] = contents[index];
    }
  } else {
    const fields = target as Record<string, unknown>;
    const names = Object.keys(fields);
    for (let index = 0; index < names.length; index++) {
      const name = names[index] ?? "";
      if (index >= contents.length) Reflect.deleteProperty(fields, name);
      else if (fields[name] !== contents[index]) fields[name] = contents[index];
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
    for (let index = 0; index < this.#objects.length; index++) {
      putBack(this.#objects[index] ?? {}, this.#contents[index] ?? []);
    }
  }
}
