/** Lists of privileges as values: `aclitem`, which is kept as its text (`reader=r*w/owner`), and what such a list says, row by row. */
import { type AclItem, aclText, lettersByName, privilegeNames } from "../../catalog/privileges.js";
import { roleOidOf } from "../../catalog/role-set.js";
import { CatalogWorld } from "../../catalog/system/world.js";
import { SqlError } from "../../error.js";
import { SqlArray } from "../../types/array.js";
import { readQualifiedName } from "../../types/quote.js";
import { SqlRecord } from "../../types/record.js";
import { type Oid, sqlType, typeOid } from "../../types/sql-type.js";
import { textOf } from "../../types/text.js";
import type { EvaluationContext } from "../context.js";
import { type Implementation, sets, strictly } from "../define.js";

const columns = [typeOid.oid, typeOid.oid, typeOid.text, typeOid.bool].map((oid) => sqlType(oid));
const names = ["grantor", "grantee", "privilege_type", "is_grantable"];

/** The order in which PostgreSQL tells of privileges. */
const toldOrder = "arwdDxtXUCTc";

function itemOf(text: string): AclItem {
  const [, grantee = "", letters = "", grantor = ""] = /^((?:"[^"]*")*[^"=]*)=([a-zA-Z*]*)\/(.*)$/su.exec(text) ?? [];
  const nameOf = (name: string): string => (name === "" ? "" : (readQualifiedName(name)[0] ?? ""));
  const privileges = letters.replaceAll("*", "");
  const grantable = Array.from(letters.matchAll(/([a-zA-Z])\*/gu), ([, letter = ""]) => letter).join("");
  return { grantee: nameOf(grantee), grantor: nameOf(grantor), privileges, grantable };
}

const oidOf = (role: string): Oid => (role === "" ? 0 : roleOidOf(role));

/** A row for each privilege of each entry. */
function* exploded(list: SqlArray): Iterable<SqlRecord> {
  for (const item of list.items) {
    if (item === null) throw new SqlError("22004", "ACL arrays must not contain null values");
    const { grantee, grantor, privileges, grantable } = itemOf(textOf(item));
    for (const letter of toldOrder)
      if (privileges.includes(letter)) {
        const row = [oidOf(grantor), oidOf(grantee), privilegeNames[letter] ?? "", grantable.includes(letter)];
        yield new SqlRecord(columns, row, names);
      }
  }
}

/** Throws 22023 for what is no privilege. */
function letterOf(name: string): string {
  const letter = lettersByName.get(name.toUpperCase());
  if (letter === undefined) throw new SqlError("22023", `unrecognized privilege type: "${name}"`);
  return letter;
}

function made(grantee: Oid, grantor: Oid, privilege: string, isGrantable: boolean, context: EvaluationContext): string {
  const world = new CatalogWorld(context);
  const roleName = (oid: Oid): string => (oid === 0 ? "" : (world.roleName(oid) ?? `${oid}`));
  const letter = letterOf(privilege);
  return aclText({
    grantee: roleName(grantee),
    grantor: roleName(grantor),
    privileges: letter,
    grantable: isGrantable ? letter : "",
  });
}

/** Whether an entry of the list gives all that the other one does, as the same grantor's to the same grantee. */
function contains(list: SqlArray, text: string): boolean {
  const asked = itemOf(text);
  const holds = (all: string, some: string): boolean => Array.from(some).every((letter) => all.includes(letter));
  return list.items.some((item) => {
    const { grantee, grantor, privileges, grantable } = itemOf(textOf(item ?? ""));
    const isTheirs = grantee === asked.grantee && grantor === asked.grantor;
    return isTheirs && holds(privileges, asked.privileges) && holds(grantable, asked.grantable);
  });
}

export const accessLists: readonly Implementation[] = [
  ...sets({ "aclexplode(_aclitem)": exploded }),
  ...strictly({
    "makeaclitem(oid,oid,text,bool)": made,
    "aclcontains(_aclitem,aclitem)": (list, item) => contains(list, textOf(item ?? "")),
  }),
];
