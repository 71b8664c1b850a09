/** Roles, databases and privileges: what is said of who may do what, of whose things are, and of what sessions begin with. */
import type { Located } from "./ast-expression.js";

export interface Grant extends Located {
  readonly kind: "grant";
  readonly isGrant: boolean;
  readonly objectType: string;
  /** Of the objects as a whole. */
  readonly privileges: readonly string[] | "all";
  /** Of some columns of them; null: all that columns have. */
  readonly columnPrivileges: readonly { readonly privilege: string | null; readonly columns: readonly string[] }[];
  readonly objects: readonly (readonly string[])[];
  readonly isAllInSchema: boolean;
  readonly roles: readonly string[];
  readonly withGrantOption: boolean;
  readonly isCascade: boolean;
  /** GRANTED BY. */
  readonly grantor: string | null;
}

/** What of objects that are made later is granted or revoked. */
export interface AlterDefaultPrivileges extends Located {
  readonly kind: "alterDefaultPrivileges";
  /** Whose objects; empty: those of who asks. */
  readonly makers: readonly string[];
  /** Where they are made; empty: anywhere. */
  readonly schemas: readonly string[];
  readonly change: Grant;
}

export interface GrantRole extends Located {
  readonly kind: "grantRole";
  readonly isGrant: boolean;
  readonly granted: readonly string[];
  readonly roles: readonly string[];
  /** WITH ADMIN OPTION, or REVOKE ADMIN OPTION FOR. */
  readonly isAdmin: boolean;
  /** GRANTED BY. */
  readonly grantor: string | null;
}

export interface RoleOption extends Located {
  /** In small letters. */
  readonly name: string;
  readonly value: string | null;
  /** Of IN ROLE and its like. */
  readonly roles: readonly string[];
}

export interface CreateRole extends Located {
  readonly kind: "createRole";
  readonly name: string;
  readonly isUser: boolean;
  readonly options: readonly RoleOption[];
}

export interface AlterRole extends Located {
  readonly kind: "alterRole";
  readonly name: string;
  readonly options: readonly RoleOption[];
}

export interface RenameRole extends Located {
  readonly kind: "renameRole";
  readonly name: string;
  readonly newName: string;
}

export interface DropRole extends Located {
  readonly kind: "dropRole";
  readonly names: readonly string[];
  readonly ifExists: boolean;
}

export interface DropOwned extends Located {
  readonly kind: "dropOwned";
  readonly roles: readonly string[];
  readonly isCascade: boolean;
}

export interface ReassignOwned extends Located {
  readonly kind: "reassignOwned";
  readonly roles: readonly string[];
  readonly newOwner: string;
}

/** A database is a tenant: it is made and dropped by the directory, beside every transaction. */
export interface CreateDatabase extends Located {
  readonly kind: "createDatabase";
  readonly name: string;
  readonly options: readonly { readonly name: string; readonly value: string | null }[];
}

export interface AlterDatabase extends Located {
  readonly kind: "alterDatabase";
  readonly name: string;
  readonly options: readonly { readonly name: string; readonly value: string | null }[];
}

/** What sessions begin with: ALTER ROLE … SET and ALTER DATABASE … SET. */
export interface AlterDefault extends Located {
  readonly kind: "alterDefault";
  readonly of: "role" | "database";
  /** A role's name, or a word for who asks; null: all roles. */
  readonly role: string | null;
  readonly database: string | null;
  /** To this, to what it was before, or everything to what it was. */
  readonly change:
    | { readonly kind: "set"; readonly name: string; readonly values: readonly string[] }
    /** To what the session has. */
    | { readonly kind: "setFromCurrent"; readonly name: string }
    | { readonly kind: "reset"; readonly name: string }
    | { readonly kind: "resetAll" };
}

export interface DropDatabase extends Located {
  readonly kind: "dropDatabase";
  readonly name: string;
  /** WITH (FORCE): its sessions are ended. */
  readonly isForced: boolean;
  readonly ifExists: boolean;
}
