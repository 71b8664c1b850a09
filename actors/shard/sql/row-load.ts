/**
 * Where the rows of a load go: an INSERT of many rows, or a part of a COPY. It stands between a program (runtime/query/write/single-row.ts),
 * which asks whether a key is taken and puts rows, and the transaction's `LoadedRows`.
 *
 * Whether a key is taken is looked up in what was loaded, in the transaction's single entries and in the state. Nothing is decided while a
 * statement runs, so what lies last in a table or index is found once: whatever comes behind it is new, and most loads ascend.
 */
import type { TableDefinition } from "../../../runtime/query/catalog/model.js";
import type { Overlay } from "../../../runtime/query/table/overlay.js";
import { compareBytes } from "../../../runtime/query/table/version-walk.js";
import type { LockStrength } from "../../../runtime/query/write/ports.js";
import { itemAt, TableKey } from "../../../runtime/store/table-trees.js";
import type { Cursor, TreeReader } from "../../../runtime/store/tree.js";
import { AssertionFailed, assert } from "../../../runtime/types/assert.js";
import { type LoadedMark, LoadedRows, objectOf } from "./loaded-rows.js";
import type { StatementLocks } from "./statement-locks.js";

/** The last key of one object in the state; of no length when there is none. */
interface Last {
  readonly tree: number;
  readonly object: number;
  readonly key: Uint8Array;
}

const noKey = new Uint8Array(0);

export class RowLoad {
  readonly rows: LoadedRows;
  readonly #state: TreeReader;
  readonly #tenant: number;
  readonly #overlay: Overlay;
  readonly #locks: StatementLocks;
  readonly #isContended: boolean;
  readonly #mark: LoadedMark;
  readonly #lasts: Last[] = [];
  /** What a program sees as the state: it only asks whether keys are there. */
  readonly reader: TreeReader;

  /** @param state without the transaction's writes */
  constructor(state: TreeReader, tenant: number, overlay: Overlay, locks: StatementLocks) {
    this.#state = state;
    this.#tenant = tenant;
    this.#overlay = overlay;
    this.#locks = locks;
    const { loaded } = overlay;
    if (loaded instanceof LoadedRows) this.rows = loaded;
    else {
      assert(loaded === null, "what is loaded in the shard has the shard's form");
      this.rows = new LoadedRows(tenant);
      overlay.load(this.rows);
      locks.lockKeys(this.rows);
    }
    this.#isContended = locks.hasOthers;
    this.#mark = this.rows.mark();
    this.reader = {
      valueBytes: noKey,
      valueView: new DataView(noKey.buffer),
      valueStart: 0,
      valueLength: 0,
      get: (tree, key) => this.#isTaken(tree, key),
      cursor: () => {
        throw new AssertionFailed("a load asks for single keys");
      },
    };
  }

  #isTaken(tree: number, key: Uint8Array): boolean {
    if (this.rows.has(tree, key) || this.#overlay.hasEntry(tree, key)) return true;
    const last = this.#lastOf(tree, key);
    if (compareBytes(key, key.length, last, last.length) > 0) return false;
    return this.#state.get(tree, key);
  }

  #lastOf(tree: number, key: Uint8Array): Uint8Array {
    const object = objectOf(key);
    for (const last of this.#lasts) if (last.object === object && last.tree === tree) return last.key;
    const cursor = this.#state.cursor(tree);
    const last = { tree, object, key: this.#lastIn(cursor, object) };
    this.#lasts.push(last);
    return last.key;
  }

  #lastIn(cursor: Cursor, object: number): Uint8Array {
    const behind = new TableKey().object(this.#tenant, object + 1);
    if (!cursor.seekFloor(behind)) return noKey;
    const found = new Uint8Array(512);
    const key = found.subarray(0, cursor.keyInto(found));
    return key.length > itemAt && objectOf(key) === object && isOfTenant(key, behind) ? key : noKey;
  }

  /** Locks are what the keys are in `rows` for; only those of others have to be looked at. */
  lock(tree: number, key: Uint8Array, strength: LockStrength, _table: TableDefinition): boolean {
    assert(strength === "update", "the key of a new row is locked against all");
    if (this.#isContended) this.#locks.pass(tree, key);
    return true;
  }

  put(space: number, object: number, key: Uint8Array, content: Uint8Array): void {
    this.rows.add(space, object, key, content);
  }

  /** Takes back what this load has put. */
  undo(): void {
    this.rows.rewind(this.#mark);
  }
}

function isOfTenant(key: Uint8Array, other: Uint8Array): boolean {
  for (let at = 0; at < 8; at++) if (key[at] !== other[at]) return false;
  return true;
}
