/**
 * Foreign keys of a statement, when it has written all its rows, or of a transaction that has put them off: each new reference must lead to a row, which is then kept from being deleted
 * (key share); each key that went away must not be referred to any more, or what refers to it follows by the constraint's action. Actions
 * are statements' work of their own: they go through a list, not through calls of calls, as chains may be long.
 */
import { TableKey, tableTree } from "../../store/table-trees.js";
import { AssertionFailed, assert } from "../../types/assert.js";
import type { TableDefinition } from "../catalog/model.js";
import { compareBytes } from "../table/key-buffer.js";
import type { Datum } from "../types/datum.js";
import { Decimal } from "../types/decimal.js";
import { Interval } from "../types/interval.js";
import { keyMixed, parentMissing, stillReferenced } from "./constraint-errors.js";
import type { DeferredCheck } from "./deferred-checks.js";
import type { WritePorts } from "./ports.js";
import { keyConversion } from "./reference-types.js";
import { type ForeignKey, foreignKeysOf, ReferencedRows, refersToNothing } from "./referenced-rows.js";
import { isSameKey, ReferringRows } from "./referring-rows.js";
import { type SharedKey, type StoredRow, TableWriter } from "./table-writer.js";
import { constraintOf, expectUnshared } from "./unique-keys.js";

interface Reference {
  readonly child: TableDefinition;
  readonly constraint: ForeignKey;
  readonly values: readonly Datum[];
}

/** A key that was given to a row and may be another's, too. */
interface GivenKey {
  readonly writer: TableWriter;
  readonly key: SharedKey;
}

interface GoneKey {
  readonly parent: TableDefinition;
  readonly child: TableDefinition;
  readonly constraint: ForeignKey;
  readonly values: readonly Datum[];
  /** New values of the referenced columns of a row that stays; null when the row was deleted. */
  readonly now: readonly Datum[] | null;
  /** The new values are equal to those before, and written otherwise: `1.0` for `1`. To all actions but NO ACTION that is a change. */
  readonly isEqual: boolean;
}

const pick = (values: readonly Datum[], numbers: readonly number[]): Datum[] =>
  numbers.map((number) => values[number - 1] ?? null);

/** Cascades of one statement: beyond it the schema goes in circles. */
const actionsMax = 10_000_000;

/** Rows between two looks at whether the statement is to end. */
const checkRows = 500;

export class ForeignKeys {
  readonly #ports: WritePorts;
  readonly #writers: Map<number, TableWriter>;
  /** References, and keys of deferrable constraints, in the order in which they are looked at. */
  #references: (Reference | GivenKey)[] = [];
  #gone: GoneKey[] = [];
  /** By constraint. */
  readonly #referenced = new Map<number, ReferencedRows>();

  /** @param writers of the tables that the statement writes, by oid; others are added when they are needed */
  constructor(ports: WritePorts, writers: Map<number, TableWriter>) {
    this.#ports = ports;
    this.#writers = writers;
  }

  writer(table: TableDefinition): TableWriter {
    let writer = this.#writers.get(table.oid);
    if (writer === undefined) {
      writer = new TableWriter(table, this.#ports.rulesOf(table), this.#ports);
      this.#writers.set(table.oid, writer);
    }
    return writer;
  }

  /** A row was inserted (`before` is null), changed, or deleted (`after` is null). */
  wrote(table: TableDefinition, old: StoredRow | null, now: StoredRow | null): void {
    const [before, after] = [old?.values ?? null, now?.values ?? null];
    assert(before !== null || after !== null, "a row that was written was or is there");
    const { timing } = this.#ports;
    const writer = this.#writers.get(table.oid);
    const given = writer?.takeKeys() ?? [];
    const keys: readonly GivenKey[] =
      writer === undefined || given.length === 0 ? [] : given.map((key) => ({ writer, key }));
    // PostgreSQL's triggers go by their names: PK_ConstraintTrigger, RI_ConstraintTrigger, Unique_ConstraintTrigger.
    this.#references.push(...keys.filter(({ key }) => isOfPrimary(table, key)));
    if (after !== null) {
      for (const constraint of foreignKeysOf(table)) {
        const values = pick(after, constraint.columns);
        const isWaiting = timing.isDeferred(constraint);
        // A new row waits even without a reference, as in PostgreSQL: until then its table is not redefined (55006).
        if (refersToNothing(constraint, values) && (!isWaiting || before !== null)) continue;
        const isSame =
          before !== null && isSameKey(table, constraint.columns, pick(before, constraint.columns), values);
        // What waits for the row under its old key is waited for under the new one.
        if (isSame && (!isWaiting || isSameBytes(old?.key, now?.key))) continue;
        if (isWaiting && now !== null) {
          timing.defer({ kind: "reference", table: table.oid, constraint: constraint.oid, rowKey: now.key });
        } else this.#references.push({ child: table, constraint, values });
      }
    }
    this.#references.push(...keys.filter(({ key }) => !isOfPrimary(table, key)));
    if (before === null) return;
    for (const { table: child, constraint } of this.#ports.catalog.referencing(table.oid)) {
      if (constraint.kind !== "foreignKey") continue;
      const values = pick(before, constraint.referencedColumns);
      if (values.includes(null)) continue;
      const next = after === null ? null : pick(after, constraint.referencedColumns);
      const action = next === null ? constraint.onDelete : constraint.onUpdate;
      const isEqual = next !== null && isSameKey(table, constraint.referencedColumns, values, next);
      if (isEqual && (action === "noAction" || isSameForm(values, next))) continue;
      // What follows of itself, and RESTRICT, never waits.
      if (action === "noAction" && timing.isDeferred(constraint)) {
        const { oid } = constraint;
        timing.defer({ kind: "referenced", table: table.oid, child: child.oid, constraint: oid, values });
      } else this.#gone.push({ parent: table, child, constraint, values, now: next, isEqual });
    }
  }

  /** Makes a check that has waited, of what there is by now. */
  perform(check: DeferredCheck): void {
    const { catalog } = this.#ports;
    const table = catalog.objectByOid(check.table);
    const holder = check.kind === "referenced" ? catalog.objectByOid(check.child) : table;
    if (table?.kind !== "table" || holder?.kind !== "table") return;
    const constraint = holder.constraints.find(({ oid }) => oid === check.constraint);
    switch (check.kind) {
      case "unique": {
        const isKey = constraint?.kind === "unique" || constraint?.kind === "primaryKey";
        const index = isKey ? catalog.objectByOid(constraint.index) : null;
        if (index?.kind === "index") expectUnshared(this.#ports, table, index, check.values);
        return;
      }
      case "referenced":
        if (constraint?.kind !== "foreignKey" || this.#isThere(holder, table, constraint, check.values)) return;
        this.#ports.locks.lockTable(holder, false);
        if (!this.#areLeft(holder, new ReferringRows(this.#ports, holder, table, constraint).find(check.values)))
          return;
        throw stillReferenced(this.#ports, table, constraint, holder, check.values);
      case "reference": {
        if (constraint?.kind !== "foreignKey") return;
        const row = this.writer(holder).find(check.rowKey);
        if (row === null) return;
        const values = pick(row.values, constraint.columns);
        if (!refersToNothing(constraint, values)) this.#check({ child: holder, constraint, values });
      }
    }
  }

  /** Checks and follows everything that was written. */
  settle(): void {
    // What follows from a key that is gone comes after the statement's own keys.
    if (this.#gone.length > 0) {
      const [keys, references] = [this.#references.filter(isGivenKey), this.#references.filter(isReference)];
      this.#references = references;
      for (const { writer, key } of keys) writer.settleKey(key);
    }
    let done = 0;
    while (this.#gone.length > 0 || this.#references.length > 0) {
      const [gone, references] = [this.#gone, this.#references];
      done += gone.length + references.length;
      assert(done < actionsMax, "foreign keys of a statement come to an end");
      if (gone.length > 0) {
        this.#gone = [];
        this.#followAll(gone);
        continue;
      }
      this.#references = [];
      for (const each of references) {
        if (isGivenKey(each)) each.writer.settleKey(each.key);
        else this.#check(each);
      }
    }
  }

  /** Keys in a row that have the same consequence have it together: what refers to them is looked for before anything of it is written. */
  #followAll(gone: readonly GoneKey[]): void {
    for (let from = 0; from < gone.length; ) {
      const first = gone[from];
      assert(first !== undefined, "what is followed is there");
      const kind = consequenceOf(first);
      let to = from + 1;
      for (let next = gone[to]; next !== undefined && consequenceOf(next) === kind; next = gone[to]) to += 1;
      const stretch = gone.slice(from, to);
      if (kind === "refused") this.#refuse(stretch);
      else if (kind === "removed") for (const alike of byConstraint(stretch)) this.#remove(alike);
      else {
        for (const [done, each] of stretch.entries()) {
          if (done % checkRows === 0) this.#ports.check();
          this.#follow(each);
        }
      }
      from = to;
    }
  }

  /** Nothing may refer to these keys any more. */
  #refuse(gone: readonly GoneKey[]): void {
    const referring = new Map<number, ReferringRows>();
    const asked = new Map<number, number>();
    for (const { constraint } of gone) asked.set(constraint.oid, (asked.get(constraint.oid) ?? 0) + 1);
    for (const [done, each] of gone.entries()) {
      if (done % checkRows === 0) this.#ports.check();
      const { parent, child, constraint, values } = each;
      if (this.#isBack(each)) continue;
      let rows = referring.get(constraint.oid);
      if (rows === undefined) {
        this.#ports.locks.lockTable(child, false);
        rows = new ReferringRows(this.#ports, child, parent, constraint);
        rows.expect(asked.get(constraint.oid) ?? 0);
        referring.set(constraint.oid, rows);
      }
      if (this.#areLeft(child, rows.find(values)))
        throw stillReferenced(this.#ports, parent, constraint, child, values);
    }
  }

  /** Whether rows that refer to a key are there. Who has removed one, or changed it, and has not committed, is waited for. */
  #areLeft(child: TableDefinition, rowKeys: readonly Uint8Array[]): boolean {
    const { tenant, locks } = this.#ports;
    const key = new TableKey();
    for (const rowKey of rowKeys) locks.awaitWriters(tableTree.rows, key.item(tenant, child.storage, rowKey));
    return rowKeys.length > 0;
  }

  /** What refers to these keys of one constraint by rows that are deleted goes too, or refers to nothing. */
  #remove(gone: readonly GoneKey[]): void {
    const [first] = gone;
    assert(first !== undefined, "keys of a constraint are some");
    const { child, parent, constraint } = first;
    this.#ports.locks.lockTable(child, true);
    const rows = new ReferringRows(this.#ports, child, parent, constraint);
    rows.expect(gone.length);
    const found = gone.flatMap((each, at) => {
      if (at % checkRows === 0) this.#ports.check();
      return this.#isBack(each) ? [] : rows.find(each.values);
    });
    const writer = this.writer(child);
    for (const [done, key] of found.entries()) {
      if (done % checkRows === 0) this.#ports.check();
      const row = writer.toChange(key);
      if (row === null) continue;
      if (constraint.onDelete === "cascade") {
        writer.lockFor(row, null);
        writer.delete(row);
        this.wrote(child, row, null);
      } else this.#change(writer, constraint, row, "setNull", true);
    }
  }

  /** Whether the key has come back, by another row of the same statement. */
  #isBack({ child, parent, constraint, values, now, isEqual }: GoneKey): boolean {
    const action = now === null ? constraint.onDelete : constraint.onUpdate;
    return action !== "restrict" && !isEqual && this.#isThere(child, parent, constraint, values);
  }

  #check({ child, constraint, values }: Reference): void {
    if (values.includes(null)) throw keyMixed(this.#ports, child, constraint);
    const parent = this.#tableOf(constraint.referencedTable);
    const { tenant, reader, locks } = this.#ports;
    locks.lockTable(parent, false);
    const treeKey = this.#referencedBy(child, parent, constraint).find(reader, tenant, values);
    if (treeKey !== null && this.#holds(parent, treeKey, true)) return;
    throw parentMissing(this.#ports, child, constraint, parent, values);
  }

  #tableOf(oid: number): TableDefinition {
    const table = this.#ports.catalog.objectByOid(oid);
    if (table?.kind !== "table") throw new AssertionFailed("a foreign key refers to a table of the catalog");
    return table;
  }

  #referencedBy(child: TableDefinition, parent: TableDefinition, constraint: ForeignKey): ReferencedRows {
    let found = this.#referenced.get(constraint.oid);
    if (found === undefined) {
      found = new ReferencedRows(child, parent, constraint, this.#ports.catalog);
      this.#referenced.set(constraint.oid, found);
    }
    return found;
  }

  /** Whether the referenced table has a row with these values, which are of its own columns. */
  #isThere(child: TableDefinition, parent: TableDefinition, constraint: ForeignKey, values: readonly Datum[]): boolean {
    const { tenant, reader } = this.#ports;
    const treeKey = this.#referencedBy(child, parent, constraint).findOwn(reader, tenant, values);
    return treeKey !== null && this.#holds(parent, treeKey, false);
  }

  #holds(parent: TableDefinition, treeKey: Uint8Array, isKept: boolean): boolean {
    const { reader, locks } = this.#ports;
    // A row that another transaction has inserted and not committed is not there, and is not waited for.
    if (!reader.get(tableTree.rows, treeKey)) return false;
    if (isKept) locks.lock(tableTree.rows, treeKey, "keyShare", "block", parent);
    return true;
  }

  /** What refers to a key that changed follows it, or what refers to a row that is gone takes its defaults. */
  #follow(gone: GoneKey): void {
    const { parent, child, constraint, values, now } = gone;
    const action = now === null ? constraint.onDelete : constraint.onUpdate;
    assert(action !== "noAction" && action !== "restrict", "what is refused has no rows that follow");
    if (this.#isBack(gone)) return;
    this.#ports.locks.lockTable(child, true);
    const writer = this.writer(child);
    for (const key of new ReferringRows(this.#ports, child, parent, constraint).find(values)) {
      const row = writer.toChange(key);
      if (row === null) continue;
      const next = this.#change(writer, constraint, row, action === "cascade" ? now : action, now === null);
      // A default that is the key which is gone changes nothing, so that nobody would look whether it is there.
      const isKept = action === "setDefault" && refersTo(gone, pick(next, constraint.columns));
      if (isKept) throw stillReferenced(this.#ports, parent, constraint, child, values);
    }
  }

  /**
   * @param isDeleted whether the row that was referred to is gone, and not only its key
   * @returns the row's values now
   */
  #change(
    writer: TableWriter,
    constraint: ForeignKey,
    row: StoredRow,
    to: readonly Datum[] | "setNull" | "setDefault" | null,
    isDeleted: boolean,
  ): readonly Datum[] {
    const next = [...row.values];
    const { columns, deleteColumns } = constraint;
    const written = columns.filter((number) => !isDeleted || deleteColumns?.includes(number) !== false);
    for (const [at, number] of columns.entries()) {
      if (!written.includes(number)) continue;
      if (to === "setNull" || to === null) next[number - 1] = null;
      else if (to === "setDefault") next[number - 1] = this.#ports.defaultOf(writer.table, number);
      else next[number - 1] = to[at] ?? null;
    }
    writer.prepare(next, written);
    writer.lockFor(row, next);
    this.wrote(writer.table, row, writer.update(row, next));
    return next;
  }
}

const isGivenKey = (each: Reference | GivenKey): each is GivenKey => "key" in each;
const isReference = (each: Reference | GivenKey): each is Reference => !isGivenKey(each);
const isOfPrimary = (table: TableDefinition, { index }: SharedKey): boolean =>
  constraintOf(table, index).kind === "primaryKey";

/** What comes of a key that is gone. */
function consequenceOf({ constraint, now }: GoneKey): "refused" | "removed" | "changed" {
  const action = now === null ? constraint.onDelete : constraint.onUpdate;
  if (action === "noAction" || action === "restrict") return "refused";
  return now === null && (action === "cascade" || action === "setNull") ? "removed" : "changed";
}

function byConstraint(gone: readonly GoneKey[]): Iterable<readonly GoneKey[]> {
  const groups = new Map<number, GoneKey[]>();
  for (const each of gone) {
    const group = groups.get(each.constraint.oid);
    if (group === undefined) groups.set(each.constraint.oid, [each]);
    else group.push(each);
  }
  return groups.values();
}

/** Whether a row with these values in the referring columns refers to a key that is gone. */
function refersTo({ child, parent, constraint, values }: GoneKey, own: readonly Datum[]): boolean {
  const conversion = keyConversion(child, parent, constraint);
  const referred = conversion === null ? own : conversion.forth(own);
  return referred !== null && isSameKey(parent, constraint.referencedColumns, referred, values);
}

const isSameBytes = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
  a !== undefined && b !== undefined && compareBytes(a, a.length, b, b.length) === 0;

/** Whether equal values are also written alike. */
const isSameForm = (a: readonly Datum[], b: readonly Datum[]): boolean =>
  a.every((value, index) => {
    const other = b[index];
    if (value instanceof Decimal) return other instanceof Decimal && value.scale === other.scale;
    if (value instanceof Interval)
      return other instanceof Interval && value.months === other.months && value.days === other.days;
    // -0 is equal to 0. Other equal values have one form, or none that PostgreSQL tells apart.
    return typeof value !== "number" || Object.is(value, other);
  });
