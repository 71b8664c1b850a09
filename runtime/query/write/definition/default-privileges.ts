/**
 * ALTER DEFAULT PRIVILEGES, and what it comes to when something is made: what was said for any schema stands in the place of what the kind of
 * object begins with, what was said for one schema is added. Functions and types of rows are not made here; what is said of functions is kept
 * and shown, as it would be in PostgreSQL before the first is made.
 */
import { assert } from "../../../types/assert.js";
import type { Catalog, DefaultKind, DefaultPrivileges } from "../../catalog/model.js";
import { type Acl, aclOf, type Guarded, initialAcl, lettersOf, merged, sameAcl } from "../../catalog/privileges.js";
import { SqlError } from "../../error.js";
import type { AlterDefaultPrivileges } from "../../syntax/ast-role.js";
import { changedAcl, granteeOf, letterOf } from "./grant-target.js";
import type { DefinitionPorts, DefinitionResult } from "./ports.js";

interface Kind {
  readonly letter: DefaultKind;
  /** What an owner may do with its own, and what of it everyone may. */
  readonly all: string;
  readonly opened: string;
  /** After "invalid privilege type … for". */
  readonly word: string;
}

/** By the parser's name of the kind. */
const kinds: Readonly<Record<string, Kind>> = {
  table: { letter: "r", all: "arwdDxt", opened: "", word: "relation" },
  sequence: { letter: "S", all: "rwU", opened: "", word: "sequence" },
  function: { letter: "f", all: "X", opened: "X", word: "function" },
  type: { letter: "T", all: "U", opened: "U", word: "type" },
  schema: { letter: "n", all: "UC", opened: "", word: "schema" },
};

function find(catalog: Catalog, role: string, schema: number, objects: DefaultKind): DefaultPrivileges | null {
  const isAsked = (each: DefaultPrivileges): boolean =>
    each.role === role && each.schema === schema && each.objects === objects;
  return catalog.defaultPrivileges.find(isAsked) ?? null;
}

/** Throws 0LP01, 42601. */
function wantedOf({ privileges, columnPrivileges }: AlterDefaultPrivileges["change"], { all, word }: Kind): string {
  if (columnPrivileges.length > 0) throw new SqlError("0LP01", "default privileges cannot be set for columns");
  if (privileges === "all") return all;
  const letters = privileges.map((name) => {
    const letter = letterOf(name);
    if (!all.includes(letter)) throw new SqlError("0LP01", `invalid privilege type ${name.toUpperCase()} for ${word}`);
    return letter;
  });
  return lettersOf(letters.join(""));
}

export function alterDefaultPrivileges(statement: AlterDefaultPrivileges, ports: DefinitionPorts): DefinitionResult {
  const { draft, actor } = ports;
  const { change } = statement;
  const kind = kinds[change.objectType];
  assert(kind !== undefined, "the grammar knows five kinds of objects with default privileges");
  const wanted = wantedOf(change, kind);
  const makers = statement.makers.length === 0 ? [actor.name] : statement.makers.map((role) => granteeOf(role, ports));
  for (const role of makers) {
    if (!actor.isSuperuser && !ports.isMember(role)) throw new SqlError("42501", `must be member of role "${role}"`);
    if (kind.letter === "n" && statement.schemas.length > 0)
      throw new SqlError("0LP01", "cannot use IN SCHEMA clause when using GRANT/REVOKE ON SCHEMAS");
    const schemas = statement.schemas.length === 0 ? [0] : statement.schemas.map((name) => draft.schema(name).oid);
    for (const schema of schemas) alterOne(change, kind, wanted, role, schema, ports);
  }
  return { tag: "ALTER DEFAULT PRIVILEGES" };
}

function alterOne(
  change: AlterDefaultPrivileges["change"],
  kind: Kind,
  wanted: string,
  role: string,
  schema: number,
  ports: DefinitionPorts,
): void {
  const { draft } = ports;
  const initial = schema === 0 ? initialAcl(role, kind.all, kind.opened) : [];
  const before = find(draft.catalog, role, schema, kind.letter);
  const acl = before?.acl ?? initial;
  const label = "default privileges";
  const target = { acl, options: acl, owner: role, all: kind.all, had: kind.all, label, shown: label, isAll: true };
  // Whoever speaks for the role grants in its name.
  const speaker = { name: role, isSuperuser: false, rights: new Set([role]) };
  const next = changedAcl(change, target, wanted, { ...ports, actor: speaker });
  if (!sameAcl(next, initial)) {
    const oid = before?.oid ?? draft.newOid();
    draft.put({ kind: "defaultPrivileges", oid, role, schema, objects: kind.letter, acl: next });
  } else if (before !== null) draft.remove(before.oid);
}

const letterOfKind = ({ kind }: Guarded): DefaultKind | null => {
  switch (kind) {
    case "table":
    case "view":
    case "materializedView":
      return "r";
    case "sequence":
      return "S";
    case "enum":
    case "domain":
    case "composite":
      return "T";
    case "schema":
      return "n";
    case "database":
      return null;
  }
};

/** A new object with the privileges that its maker has said such are to have. */
export function withDefaults<Made extends Guarded>(made: Made, { draft }: Pick<DefinitionPorts, "draft">): Made {
  assert(made.acl === undefined, "nothing was granted yet on what is made");
  const letter = letterOfKind(made);
  if (letter === null) return made;
  const { owner } = made;
  const anywhere = find(draft.catalog, owner, 0, letter);
  const here = "schema" in made ? find(draft.catalog, owner, made.schema, letter) : null;
  if (anywhere === null && here === null) return made;
  const initial = aclOf(made);
  const acl: Acl = merged([...(anywhere?.acl ?? initial), ...(here?.acl ?? [])]);
  return sameAcl(acl, initial) ? made : { ...made, acl };
}
