/**
 * Brings a materialized view's stored rows to what its query says: as a whole, or by what has changed. Only rows that are not as they should
 * be are written, so the log holds what has changed and the past of the view is that of its query.
 *
 * Everything is computed before the first row is written: the plans read what is being written to.
 */
import { assert } from "../../types/assert.js";
import { type Catalog, type MaterializedViewDefinition, rowsOfObject } from "../catalog/model.js";
import { SqlError } from "../error.js";
import type { Datum } from "../types/datum.js";
import { rowsOf } from "../write/definition/table-rows.js";
import type { WritePorts } from "../write/ports.js";
import { TableWriter } from "../write/table-writer.js";
import { type GroupState, Groups } from "./groups.js";
import type { ViewProgram, ViewRun } from "./program.js";
import { hashBytes, hashOf, nameOfHash, ViewRows } from "./view-rows.js";

/** Groups that are computed anew by a query each; beyond it one query computes all. */
const groupsOneByOneMax = 8;

interface Target {
  readonly hash: Uint8Array;
  readonly values: readonly Datum[];
  /** How many rows are to be there, or how many more. */
  count: number;
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
    this.#rows = new ViewRows(view.rows, new TableWriter(view.rows, program.rules(write), write), write);
  }

  /** Computes the view as a whole. */
  refresh(): void {
    this.#named(() => (this.#program.shape.kind === "groups" ? this.#refreshGroups() : this.#refreshRows()));
  }

  /** Brings in what has changed. */
  apply(): void {
    this.#named(() => (this.#program.shape.kind === "groups" ? this.#applyGroups() : this.#applyRows()));
  }

  #named(work: () => void): void {
    try {
      work();
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

  #targetOf(targets: Map<string, Target>, row: readonly Datum[]): Target {
    const values = this.#stored(row);
    const hash = hashOf(this.#rows.encode(values));
    const name = nameOfHash(hash);
    let target = targets.get(name);
    if (target === undefined) {
      if (targets.size >= rowsMax) throw tooLarge(this.#view.name);
      target = { hash, values, count: 0 };
      targets.set(name, target);
    }
    return target;
  }

  // ------------------------------------------------------------------ rows

  #refreshRows(): void {
    const targets = new Map<string, Target>();
    for (const row of this.#program.rows(this.#run)) this.#targetOf(targets, row).count += 1;
    const kept = new Map<string, number>();
    const excess = [];
    for (const { key, values } of rowsOf(this.#write, this.#view.rows)) {
      this.#rows.work();
      const name = nameOfHash(key.subarray(0, hashBytes));
      const seen = kept.get(name) ?? 0;
      if (seen < (targets.get(name)?.count ?? 0)) kept.set(name, seen + 1);
      else excess.push({ key: key.slice(), values, from: 0 });
    }
    for (const row of excess) this.#rows.delete(row);
    for (const [name, { hash, values, count }] of targets) {
      const missing = count - (kept.get(name) ?? 0);
      if (missing > 0) this.#rows.countBy(hash, values, missing);
    }
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
  #computed(groups: Groups): Map<string, { readonly key: Uint8Array; readonly group: GroupState }> {
    const found = new Map<string, { readonly key: Uint8Array; readonly group: GroupState }>();
    const groupOf = (row: readonly Datum[]): GroupState => {
      const name = groups.nameOf(row);
      const known = found.get(name);
      if (known !== undefined) return known.group;
      if (found.size >= rowsMax) throw tooLarge(this.#view.name);
      const group = groups.empty(row);
      found.set(name, { key: groups.keyOf(row), group });
      return group;
    };
    if (groups.isPlain) groupOf([]);
    for (const row of this.#program.rows(this.#run)) groups.append(groupOf(row), row);
    return found;
  }

  #refreshGroups(): void {
    const { groups, show } = this.#groups();
    const computed = new Map([...this.#computed(groups).values()].map((found) => [nameOfHash(found.key), found]));
    const stored = [];
    for (const { key, values } of rowsOf(this.#write, this.#view.rows)) {
      this.#rows.work();
      stored.push({ key: key.slice(), values, from: 0 });
    }
    for (const row of stored) if (!computed.has(nameOfHash(row.key))) this.#rows.delete(row);
    for (const row of stored) {
      const name = nameOfHash(row.key);
      const found = computed.get(name);
      if (found === undefined) continue;
      computed.delete(name);
      this.#rows.update(row, show(found.group));
    }
    for (const { key, group } of computed.values()) this.#rows.insert(key, show(group));
  }

  #applyGroups(): void {
    const { groups, show } = this.#groups();
    const width = this.#view.columns.length;
    const touched = new Map<string, { readonly key: Uint8Array; group: GroupState }>();
    for (const [sign, row] of this.#program.changes(this.#run)) {
      const name = groups.nameOf(row);
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
  #computeAnew(groups: Groups, touched: Map<string, { readonly key: Uint8Array; group: GroupState }>): void {
    const open = [...touched].filter(([, { group }]) => group.states === null && groups.isThere(group));
    if (open.length > groupsOneByOneMax) {
      const computed = this.#computed(groups);
      for (const [name, known] of open) {
        const found = computed.get(name);
        assert(found !== undefined && found.group.rows === known.group.rows, "a group has the rows that it counted");
        known.group = found.group;
      }
      return;
    }
    for (const [name, known] of open) {
      const group = groups.empty(known.group.values);
      for (const row of this.#program.rowsOfGroup(this.#run, known.group.values)) {
        if (groups.nameOf(row) === name) groups.append(group, row);
      }
      assert(group.rows === known.group.rows, "a group has the rows that it counted");
      known.group = group;
    }
  }
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
