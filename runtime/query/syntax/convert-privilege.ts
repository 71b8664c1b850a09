/** Roles, databases and privileges, of the parser into ours. */
import { notSupported, SqlError } from "../error.js";
import type { DefinitionStatement } from "./ast-definition.js";
import type { AlterDefault, Grant, RoleOption } from "./ast-role.js";
import type { Conversion } from "./conversion.js";
import { convertSet } from "./convert-set.js";
import { nameParts, objectName } from "./definition-names.js";
import { definitionElements, roleName, valueText } from "./options.js";
import {
  type Fields,
  fieldsOf,
  flagOf,
  has,
  itemsOf,
  listOf,
  stringNode,
  stringsOf,
  textOf,
  textOrNull,
} from "./tree.js";

type Convert = (fields: Fields, conversion: Conversion) => DefinitionStatement;

const optionsOf = (fields: Fields, conversion: Conversion) =>
  definitionElements(listOf(fields, "options"), conversion).map(({ name, value }) => ({
    name,
    value: valueText(value),
  }));

const roleOptionsOf = (fields: Fields, conversion: Conversion): RoleOption[] =>
  definitionElements(listOf(fields, "options"), conversion).map(({ name, value, location }) => {
    const isList = typeof value === "object" && value !== null && "List" in value;
    const items = isList ? listOf(fieldsOf(value, "List"), "items") : [];
    return { name, value: isList ? null : valueText(value), roles: items.map(roleName), location };
  });

/** Whether a grant of roles is about the option to grant them on. Throws 0A000 for options of later versions of PostgreSQL. */
function isOfAdmin(fields: Fields, conversion: Conversion): boolean {
  const options = definitionElements(listOf(fields, "opt"), conversion);
  const other = options.find(({ name }) => name !== "admin");
  if (other !== undefined) throw notSupported(`the ${other.name} option of a grant of roles`);
  const [admin] = options;
  return admin !== undefined && (!flagOf(fields, "is_grant") || valueText(admin.value) === "true");
}

/** What a GRANT or REVOKE is about, apart by whole objects and columns. */
function privilegesOf(fields: Fields): Pick<Grant, "privileges" | "columnPrivileges"> {
  const named = listOf(fields, "privileges").map((item) => {
    const privilege = fieldsOf(item, "AccessPriv");
    return { privilege: textOrNull(privilege, "priv_name"), columns: stringsOf(privilege, "cols") };
  });
  const ofWhole = named.flatMap(({ privilege, columns }) =>
    privilege === null || columns.length > 0 ? [] : [privilege],
  );
  return {
    privileges: named.length === 0 ? "all" : ofWhole,
    columnPrivileges: named.filter(({ columns }) => columns.length > 0),
  };
}

const grantOf = (fields: Fields): Grant => ({
  kind: "grant",
  isGrant: flagOf(fields, "is_grant"),
  objectType: objectName(textOf(fields, "objtype")),
  ...privilegesOf(fields),
  objects: listOf(fields, "objects").map(nameParts),
  isAllInSchema: textOf(fields, "targtype") === "ACL_TARGET_ALL_IN_SCHEMA",
  roles: listOf(fields, "grantees").map(roleName),
  withGrantOption: flagOf(fields, "grant_option"),
  isCascade: textOf(fields, "behavior") === "DROP_CASCADE",
  grantor: has(fields, "grantor") ? roleName(fields["grantor"]) : null,
  location: -1,
});

function defaultChange(fields: Fields, conversion: Conversion): AlterDefault["change"] {
  const node = fieldsOf(fields["setstmt"], "VariableSetStmt");
  if (textOf(node, "kind") === "VAR_SET_CURRENT") return { kind: "setFromCurrent", name: textOf(node, "name") };
  const change = convertSet(node, conversion);
  switch (change.kind) {
    case "set":
      return { kind: "set", name: change.name, values: change.values };
    case "reset":
      return { kind: "reset", name: change.name };
    case "resetAll":
      return { kind: "resetAll" };
    default:
      throw notSupported("modes of transactions as what sessions begin with");
  }
}

/** By the parser's name of the statement. */
export const privilegeConverters: Readonly<Record<string, Convert>> = {
  GrantStmt: grantOf,
  AlterDefaultPrivilegesStmt: (fields, conversion) => {
    const options = definitionElements(listOf(fields, "options"), conversion);
    const named = (name: string): readonly unknown[] =>
      options.filter((each) => each.name === name).flatMap(({ value }) => itemsOf(value));
    if (new Set(options.map(({ name }) => name)).size < options.length)
      throw new SqlError("42601", "conflicting or redundant options");
    return {
      kind: "alterDefaultPrivileges",
      makers: named("roles").map(roleName),
      schemas: named("schemas").map(stringNode),
      change: grantOf(fieldsOf(fields["action"], "GrantStmt")),
      location: -1,
    };
  },
  GrantRoleStmt: (fields, conversion) => ({
    kind: "grantRole",
    isGrant: flagOf(fields, "is_grant"),
    granted: listOf(fields, "granted_roles").map((item) => textOf(fieldsOf(item, "AccessPriv"), "priv_name")),
    roles: listOf(fields, "grantee_roles").map(roleName),
    isAdmin: isOfAdmin(fields, conversion),
    grantor: has(fields, "grantor") ? roleName(fields["grantor"]) : null,
    location: -1,
  }),
  CreateRoleStmt: (fields, conversion) => ({
    kind: "createRole",
    name: textOf(fields, "role"),
    isUser: textOf(fields, "stmt_type") === "ROLESTMT_USER",
    options: roleOptionsOf(fields, conversion),
    location: -1,
  }),
  AlterRoleStmt: (fields, conversion) => ({
    kind: "alterRole",
    name: roleName(fields["role"]),
    options: roleOptionsOf(fields, conversion),
    location: -1,
  }),
  DropOwnedStmt: (fields) => ({
    kind: "dropOwned",
    roles: listOf(fields, "roles").map(roleName),
    isCascade: textOf(fields, "behavior") === "DROP_CASCADE",
    location: -1,
  }),
  ReassignOwnedStmt: (fields) => ({
    kind: "reassignOwned",
    roles: listOf(fields, "roles").map(roleName),
    newOwner: roleName(fields["newrole"]),
    location: -1,
  }),
  DropRoleStmt: (fields) => ({
    kind: "dropRole",
    names: listOf(fields, "roles").map(roleName),
    ifExists: flagOf(fields, "missing_ok"),
    location: -1,
  }),
  CreatedbStmt: (fields, conversion) => ({
    kind: "createDatabase",
    name: textOf(fields, "dbname"),
    options: optionsOf(fields, conversion),
    location: -1,
  }),
  AlterDatabaseStmt: (fields, conversion) => ({
    kind: "alterDatabase",
    name: textOf(fields, "dbname"),
    options: optionsOf(fields, conversion),
    location: -1,
  }),
  AlterRoleSetStmt: (fields, conversion) => ({
    kind: "alterDefault",
    of: "role",
    role: has(fields, "role") ? roleName(fields["role"]) : null,
    database: textOrNull(fields, "database"),
    change: defaultChange(fields, conversion),
    location: -1,
  }),
  AlterDatabaseSetStmt: (fields, conversion) => ({
    kind: "alterDefault",
    of: "database",
    role: null,
    database: textOf(fields, "dbname"),
    change: defaultChange(fields, conversion),
    location: -1,
  }),
  DropdbStmt: (fields) => ({
    kind: "dropDatabase",
    name: textOf(fields, "dbname"),
    isForced: has(fields, "options"),
    ifExists: flagOf(fields, "missing_ok"),
    location: -1,
  }),
};
