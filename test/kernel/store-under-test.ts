/** The real store for the kernel's tests and benchmarks, over a page file that lies in memory. */
import type { PageFile } from "../../runtime/store/page-file.js";
import { Store } from "../../runtime/store/store.js";

class PagesInMemory implements PageFile {
  readonly path = "memory/pages";
  #bytes = new Uint8Array(0);

  size(): number {
    return this.#bytes.length;
  }

  read(target: Uint8Array, from: number, length: number, at: number): number {
    const part = this.#bytes.subarray(at, at + length);
    target.set(part, from);
    return part.length;
  }

  write(source: Uint8Array, from: number, length: number, at: number): void {
    if (at + length > this.#bytes.length) {
      const grown = new Uint8Array(at + length);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes.set(source.subarray(from, from + length), at);
  }

  sync(): void {}
}

export const makeStore = (cacheBytes: number): Store =>
  Store.create({ file: new PagesInMemory(), clusterId: new Uint8Array(16).fill(1), cacheBytes });

/** Ends a version as a shard does after a group of commands: sealed, then committed and shown. */
export const endVersion = (store: Store): void => store.publish(store.seal(new Uint8Array(0)));
