/**
 * Where the rows of a load go: an INSERT of many rows, or a part of a COPY. It stands between a program (runtime/query/write/program/),
 * which adds rows whose keys are new, and the transaction's `LoadedRows`.
 *
 * Whether a key is taken is looked up in what was loaded, in the transaction's single entries and in the state. Nothing is decided while a
 * statement runs, so what lies last in a table or index is found once: whatever comes behind it is new, and most loads ascend.
 */
import { compareBytes } from "../../../runtime/query/table/key-buffer.js";
import type { Overlay } from "../../../runtime/query/table/overlay.js";
import type { DefinitionLoad } from "../../../runtime/query/write/definition/ports.js";
import type { LoadTarget, ReferencedRowsReader } from "../../../runtime/query/write/program/program.js";
import { itemAt, TableKey, tableSpace, tableTree } from "../../../runtime/store/table-trees.js";
import type { Cursor, TreeReader } from "../../../runtime/store/tree.js";
import { AssertionFailed, assert } from "../../../runtime/types/assert.js";
import type { FactsLimits } from "./facts-limits.js";
import { KeptRows } from "./kept-rows.js";
import { type LoadedMark, LoadedRows, objectOf } from "./loaded-rows.js";
import { SingleKeys } from "./single-keys.js";
import type { StatementLocks } from "./statement-locks.js";

/** The last key of one object in the state; of no length when there is none. */
interface Last {
  readonly tree: number;
  readonly object: number;
  readonly key: Uint8Array;
  /** Whether a key was loaded that is behind it: then those behind that one are, too. */
  isPassed: boolean;
}

const noKey = new Uint8Array(0);
const behindObject = new TableKey();

export class RowLoad implements LoadTarget {
  readonly rows: LoadedRows;
  readonly #state: TreeReader;
  readonly #tenant: number;
  readonly #overlay: Overlay;
  readonly #locks: StatementLocks;
  readonly #isContended: boolean;
  readonly #mark: LoadedMark;
  readonly #lasts: Last[] = [];
  /** What whoever writes sees as the state: single keys. */
  readonly reader: TreeReader;
  readonly referenced: ReferencedRowsReader;

  /** @param state without the transaction's writes */
  constructor(state: TreeReader, tenant: number, overlay: Overlay, locks: StatementLocks, limits: FactsLimits) {
    this.#state = state;
    this.#tenant = tenant;
    this.#overlay = overlay;
    this.#locks = locks;
    let { loaded } = overlay;
    if (loaded instanceof LoadedRows && loaded.kind === "changes") {
      overlay.settle();
      loaded = null;
    }
    if (loaded instanceof LoadedRows) this.rows = loaded;
    else {
      assert(loaded === null, "what is loaded in the shard has the shard's form");
      this.rows = new LoadedRows(tenant, limits);
      overlay.load(this.rows);
      locks.lockKeys(this.rows);
    }
    this.#isContended = locks.hasOthers;
    this.#mark = this.rows.mark();
    this.reader = new SingleKeys((found, tree, key) => this.#get(found, tree, key));
    this.referenced = new KeptRows(state, this.rows, overlay, locks);
  }

  /** For whoever writes entries under a storage that is new: nobody else knows of it. */
  get writing(): DefinitionLoad {
    return {
      target: this,
      reader: this.reader,
      overlay: {
        put: (tree, key, content) =>
          this.put(tree === tableTree.rows ? tableSpace.rows : tableSpace.index, objectOf(key), key, content),
        remove: () => {
          throw new AssertionFailed("what is loaded is new, and not removed");
        },
      },
      locks: { lock: () => true, hold: () => true, lockTable: () => undefined, awaitWriters: () => undefined },
    };
  }

  #get(found: SingleKeys, tree: number, key: Uint8Array): boolean {
    const place = this.rows.find(tree, key);
    if (place >= 0) {
      found.show(this.rows.value(place));
      return true;
    }
    // What a single entry says is not asked for: it is in the way, or the key was removed and is not to be loaded either.
    if (this.#overlay.hasEntry(tree, key)) return true;
    if (isPast(this.#lastOf(tree, objectOf(key)), key)) return false;
    if (!this.#state.get(tree, key)) return false;
    found.show(this.#state);
    return true;
  }

  #lastOf(tree: number, object: number): Last {
    for (const last of this.#lasts) if (last.object === object && last.tree === tree) return last;
    const cursor = this.#state.cursor(tree);
    const last = { tree, object, key: this.#lastIn(cursor, object), isPassed: false };
    this.#lasts.push(last);
    return last;
  }

  #lastIn(cursor: Cursor, object: number): Uint8Array {
    const behind = behindObject.object(this.#tenant, object + 1);
    if (!cursor.seekFloor(behind)) return noKey;
    const key = new Uint8Array(cursor.keyLength);
    cursor.keyInto(key);
    return key.length > itemAt && objectOf(key) === object && isOfTenant(key, behind) ? key : noKey;
  }

  add(
    space: number,
    object: number,
    treeKey: Uint8Array,
    mustBeNew: boolean,
    content: Uint8Array,
    contentView: DataView,
    contentLength: number,
  ): boolean {
    assert(this.#overlay.loaded === this.rows, "nobody looks at the rows of a load before it has ended");
    if (mustBeNew && !this.#isNew(space, object, treeKey)) return false;
    this.rows.add(space, object, treeKey, content, contentView, contentLength);
    return true;
  }

  /** Locks are what the keys are in `rows` for; only those of others have to be looked at. */
  #isNew(space: number, object: number, treeKey: Uint8Array): boolean {
    const tree = space === tableSpace.rows ? tableTree.rows : tableTree.index;
    if (this.#isContended) this.#locks.awaitWriters(tree, treeKey);
    const isBehind = this.rows.isBehind(space, object, treeKey);
    if (!isBehind && this.rows.has(tree, treeKey)) return false;
    if (this.#overlay.hasEntry(tree, treeKey)) return false;
    const last = this.#lastOf(tree, object);
    if (isBehind && last.isPassed) return true;
    if (!isPast(last, treeKey)) return !this.#state.get(tree, treeKey);
    last.isPassed = true;
    return true;
  }

  put(space: number, object: number, key: Uint8Array, content: Uint8Array): void {
    assert(this.#overlay.loaded === this.rows, "nobody looks at the rows of a load before it has ended");
    this.rows.add(space, object, key, content);
  }

  /** Takes back what this load has put. */
  undo(): void {
    this.rows.rewind(this.#mark);
  }
}

const isPast = ({ key: last }: Last, key: Uint8Array): boolean => compareBytes(key, key.length, last, last.length) > 0;

function isOfTenant(key: Uint8Array, other: Uint8Array): boolean {
  for (let at = 0; at < 8; at++) if (key[at] !== other[at]) return false;
  return true;
}
