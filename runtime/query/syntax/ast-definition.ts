/**
 * Statements that define things, as they were written. Their expressions and queries have text too: what `print.ts` makes of the tree.
 */
import type { Expression, Located, TypeName } from "./ast-expression.js";
import type { Query, RelationName } from "./ast-query.js";
import type {
  AlterDatabase,
  AlterDefault,
  AlterDefaultPrivileges,
  AlterRole,
  CreateDatabase,
  CreateRole,
  DropDatabase,
  DropOwned,
  DropRole,
  Grant,
  GrantRole,
  ReassignOwned,
  RenameRole,
} from "./ast-role.js";

export type ReferentialAction = "noAction" | "restrict" | "cascade" | "setNull" | "setDefault";

export interface SequenceOptions extends Located {
  readonly type: TypeName | null;
  readonly start: string | null;
  readonly increment: string | null;
  /** Undefined: not written. Null: NO MINVALUE. Numbers are decimal text, as they may be beyond 2^53. */
  readonly minimum: string | null | undefined;
  readonly maximum: string | null | undefined;
  readonly cache: string | null;
  readonly cycles: boolean | null;
  /** `OWNED BY t.c`; empty for OWNED BY NONE; null when not written. */
  readonly ownedBy: readonly string[] | null;
  /** ALTER SEQUENCE … RESTART [WITH n]: undefined is not written, null is without a number. */
  readonly restart: string | null | undefined;
  /** `SEQUENCE NAME s.n` of an identity column; null when not written. */
  readonly name: RelationName | null;
}

/** A constraint of a column or of a table. `columns` is empty for a column's own. */
export type ConstraintSyntax = Located & {
  readonly name: string | null;
  readonly isDeferrable: boolean;
  readonly isInitiallyDeferred: boolean;
  readonly isNotValid: boolean;
} & (
    | { readonly kind: "notNull" | "null" }
    | { readonly kind: "default"; readonly expression: Expression }
    | { readonly kind: "check"; readonly expression: Expression }
    | {
        readonly kind: "primaryKey" | "unique";
        readonly columns: readonly string[];
        readonly included: readonly string[];
        readonly nullsNotDistinct: boolean;
        /** ADD CONSTRAINT … USING INDEX. */
        readonly index: string | null;
      }
    | {
        readonly kind: "foreignKey";
        readonly columns: readonly string[];
        readonly table: RelationName;
        readonly referencedColumns: readonly string[];
        readonly match: "simple" | "full" | "partial";
        readonly onUpdate: ReferentialAction;
        readonly onDelete: ReferentialAction;
        /** ON DELETE SET NULL (a, b): all of the constraint's where none is named. */
        readonly deleteColumns: readonly string[];
      }
    | { readonly kind: "identity"; readonly when: "always" | "byDefault"; readonly options: SequenceOptions }
    | { readonly kind: "generated"; readonly expression: Expression; readonly isStored: boolean }
  );

export interface ColumnSyntax extends Located {
  readonly name: string;
  readonly type: TypeName;
  readonly collation: readonly string[] | null;
  /** Where COLLATE stands; -1 without one. */
  readonly collationLocation: number;
  readonly constraints: readonly ConstraintSyntax[];
}

/** What becomes of a temporary table when a transaction commits; null where nothing was written. */
export type OnCommit = "preserve" | "deleteRows" | "drop" | null;

export interface CreateTable extends Located {
  readonly kind: "createTable";
  readonly name: RelationName;
  readonly ifNotExists: boolean;
  readonly isTemporary: boolean;
  readonly onCommit: OnCommit;
  readonly isUnlogged: boolean;
  readonly columns: readonly ColumnSyntax[];
  readonly constraints: readonly ConstraintSyntax[];
  /** `LIKE other [INCLUDING …]`, the options as PostgreSQL's bits. */
  /** `at`: how many of the columns stand before it. */
  readonly likes: readonly { readonly table: RelationName; readonly options: number; readonly at: number }[];
  /** Clauses that change what the table is: INHERITS, PARTITION BY, OF, ON COMMIT, WITH (…). */
  readonly clauses: readonly string[];
}

export interface CreateTableAs extends Located {
  readonly kind: "createTableAs";
  readonly name: RelationName;
  readonly columns: readonly string[];
  readonly ifNotExists: boolean;
  readonly isTemporary: boolean;
  readonly isUnlogged: boolean;
  readonly onCommit: OnCommit;
  readonly isMaterializedView: boolean;
  /** `WITH (maintenance = …)` of a materialized view; null when it is not written. */
  readonly maintenance: "incremental" | "refresh" | null;
  readonly withData: boolean;
  /** It was written as AS EXECUTE, which counts its rows where there are none. */
  readonly isOfExecute?: true;
  readonly query: Query;
}

export type AlterTableAction = Located &
  (
    | { readonly kind: "addColumn"; readonly column: ColumnSyntax; readonly ifNotExists: boolean }
    | { readonly kind: "dropColumn"; readonly column: string; readonly ifExists: boolean; readonly isCascade: boolean }
    | { readonly kind: "setDefault"; readonly column: string; readonly expression: Expression }
    | { readonly kind: "dropDefault" | "setNotNull" | "dropNotNull"; readonly column: string }
    | {
        readonly kind: "setType";
        readonly column: string;
        readonly type: TypeName;
        readonly collation: readonly string[] | null;
        readonly using: Expression | null;
      }
    | { readonly kind: "addConstraint"; readonly constraint: ConstraintSyntax }
    | {
        readonly kind: "dropConstraint";
        readonly name: string;
        readonly ifExists: boolean;
        readonly isCascade: boolean;
      }
    | {
        readonly kind: "alterConstraint";
        readonly name: string;
        readonly isDeferrable: boolean;
        readonly isInitiallyDeferred: boolean;
      }
    | { readonly kind: "validateConstraint"; readonly name: string }
    | { readonly kind: "addIdentity"; readonly column: string; readonly constraint: ConstraintSyntax }
    | {
        readonly kind: "setIdentity";
        readonly column: string;
        readonly when: "always" | "byDefault" | null;
        readonly options: SequenceOptions;
      }
    | { readonly kind: "dropIdentity" | "dropExpression"; readonly column: string; readonly ifExists: boolean }
    | { readonly kind: "setOwner"; readonly owner: string }
    | { readonly kind: "setPersistence"; readonly isUnlogged: boolean }
    | { readonly kind: "clusterOn"; readonly index: string | null }
    | ReplicaIdentity
    | Switched
    /** SET or RESET of options; what a view demands of rows: null for nothing, undefined when nothing is said of it. */
    | { readonly kind: "setOptions"; readonly checkOption: "local" | "cascaded" | null | undefined }
    /**
     * What changes no answer: how columns are sampled, laid out or compressed, how full pages are to be. Null: of the whole table. Of values
     * themselves is how they are laid out, where, and compressed.
     */
    | { readonly kind: "hint"; readonly column: string | null; readonly isOfValues: boolean }
    | { readonly kind: "other"; readonly name: string }
  );

/** What tells a row that is changed to who replicates; `index`: by its name, where one is to do it. */
export interface ReplicaIdentity {
  readonly kind: "replicaIdentity";
  readonly identity: "default" | "full" | "nothing" | "index";
  readonly index: string;
}

/** ENABLE or DISABLE of all triggers, of those that users made, or of a trigger or a rule by its name. */
export interface Switched {
  readonly kind: "switched";
  readonly what: "trigger" | "rule";
  readonly which: "all" | "user" | { readonly name: string };
  readonly isEnabled: boolean;
}

export interface AlterTable extends Located {
  readonly kind: "alterTable";
  readonly objectType: "table" | "index" | "sequence" | "view" | "materializedView";
  readonly name: RelationName;
  readonly ifExists: boolean;
  readonly actions: readonly AlterTableAction[];
}

/** CLUSTER of one table, by the index that it was clustered by before if none is named. */
export interface Cluster extends Located {
  readonly kind: "cluster";
  readonly name: RelationName;
  readonly index: string | null;
}

export interface Rename extends Located {
  readonly kind: "rename";
  readonly objectType:
    | "table"
    | "column"
    | "constraint"
    | "index"
    | "sequence"
    | "view"
    | "materializedView"
    | "schema";
  readonly name: RelationName;
  /** Column or constraint of the relation; null when the object itself is renamed. */
  readonly part: string | null;
  /** What the relation is said to be, whose column or constraint is renamed. */
  readonly ofType?: "table" | "view";
  readonly newName: string;
  readonly ifExists: boolean;
}

export interface SetSchema extends Located {
  readonly kind: "setSchema";
  readonly objectType: "table" | "index" | "sequence" | "view" | "materializedView";
  readonly name: RelationName;
  readonly newSchema: string;
  readonly ifExists: boolean;
}

export interface SetOwner extends Located {
  readonly kind: "setOwner";
  readonly objectType: string;
  readonly name: readonly string[];
  readonly owner: string;
}

export interface IndexKeySyntax {
  readonly column: string | null;
  readonly expression: Expression | null;
  readonly isDescending: boolean;
  readonly nullsFirst: boolean | null;
  readonly collation: readonly string[] | null;
  readonly operatorClass: readonly string[] | null;
}

export interface CreateIndex extends Located {
  readonly kind: "createIndex";
  readonly name: string | null;
  readonly table: RelationName;
  readonly method: string;
  readonly keys: readonly IndexKeySyntax[];
  readonly included: readonly string[];
  readonly isUnique: boolean;
  readonly nullsNotDistinct: boolean;
  readonly where: Expression | null;
  readonly ifNotExists: boolean;
  readonly isConcurrent: boolean;
  readonly clauses: readonly string[];
}

export interface CreateView extends Located {
  readonly kind: "createView";
  readonly name: RelationName;
  readonly columns: readonly string[];
  readonly query: Query;
  readonly orReplace: boolean;
  readonly isTemporary: boolean;
  readonly checkOption: "none" | "local" | "cascaded";
}

export interface CreateSchema extends Located {
  readonly kind: "createSchema";
  readonly name: string | null;
  readonly owner: string | null;
  readonly ifNotExists: boolean;
  /** What is made in it, in the order in which it is made. */
  readonly elements: readonly DefinitionStatement[];
}

/** CREATE EXTENSION: what there is of them is there already. */
export interface CreateExtension extends Located {
  readonly kind: "createExtension";
  readonly name: string;
  readonly ifNotExists: boolean;
}

export interface CreateSequence extends Located {
  readonly kind: "createSequence";
  readonly name: RelationName;
  readonly options: SequenceOptions;
  readonly ifNotExists: boolean;
  readonly isTemporary: boolean;
  readonly isUnlogged: boolean;
}

export interface AlterSequence extends Located {
  readonly kind: "alterSequence";
  readonly name: RelationName;
  readonly options: SequenceOptions;
  readonly ifExists: boolean;
}

export interface Drop extends Located {
  readonly kind: "drop";
  readonly objectType: "table" | "view" | "materializedView" | "index" | "sequence" | "schema";
  readonly names: readonly RelationName[];
  readonly ifExists: boolean;
  readonly isCascade: boolean;
  readonly isConcurrent: boolean;
}

/** CREATE TYPE … AS ENUM. */
export interface CreateEnum extends Located {
  readonly kind: "createEnum";
  readonly name: RelationName;
  readonly labels: readonly string[];
}

/** CREATE TYPE … AS (…). */
export interface CreateComposite extends Located {
  readonly kind: "createComposite";
  readonly name: RelationName;
  /** Without constraints. */
  readonly attributes: readonly ColumnSyntax[];
}

export type AttributeAction =
  | { readonly kind: "add"; readonly attribute: ColumnSyntax }
  | { readonly kind: "drop"; readonly name: string; readonly ifExists: boolean; readonly isCascade: boolean }
  | {
      readonly kind: "setType";
      readonly name: string;
      readonly type: TypeName;
      readonly collation: readonly string[] | null;
      readonly location: number;
    };

export interface AlterType extends Located {
  readonly kind: "alterType";
  readonly isDomain: boolean;
  readonly name: RelationName;
  readonly change:
    | {
        readonly kind: "addValue";
        readonly label: string;
        readonly ifNotExists: boolean;
        /** The label before or behind which it stands; null: behind all. */
        readonly neighbor: string | null;
        readonly isBehind: boolean;
      }
    | { readonly kind: "renameValue"; readonly label: string; readonly newLabel: string }
    | { readonly kind: "rename"; readonly newName: string }
    | { readonly kind: "setSchema"; readonly newSchema: string }
    | { readonly kind: "renameAttribute"; readonly attribute: string; readonly newName: string }
    | { readonly kind: "attributes"; readonly actions: readonly AttributeAction[] };
}

export interface CreateDomain extends Located {
  readonly kind: "createDomain";
  readonly name: RelationName;
  readonly type: TypeName;
  readonly collation: readonly string[] | null;
  readonly constraints: readonly ConstraintSyntax[];
}

export interface AlterDomain extends Located {
  readonly kind: "alterDomain";
  readonly name: RelationName;
  readonly change:
    | { readonly kind: "setDefault"; readonly expression: Expression | null }
    | { readonly kind: "setNotNull" | "dropNotNull" }
    | { readonly kind: "addConstraint"; readonly constraint: ConstraintSyntax }
    | { readonly kind: "dropConstraint"; readonly constraint: string; readonly ifExists: boolean }
    | { readonly kind: "validateConstraint"; readonly constraint: string }
    | { readonly kind: "renameConstraint"; readonly constraint: string; readonly newName: string };
}

export interface DropType extends Located {
  readonly kind: "dropType";
  readonly isDomain: boolean;
  readonly names: readonly RelationName[];
  readonly ifExists: boolean;
  readonly isCascade: boolean;
}

export interface RefreshMaterializedView extends Located {
  readonly kind: "refreshMaterializedView";
  readonly name: RelationName;
  readonly isConcurrent: boolean;
  readonly withData: boolean;
}

export interface CommentOn extends Located {
  readonly kind: "comment";
  readonly objectType: string;
  readonly name: readonly string[];
  readonly text: string | null;
}

export type DefinitionStatement =
  | Cluster
  | CreateEnum
  | CreateComposite
  | AlterType
  | DropType
  | CreateDomain
  | AlterDomain
  | DropOwned
  | ReassignOwned
  | CreateTable
  | CreateTableAs
  | AlterTable
  | Rename
  | SetSchema
  | SetOwner
  | CreateIndex
  | CreateView
  | CreateSchema
  | CreateExtension
  | CreateSequence
  | AlterSequence
  | Drop
  | RefreshMaterializedView
  | CommentOn
  | Grant
  | AlterDefaultPrivileges
  | GrantRole
  | CreateRole
  | AlterRole
  | RenameRole
  | DropRole
  | CreateDatabase
  | AlterDatabase
  | AlterDefault
  | DropDatabase;
