/** One list of privileges that a GRANT or REVOKE changes: by whom, how far, and what is said of what is left out. */
import { assert } from "../../../types/assert.js";
import { type Acl, type Actor, common, grantableBy, lettersByName, without } from "../../catalog/privileges.js";
import { SqlError } from "../../error.js";
import type { Grant } from "../../syntax/ast-role.js";
import { type AclChange, granted, revoked } from "./acl-change.js";
import type { DefinitionPorts } from "./ports.js";

/** Entries of one list. */
const aclItemsMax = 1_000;

export interface GrantTarget {
  readonly acl: Acl;
  readonly owner: string;
  /** Entries by which somebody may grant on: the list, and of a column also that of its table. */
  readonly options: Acl;
  /** All letters that the list can have. */
  readonly all: string;
  /** Those that whoever asks has there. */
  readonly had: string;
  /** As in "permission denied for table t", and as in "for "t"". */
  readonly label: string;
  readonly shown: string;
  /** All privileges were asked for, in a word: what cannot be granted of them is not worth a warning. */
  readonly isAll: boolean;
}

/** Throws 42601. */
export function letterOf(privilege: string): string {
  const letter = lettersByName.get(privilege.toUpperCase());
  if (letter === undefined) throw new SqlError("42601", `unrecognized privilege type "${privilege}"`);
  return letter;
}

/** A user by name, or by a word for who asks; empty for everyone. */
export function granteeOf(role: string, { user, sessionUser }: Pick<DefinitionPorts, "user" | "sessionUser">): string {
  if (role === "public") return "";
  if (role === "session_user") return sessionUser;
  return role === "current_user" || role === "current_role" ? user : role;
}

type Granting = Pick<Grant, "isGrant" | "roles" | "withGrantOption" | "isCascade">;
type GrantPorts = Pick<DefinitionPorts, "actor" | "user" | "sessionUser" | "rightsOf" | "notice">;

/**
 * The grantor, and what it may hand on of what is wanted: the owner for superusers and for its members; else the nearest of one's roles that
 * may grant all of it, or the most.
 */
function grantorOf(
  { owner, all, options }: GrantTarget,
  actor: Actor,
  wanted: string,
): { grantor: string; may: string } {
  if (actor.isSuperuser || actor.rights.has(owner)) return { grantor: owner, may: wanted };
  let best = { grantor: actor.name, may: "" };
  for (const grantor of actor.rights) {
    const may = common(wanted, grantableBy(options, owner, all, new Set([grantor])));
    if (may.length > best.may.length) best = { grantor, may };
  }
  return best;
}

/** The list as it is then. Throws 42501, 0LP01, 2BP01. */
export function changedAcl(statement: Granting, target: GrantTarget, wanted: string, ports: GrantPorts): Acl {
  assert(wanted !== "", "something is granted or revoked");
  const { owner, all, label, shown } = target;
  const { grantor, may: privileges } = grantorOf(target, ports.actor, wanted);
  if (privileges === "" && target.had === "") throw new SqlError("42501", `permission denied for ${label}`);
  warn(statement, target, wanted, privileges, ports);
  let { acl } = target;
  for (const role of statement.roles) {
    const change: AclChange = {
      owner,
      all,
      grantee: granteeOf(role, ports),
      grantor,
      privileges,
      rightsOf: ports.rightsOf,
      isOfOption: statement.withGrantOption,
    };
    acl = statement.isGrant ? granted(acl, change) : revoked(acl, change, statement.isCascade ? "cascade" : "restrict");
  }
  if (acl.length > aclItemsMax) throw new SqlError("54000", `too many privileges are granted on ${shown}`);
  return acl;
}

function warn(
  { isGrant }: Granting,
  { shown, isAll }: GrantTarget,
  wanted: string,
  done: string,
  { notice }: GrantPorts,
): void {
  const [state, verb] = isGrant ? ["01007", "were granted"] : ["01006", "could be revoked"];
  if (done === "") notice("WARNING", state, `no privileges ${verb} for ${shown}`);
  else if (!isAll && without(wanted, done) !== "") notice("WARNING", state, `not all privileges ${verb} for ${shown}`);
}
