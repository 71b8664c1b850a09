/**
 * jsonb as bytes: nodes in pre-order, each a tag and what it needs. No recursion: how deep a value is nested is the user's choice.
 *
 *   0 null · 1 false · 2 true
 *   3 number   length u16 · a numeric (value-bytes.ts)
 *   4 string   length u32 · UTF-8
 *   5 array    count u32 · nodes
 *   6 object   count u32 · for each, in the value's order: key length u32 · UTF-8 · node
 */
import { AssertionFailed, assert } from "../../types/assert.js";
import { ByteWriter } from "../../types/byte-writer.js";
import { Decimal } from "../types/decimal.js";
import type { JsonbNode } from "../types/jsonb.js";
import { getDecimal, getText, writeDecimal } from "./scalar-bytes.js";

const encoder = new TextEncoder();
const number = new ByteWriter(64);

export function writeJsonb(out: ByteWriter, root: JsonbNode): void {
  // What is still to be written, the next one last; a key stands before its node.
  const stack: (JsonbNode | { readonly key: string })[] = [root];
  while (stack.length > 0) {
    const node = stack.pop();
    assert(node !== undefined, "a stack that is not empty has a top");
    if (node === null) out.u8(0);
    else if (typeof node === "boolean") out.u8(node ? 2 : 1);
    else if (typeof node === "string") out.u8(4).bytes(encoder.encode(node));
    else if (node instanceof Decimal) {
      number.reset();
      writeDecimal(number, node);
      const bytes = number.view();
      out.u8(3).u16(bytes.length).raw(bytes);
    } else if (Array.isArray(node)) {
      out.u8(5).u32(node.length);
      for (let index = node.length - 1; index >= 0; index--) stack.push(node[index] as JsonbNode);
    } else if (node instanceof Map) {
      out.u8(6).u32(node.size);
      const entries = [...(node as ReadonlyMap<string, JsonbNode>)];
      for (let index = entries.length - 1; index >= 0; index--) {
        const entry = entries[index];
        assert(entry !== undefined, "an object has as many entries as it says");
        stack.push(entry[1], { key: entry[0] });
      }
    } else if (typeof node === "object" && "key" in node) out.bytes(encoder.encode(node.key));
    else throw new AssertionFailed("a jsonb node is of a known kind");
  }
}

type Container =
  | { readonly kind: "array"; readonly items: JsonbNode[]; left: number }
  | { readonly kind: "object"; readonly map: Map<string, JsonbNode>; key: string; left: number };

export class JsonbBytesReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at: number;
  readonly #to: number;

  constructor(bytes: Uint8Array, view: DataView, from: number, to: number) {
    assert(from < to && to <= bytes.length, "a stored jsonb lies within its row");
    this.#bytes = bytes;
    this.#view = view;
    this.#at = from;
    this.#to = to;
  }

  #u32(): number {
    const value = this.#view.getUint32(this.#at, true);
    this.#at += 4;
    return value;
  }

  #text(): string {
    const length = this.#u32();
    this.#at += length;
    return getText(this.#bytes, this.#at - length, this.#at);
  }

  read(): JsonbNode {
    const open: Container[] = [];
    for (;;) {
      const tag = this.#bytes[this.#at++];
      let done: JsonbNode;
      if (tag === 5 || tag === 6) {
        const left = this.#u32();
        const container: Container =
          tag === 5 ? { kind: "array", items: [], left } : { kind: "object", map: new Map(), key: "", left };
        if (left > 0) {
          if (container.kind === "object") container.key = this.#text();
          open.push(container);
          continue;
        }
        done = container.kind === "array" ? container.items : container.map;
      } else done = this.#scalar(tag);
      // A node is complete: it goes into its container, which may be complete with it.
      for (;;) {
        const container = open.at(-1);
        if (container === undefined) {
          assert(this.#at === this.#to, "a stored jsonb ends with its last node");
          return done;
        }
        if (container.kind === "array") container.items.push(done);
        else container.map.set(container.key, done);
        container.left -= 1;
        if (container.left > 0) {
          if (container.kind === "object") container.key = this.#text();
          break;
        }
        open.pop();
        done = container.kind === "array" ? container.items : container.map;
      }
    }
  }

  #scalar(tag: number): JsonbNode {
    if (tag === 0) return null;
    if (tag === 1 || tag === 2) return tag === 2;
    if (tag === 4) return this.#text();
    assert(tag === 3, "a stored jsonb node has a known tag");
    const length = this.#view.getUint16(this.#at, true);
    this.#at += 2 + length;
    return getDecimal(this.#bytes, this.#view, this.#at - length, this.#at);
  }
}
