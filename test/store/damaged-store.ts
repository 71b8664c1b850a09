/** A store that was closed behind a checkpoint, and opens as often as a test asks, with whichever of its pages damaged. */
import { pageBytes } from "../../runtime/store/layout.js";
import { Store } from "../../runtime/store/store.js";
import type { MemoryPageFile } from "./memory-page-file.js";
import { checkpoint, clusterId, makeStore, nothing } from "./small-store.js";

export class ClosedStore {
  readonly #file: MemoryPageFile;
  readonly #record: Uint8Array;
  readonly pages: number;

  /** @param fill writes the state that the checkpoint holds */
  constructor(fill: (store: Store) => void) {
    const { store, file } = makeStore();
    fill(store);
    store.publish(store.seal(nothing));
    this.#record = checkpoint(store, file);
    store.close();
    this.#file = file;
    this.pages = file.size() / pageBytes;
  }

  /** Opens it, and damages its pages behind that: what opening reads is whole, what is read later is not. */
  opened(damaged: readonly number[]): Store {
    const file = this.#file.afterCrash(() => true);
    const store = Store.open({ file, clusterId, cacheBytes: 512 * pageBytes, pause: () => false }, this.#record);
    for (const page of damaged) file.flipBit(page * pageBytes + pageBytes / 2);
    return store;
  }
}
