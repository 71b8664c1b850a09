/**
 * How a list of privileges changes by GRANT and REVOKE: PostgreSQL's rules (its `acl.c`), in words of our own.
 *
 *   grant    the grantor's entry for the grantee takes the privileges in
 *   revoke   the grantor's entry loses them; what the grantee has granted on with an option that it loses goes too (CASCADE) or stands in
 *            the way (RESTRICT)
 */
import { assert } from "../../../types/assert.js";
import { type Acl, type AclItem, common, grantableBy, union, without } from "../../catalog/privileges.js";
import { SqlError } from "../../error.js";

export interface AclChange {
  readonly owner: string;
  /** All that the kind of object has. */
  readonly all: string;
  readonly grantee: string;
  readonly grantor: string;
  readonly privileges: string;
  /** Whose grants are somebody's own, by membership. */
  readonly rightsOf: (role: string) => ReadonlySet<string>;
  /** GRANT … WITH GRANT OPTION, or REVOKE GRANT OPTION FOR. */
  readonly isOfOption: boolean;
}

const find = (acl: Acl, grantee: string, grantor: string): AclItem =>
  acl.find((item) => item.grantee === grantee && item.grantor === grantor) ?? {
    grantee,
    grantor,
    privileges: "",
    grantable: "",
  };

/** The list with an entry in the place of the grantor's old one for the same grantee; one without privileges goes. */
function replaced(acl: Acl, next: AclItem): Acl {
  assert(common(next.grantable, next.privileges) === next.grantable, "only what is had is granted on");
  const isSame = (item: AclItem): boolean => item.grantee === next.grantee && item.grantor === next.grantor;
  const isKnown = acl.some(isSame);
  const list = isKnown ? acl.map((item) => (isSame(item) ? next : item)) : [...acl, next];
  return list.filter(({ privileges }) => privileges !== "");
}

/** Throws 0LP01 for an option that would come back to whoever it came from. */
export function granted(acl: Acl, change: AclChange): Acl {
  const { grantee, grantor, privileges, isOfOption } = change;
  if (isOfOption && grantee === "") throw new SqlError("0LP01", "grant options can only be granted to roles");
  const old = find(acl, grantee, grantor);
  const grantable = isOfOption ? union(old.grantable, privileges) : old.grantable;
  if (isOfOption) expectNoCircle(acl, change);
  return replaced(acl, { ...old, privileges: union(old.privileges, privileges), grantable });
}

/** Would the grantor still hold the option if all that the grantee has granted on were taken away? */
function expectNoCircle(acl: Acl, given: AclChange): void {
  const { owner, all, grantee, grantor, privileges, rightsOf } = given;
  if (grantor === owner) return;
  let rest = acl;
  for (;;) {
    const item = rest.find((each) => each.grantee === grantee && each.grantable !== "");
    if (item === undefined) break;
    const change = { ...given, grantor: item.grantor, privileges: item.privileges, isOfOption: false };
    rest = revoked(rest, change, "cascade");
  }
  if (without(privileges, grantableBy(rest, owner, all, rightsOf(grantor))) === "") return;
  throw new SqlError("0LP01", "grant options cannot be granted back to your own grantor");
}

/** Throws 2BP01 when others have what would go too. */
export function revoked(acl: Acl, change: AclChange, behaviour: "restrict" | "cascade"): Acl {
  const { grantee, grantor, privileges, isOfOption } = change;
  const old = find(acl, grantee, grantor);
  const next: AclItem = {
    ...old,
    privileges: isOfOption ? old.privileges : without(old.privileges, privileges),
    grantable: without(old.grantable, privileges),
  };
  const list = replaced(acl, next);
  const lost = without(old.grantable, next.grantable);
  return lost === "" ? list : revokedOn(list, change, lost, behaviour);
}

/** What somebody granted on by an option that it no longer has. */
function revokedOn(acl: Acl, before: AclChange, lost: string, behaviour: "restrict" | "cascade"): Acl {
  const { owner, all, grantee: from, rightsOf } = before;
  if (from === owner) return acl;
  const gone = without(lost, grantableBy(acl, owner, all, rightsOf(from)));
  let list = acl;
  // Each round takes one entry's privileges away, so there are no more rounds than entries, here and in those below.
  for (;;) {
    const item = list.find((each) => each.grantor === from && common(each.privileges, gone) !== "");
    if (item === undefined || gone === "") return list;
    if (behaviour === "restrict") {
      throw new SqlError("2BP01", "dependent privileges exist", { hint: "Use CASCADE to revoke them too." });
    }
    const change = { ...before, grantee: item.grantee, grantor: from, privileges: gone, isOfOption: false };
    list = revoked(list, change, behaviour);
  }
}
