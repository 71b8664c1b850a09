/**
 * Brings a materialized view's stored rows to what its query says: as a whole, or by what has changed. Only rows that are not as they should
 * be are written, so the log holds what has changed and the past of the view is that of its query.
 *
 * What is computed of tables that the transaction has written to is computed before the first row is written: the plans read what is being
 * written to. A view that has no rows yet is loaded (`LoadTarget`), out of the state's tables batch by batch.
 */
import { blake3Into } from "../../crypto/blake3.js";
import { TableKey, tableSpace } from "../../store/table-trees.js";
import { assert } from "../../types/assert.js";
import { type Catalog, type MaterializedViewDefinition, rowsOfObject } from "../catalog/model.js";
import type { RowBatch } from "../engine.js";
import { SqlError } from "../error.js";
import { copyOf, readAt } from "../execute/vector.js";
import type { ColumnVector } from "../table/access.js";
import { compareBytes } from "../table/key-buffer.js";
import { nameOfKey } from "../table/overlay.js";
import { rowCodecOf } from "../table/row-codec.js";
import type { Datum } from "../types/datum.js";
import type { DefinitionLoad } from "../write/definition/ports.js";
import type { WritePorts } from "../write/ports.js";
import { rowBytesMax } from "../write/program/program.js";
import { TableWriter } from "../write/table-writer.js";
import type { GatheredGroup, GroupState, Groups } from "./groups.js";
import type { ViewProgram, ViewRun } from "./program.js";
import { hashBytes, hashOf, likeKey, ViewRows } from "./view-rows.js";

/** Groups that are computed anew by a query each; beyond it one query computes all. */
const groupsOneByOneMax = 8;

interface Target {
  readonly hash: Uint8Array;
  readonly values: readonly Datum[];
  /** How many rows are to be there, or how many more. */
  count: number;
}

/** Rows of one kind, while a view is computed as a whole. */
interface Likes {
  /** As many are stored; they are numbered from 0. */
  readonly stored: number;
  /** As many are to be there. */
  wanted: number;
}

/** How a view that is computed as a whole is written. */
export interface WholeWrite {
  /** Where rows go whose keys are not there. All that is to be read is read before, but by `isApart`. */
  load(): DefinitionLoad;
  /** Whether the tables that the query reads can be read beside a load. */
  readonly isApart: boolean;
}

export class ViewMaintenance {
  readonly #program: ViewProgram;
  readonly #view: MaterializedViewDefinition;
  readonly #run: ViewRun;
  readonly #write: WritePorts;
  readonly #rows: ViewRows;

  constructor(program: ViewProgram, run: ViewRun, write: WritePorts) {
    const { view } = program;
    this.#program = program;
    this.#view = view;
    this.#run = run;
    this.#write = write;
    this.#rows = this.#rowsBy(write);
  }

  #rowsBy(write: WritePorts): ViewRows {
    const { rows } = this.#view;
    return new ViewRows(rows, new TableWriter(rows, this.#program.rules(write), write), write);
  }

  /** Computes the view as a whole; how many rows it has then. @param whole null: row by row */
  refresh(whole: WholeWrite | null = null): number {
    return this.#named(() =>
      this.#program.shape.kind === "groups" ? this.#refreshGroups(whole) : this.#refreshRows(whole),
    );
  }

  /** Brings in what has changed. */
  apply(): void {
    this.#named(() => (this.#program.shape.kind === "groups" ? this.#applyGroups() : this.#applyRows()));
  }

  #named<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      throw this.#program.named(error);
    }
  }

  /** A row of the query as it is stored: as many columns as the view has, whatever has been added to its tables since. */
  #stored(row: readonly Datum[]): readonly Datum[] {
    const { columns } = this.#view;
    assert(row.length >= columns.length, "a row of the query has a value for each of the view's columns");
    return row.slice(0, columns.length);
  }

  /** Whether rows that are not there may be loaded behind all other changes: no key of an index may have changed its owner. */
  #isLoaded(whole: WholeWrite | null, hasOthers: boolean): whole is WholeWrite {
    return whole !== null && (!hasOthers || this.#program.rules(this.#write).indexes.length === 0);
  }

  // ------------------------------------------------------------------ rows

  #refreshRows(whole: WholeWrite | null): number {
    const likes = new Map<string, Likes>();
    this.#rows.each((key) => {
      const name = nameOfKey(key.subarray(0, hashBytes));
      likes.set(name, { stored: (likes.get(name)?.stored ?? 0) + 1, wanted: 0 });
    });
    if (likes.size === 0 && whole !== null) return this.#fillRows(whole);
    const width = this.#view.columns.length;
    const missing: { readonly key: Uint8Array; readonly values: readonly Datum[] }[] = [];
    let count = 0;
    for (const { rows, selection, columns } of this.#program.batches(this.#run)) {
      for (let index = 0; index < rows; index++) {
        this.#rows.work();
        const row = selection === null ? index : (selection[index] ?? 0);
        const values: Datum[] = [];
        for (let at = 0; at < width; at++) values.push(valueAt(columns, at, row));
        const hash = hashOf(this.#rows.encodeView(values));
        const name = nameOfKey(hash);
        let like = likes.get(name);
        if (like === undefined) {
          if (likes.size >= rowsMax) throw tooLarge(this.#view.name);
          like = { stored: 0, wanted: 0 };
          likes.set(name, like);
        }
        if (like.wanted >= like.stored) missing.push({ key: likeKey(hash, like.wanted), values });
        like.wanted += 1;
      }
      count += rows;
    }
    let hasOthers = false;
    for (const [name, { stored, wanted }] of likes) {
      for (let ordinal = stored - 1; ordinal >= wanted; ordinal--) {
        hasOthers = true;
        this.#rows.remove(likeKey(hashOfName(name), ordinal));
      }
    }
    if (missing.length === 0) return count;
    const target = this.#isLoaded(whole, hasOthers) ? this.#rowsBy({ ...this.#write, ...whole.load() }) : this.#rows;
    for (const { key, values } of missing) target.insert(key, values);
    return count;
  }

  /** All rows of a view that has none. */
  #fillRows({ load, isApart }: WholeWrite): number {
    const given = this.#program.batches(this.#run);
    const batches = isApart ? given : copies(given);
    const loading = load();
    const { tenant } = this.#write;
    const { storage, columns: shown } = this.#view.rows;
    const write = { ...this.#write, ...loading };
    const rows = this.#rowsBy(write);
    const isPlain = this.#program.rules(this.#write).indexes.length === 0;
    const codec = rowCodecOf(this.#view.rows);
    const item = new Uint8Array(hashBytes + 4);
    const key = new TableKey();
    let count = 0;
    for (const { rows: batchRows, selection, columns } of batches) {
      for (let index = 0; index < batchRows; index++) {
        rows.work();
        const row = selection === null ? index : (selection[index] ?? 0);
        if (isPlain) {
          codec.begin();
          for (let at = 0; at < shown.length; at++) codec.put(at, valueAt(columns, at, row));
          const length = codec.end();
          if (length >= 0 && length <= rowBytesMax) {
            blake3Into(codec.rowBytes, length, item, 0, hashBytes);
            const treeKey = key.item(tenant, storage, item);
            if (loading.target.add(tableSpace.rows, storage, treeKey, true, codec.rowBytes, codec.rowView, length))
              continue;
          }
        }
        const values = shown.map((_column, at) => valueAt(columns, at, row));
        rows.countBy(hashOf(rows.encodeView(values)), values, 1);
      }
      count += batchRows;
      if (count > rowsMax) throw tooLarge(this.#view.name);
    }
    return count;
  }

  #targetOf(targets: Map<string, Target>, row: readonly Datum[]): Target {
    const values = this.#stored(row);
    const hash = hashOf(this.#rows.encodeView(values));
    const name = nameOfKey(hash);
    let target = targets.get(name);
    if (target === undefined) {
      if (targets.size >= rowsMax) throw tooLarge(this.#view.name);
      target = { hash, values, count: 0 };
      targets.set(name, target);
    }
    return target;
  }

  #applyRows(): void {
    const targets = new Map<string, Target>();
    for (const [sign, row] of this.#program.changes(this.#run)) this.#targetOf(targets, row).count += sign;
    for (const { hash, values, count } of targets.values()) if (count < 0) this.#rows.countBy(hash, values, count);
    for (const { hash, values, count } of targets.values()) if (count > 0) this.#rows.countBy(hash, values, count);
  }

  // ------------------------------------------------------------------ groups

  #groups(): { readonly groups: Groups; readonly show: (group: GroupState) => readonly Datum[] } {
    const { groups, above } = this.#program.grouping(this.#run.environment);
    return { groups, show: (group) => [...this.#stored(above(groups.result(group))), ...groups.encode(group)] };
  }

  /** All groups, as the tables are now. */
  #computed(groups: Groups): Map<string | number, GatheredGroup> {
    const found = new Map<string | number, GatheredGroup>();
    const groupOf = (values: readonly Datum[]): GatheredGroup => {
      const name = groups.nameOf(values);
      let group = found.get(name);
      if (group === undefined) {
        if (found.size >= rowsMax) throw tooLarge(this.#view.name);
        group = groups.gathered(values);
        found.set(name, group);
      }
      return group;
    };
    if (groups.isPlain) groupOf([]);
    for (const { rows, selection, columns } of this.#program.batches(this.#run)) {
      for (let index = 0; index < rows; index++) {
        const row = selection === null ? index : (selection[index] ?? 0);
        groupOf(groups.valuesAt(columns, row)).append(columns, row);
      }
    }
    return found;
  }

  #refreshGroups(whole: WholeWrite | null): number {
    const { groups, show } = this.#groups();
    const computed = new Map<string, { readonly key: Uint8Array; readonly values: readonly Datum[] }>();
    for (const group of this.#computed(groups).values()) {
      const key = groups.keyOf(group.values);
      computed.set(nameOfKey(key), { key, values: show(group.state) });
    }
    const { size } = computed;
    const gone: Uint8Array[] = [];
    const changed: { readonly key: Uint8Array; readonly values: readonly Datum[] }[] = [];
    this.#rows.each((key, bytes, from, length) => {
      const name = nameOfKey(key);
      const found = computed.get(name);
      if (found === undefined) {
        gone.push(key.slice());
        return;
      }
      computed.delete(name);
      const wanted = this.#rows.encodeView(found.values);
      if (compareBytes(wanted, wanted.length, bytes.subarray(from, from + length), length) !== 0) changed.push(found);
    });
    for (const key of gone) this.#rows.remove(key);
    for (const { key, values } of changed) this.#rows.replace(key, values);
    if (computed.size === 0) return size;
    const hasOthers = gone.length + changed.length > 0;
    const target = this.#isLoaded(whole, hasOthers) ? this.#rowsBy({ ...this.#write, ...whole.load() }) : this.#rows;
    for (const { key, values } of computed.values()) target.insert(key, values);
    return size;
  }

  #applyGroups(): void {
    const { groups, show } = this.#groups();
    const width = this.#view.columns.length;
    const touched = new Map<string | number, { readonly key: Uint8Array; group: GroupState }>();
    for (const [sign, row] of this.#program.changes(this.#run)) {
      const name = groups.nameOf(groups.valuesOf(row));
      let known = touched.get(name);
      if (known === undefined) {
        if (touched.size >= rowsMax) throw tooLarge(this.#view.name);
        const key = groups.keyOf(row);
        const stored = this.#rows.find(key);
        known = { key, group: stored === null ? groups.empty(row) : groups.decode(row, stored.values.slice(width)) };
        touched.set(name, known);
      }
      groups.change(known.group, row, sign);
    }
    this.#computeAnew(groups, touched);
    const stored = [...touched.values()].map(({ key, group }) => ({ key, group, old: this.#rows.find(key) }));
    for (const { group, old } of stored) {
      assert(group.rows >= 0, "rows that leave a group were in it");
      if (old !== null && !groups.isThere(group)) this.#rows.delete(old);
    }
    for (const { group, old } of stored) {
      if (old !== null && groups.isThere(group)) this.#rows.update(old, show(group));
    }
    for (const { key, group, old } of stored) {
      if (old === null && groups.isThere(group)) this.#rows.insert(key, show(group));
    }
  }

  /** Groups of which something was taken that their states cannot give back. */
  #computeAnew(
    groups: Groups,
    touched: ReadonlyMap<string | number, { readonly key: Uint8Array; group: GroupState }>,
  ): void {
    const open = [...touched].filter(([, { group }]) => group.states === null && groups.isThere(group));
    if (open.length > groupsOneByOneMax) {
      const computed = this.#computed(groups);
      for (const [name, known] of open) {
        const found = computed.get(name);
        assert(found !== undefined && found.rows === known.group.rows, "a group has the rows that it counted");
        known.group = found.state;
      }
      return;
    }
    for (const [name, known] of open) {
      const group = groups.gathered(known.group.values);
      for (const { rows, selection, columns } of this.#program.batchesOfGroup(this.#run, known.group.values)) {
        for (let index = 0; index < rows; index++) {
          const row = selection === null ? index : (selection[index] ?? 0);
          if (groups.nameOf(groups.valuesAt(columns, row)) === name) group.append(columns, row);
        }
      }
      assert(group.rows === known.group.rows, "a group has the rows that it counted");
      known.group = group.state;
    }
  }
}

function valueAt(columns: readonly ColumnVector[], at: number, row: number): Datum {
  const column = columns[at];
  assert(column !== undefined, "a row of the query has a value for each of the view's columns");
  return readAt(column, row);
}

const copies = (batches: Iterable<RowBatch>): readonly RowBatch[] => Array.from(batches, copyOf);

function hashOfName(name: string): Uint8Array {
  assert(name.length === hashBytes, "a row of a view is named by its hash");
  return Uint8Array.from(name, (char) => char.charCodeAt(0));
}

/** Rows or groups that one commit changes, or that a view has when it is computed as a whole. */
const rowsMax = 5_000_000;

const tooLarge = (name: string): SqlError =>
  new SqlError("54000", `the materialized view "${name}" changes by more than ${rowsMax} rows at once`);

/** Whether the rows of a view and of all that it reads lie where they lay, so that the one follows from the change of the other. */
export function isComparable(view: MaterializedViewDefinition, before: Catalog, after: Catalog): boolean {
  const [old, now] = [before.objectByOid(view.oid), after.objectByOid(view.oid)];
  if (old?.kind !== "materializedView" || now?.kind !== "materializedView") return false;
  if (!old.isPopulated || old.rows.storage !== now.rows.storage || old.refreshes !== now.refreshes) return false;
  return view.sources.every(({ table }) => {
    const [a, b] = [rowsOfObject(before.objectByOid(table)), rowsOfObject(after.objectByOid(table))];
    return a !== null && b !== null && a.storage === b.storage && a.isUnpopulated !== true;
  });
}
