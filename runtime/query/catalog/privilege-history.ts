/**
 * Who had which right when: the lists of privileges of all definitions that ever were, as spans of positions. Definitions change for other
 * reasons too; a right that goes on is one span. A schema `public` that nobody has changed is not in the trees: what it begins with holds
 * from the first position on.
 */
import type { TreeReader } from "../../store/tree.js";
import { assert } from "../../types/assert.js";
import { catalogHistory, publicSchema } from "./over-trees.js";
import { type AclItem, aclOf, columnsOf, type Guarded, isGuarded, kindName } from "./privileges.js";

export interface PrivilegeSpan {
  readonly kind: string;
  readonly schema: string;
  readonly name: string;
  /** Of a right on one column; null: on the whole. */
  readonly column: string | null;
  /** Empty: everyone. */
  readonly grantee: string;
  readonly grantor: string;
  readonly letter: string;
  readonly isGrantable: boolean;
  /** It holds from the commit at this position on … */
  readonly from: number;
  /** … until the one at this position; null: it still holds. */
  to: number | null;
}

interface Version {
  readonly object: Guarded;
  readonly from: number;
  /** Infinity: it still holds. */
  readonly to: number;
}

/** @param bound positions below it are seen */
export function privilegeHistory(reader: TreeReader, tenant: number, bound: number): readonly PrivilegeSpan[] {
  assert(bound >= 0, "positions are counted from 0");
  const versions: Version[] = [];
  let publicTo = Number.POSITIVE_INFINITY;
  for (const { object, from, to } of catalogHistory(reader, tenant, { from: 0, to: Math.max(1, bound) })) {
    if (object.oid === publicSchema.oid) publicTo = Math.min(publicTo, from);
    if (isGuarded(object)) versions.push({ object, from, to });
  }
  if (publicTo > 0) versions.push({ object: publicSchema, from: 0, to: publicTo });
  versions.sort((a, b) => a.from - b.from || a.object.oid - b.object.oid);
  return spansOf(versions, bound);
}

/** Entries of an object's list, and of those of its columns. */
const itemsOf = (object: Guarded): readonly { readonly column: string | null; readonly item: AclItem }[] => [
  ...aclOf(object).map((item) => ({ column: null, item })),
  ...columnsOf(object).flatMap(({ name, acl = [] }) => acl.map((item) => ({ column: name, item }))),
];

function spansOf(versions: readonly Version[], bound: number): readonly PrivilegeSpan[] {
  const schemas = new Map<number, string>();
  const open = new Map<string, PrivilegeSpan>();
  const spans: PrivilegeSpan[] = [];
  for (const { object, from, to } of versions) {
    if (object.kind === "schema") schemas.set(object.oid, object.name);
    const schema =
      object.kind === "schema" ? object.name : "schema" in object ? (schemas.get(object.schema) ?? "") : "";
    const end = to < bound ? to : null;
    for (const { column, item } of itemsOf(object)) {
      const { grantee, grantor, privileges, grantable } = item;
      for (const letter of privileges) {
        const isGrantable = grantable.includes(letter);
        const key = JSON.stringify([object.oid, schema, object.name, column, grantee, grantor, letter, isGrantable]);
        const before = open.get(key);
        if (before !== undefined && before.to === from) {
          before.to = end;
          continue;
        }
        const span = {
          kind: kindName(object),
          schema,
          name: object.name,
          column,
          grantee,
          grantor,
          letter,
          isGrantable,
        };
        const made: PrivilegeSpan = { ...span, from, to: end };
        open.set(key, made);
        spans.push(made);
      }
    }
  }
  assert(
    spans.every(({ from, to }) => to === null || to > from),
    "a right holds for at least one position",
  );
  return spans;
}
