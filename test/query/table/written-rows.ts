/** A table whose rows tests write into trees by hand, and what a scan of it yields. */
import type { IndexDefinition, TableDefinition } from "../../../runtime/query/catalog/model.js";
import type { ScanRequest, TableScan } from "../../../runtime/query/table/access.js";
import { indexEntry, rowKeyCodecOf } from "../../../runtime/query/table/index-keys.js";
import type { Overlay } from "../../../runtime/query/table/overlay.js";
import { rowCodecOf } from "../../../runtime/query/table/row-codec.js";
import { noModifier, typeOid } from "../../../runtime/query/types/sql-type.js";
import { TableKey, tableTree } from "../../../runtime/store/table-trees.js";
import type { TreeWriter } from "../../../runtime/store/tree.js";

export const tenant = 5;
const columnOf = (number: number, name: string, oid: number) => ({
  number,
  name,
  type: { oid, modifier: noModifier },
  isNotNull: false,
  default: null,
  identity: null,
  generated: null,
  sequence: 0,
  isDropped: false,
  missingValue: null,
});
const table: TableDefinition = {
  kind: "table",
  oid: 20_000,
  name: "t",
  schema: 2_200,
  owner: "admin",
  storage: 20_000,
  columns: [columnOf(1, "id", typeOid.int4), columnOf(2, "v", typeOid.text)],
  keyColumns: [1],
  constraints: [],
  indexes: [20_001],
  version: 1,
};
export const index: IndexDefinition = {
  kind: "index",
  oid: 20_001,
  name: "t_v",
  schema: 2_200,
  table: 20_000,
  storage: 20_001,
  keys: [
    {
      column: 2,
      expression: null,
      type: { oid: typeOid.text, modifier: noModifier },
      isDescending: false,
      nullsFirst: false,
    },
  ],
  included: [],
  isUnique: false,
  isPrimary: false,
  predicate: null,
};

/** Writes as the kernel does, or into an overlay: only the bytes of keys and values are the product's own. */
export class Hand {
  readonly #key = new TableKey();
  readonly #state: TreeWriter;

  constructor(state: TreeWriter) {
    this.#state = state;
  }

  #entries(id: number, value: string | null): { tree: number; key: Uint8Array; content: Uint8Array }[] {
    const rowKey = rowKeyCodecOf(table).encode([id]).slice();
    // A longer value than a key may have is for scans of rows alone.
    const entry = indexEntry(index, [value?.slice(0, 100) ?? null], rowKey);
    return [
      {
        tree: tableTree.rows,
        key: this.#key.item(tenant, table.storage, rowKey).slice(),
        content: rowCodecOf(table).encode([id, value]),
      },
      { tree: tableTree.index, key: this.#key.item(tenant, index.storage, entry.item).slice(), content: entry.content },
    ];
  }

  write(position: number, id: number, before: string | null | undefined, now: string | null | undefined): void {
    const state = this.#state;
    const old = before === undefined ? [] : this.#entries(id, before);
    const next = now === undefined ? [] : this.#entries(id, now);
    const same = (a: Uint8Array, b: Uint8Array | undefined): boolean => b !== undefined && Buffer.compare(a, b) === 0;
    for (const [at, { tree, key }] of old.entries()) {
      if (tree === tableTree.index && same(key, next[at]?.key)) continue;
      if (!state.get(tree, key)) throw new Error("an old entry is missing");
      const value = state.valueBytes.slice(state.valueStart, state.valueStart + state.valueLength);
      const past = new Uint8Array(key.length + 8);
      past.set(key);
      new DataView(past.buffer).setBigUint64(key.length, BigInt(position));
      state.put(tree + 1, past, value);
      state.delete(tree, key);
    }
    for (const [at, { tree, key, content }] of next.entries()) {
      if (tree === tableTree.index && same(key, old[at]?.key)) continue;
      state.put(tree, key, valued(position, content));
    }
  }

  pend(overlay: Overlay, id: number, before: string | null | undefined, now: string | null | undefined): void {
    if (before !== undefined) for (const { tree, key } of this.#entries(id, before)) overlay.set(tree, key, null);
    if (now === undefined) return;
    for (const { tree, key, content } of this.#entries(id, now)) overlay.set(tree, key, valued(0, content));
  }
}

function valued(position: number, content: Uint8Array): Uint8Array {
  const value = new Uint8Array(8 + content.length);
  new DataView(value.buffer).setBigUint64(0, BigInt(position), true);
  value.set(content, 8);
  return value;
}

export type Row = readonly [id: number, value: string | null];

export function rowsOf(scan: TableScan, between?: () => void): Row[] {
  const rows: Row[] = [];
  for (let batch = scan.next(); batch !== null; batch = scan.next()) {
    const [ids, values] = batch.columns;
    for (let row = 0; row < batch.rows; row += 1) {
      if (ids?.kind !== "numbers" || values?.kind !== "values")
        throw new Error("columns have the vectors of their types");
      rows.push([ids.numbers[row] ?? Number.NaN, values.values[row] as string | null]);
    }
    between?.();
  }
  return rows;
}

export const request = (over: Partial<ScanRequest>): ScanRequest => ({
  table,
  index: null,
  ranges: [{ from: null, to: null }],
  isBackward: false,
  columns: [1, 2],
  wantsKeys: false,
  history: null,
  ...over,
});
