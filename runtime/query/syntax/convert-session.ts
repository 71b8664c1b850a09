/** Statements about the session and its transaction, of the parser into ours. */
import { tableLockModes } from "../catalog/lock-facts.js";
import { notSupported, SqlError } from "../error.js";
import type { Statement } from "./ast.js";
import type { Explain, LockTable } from "./ast-session.js";
import type { Conversion } from "./conversion.js";
import { convertTableAs } from "./convert-definition.js";
import { convertExecute, selectInto } from "./convert-execute.js";
import { convertTypeName, optional } from "./convert-expression.js";
import { convertData, convertTruncate } from "./convert-modify.js";
import { convertRelation } from "./convert-query.js";
import { convertSet, modesOf } from "./convert-set.js";
import { definitionElements, valueText } from "./options.js";
import {
  type Fields,
  fieldsOf,
  flagOf,
  has,
  itemsOf,
  listOf,
  numberOf,
  stringsOf,
  textOf,
  textOrNull,
  unwrap,
} from "./tree.js";

type Convert = (fields: Fields, conversion: Conversion) => Statement;

const reindexKinds: Readonly<Record<string, string>> = {
  REINDEX_OBJECT_SCHEMA: "REINDEX SCHEMA",
  REINDEX_OBJECT_SYSTEM: "REINDEX SYSTEM",
  REINDEX_OBJECT_DATABASE: "REINDEX DATABASE",
};

/** Concurrently, or more than one table: each is then a transaction. */
function reindexOutside(fields: Fields, conversion: Conversion): string | null {
  const options = definitionElements(listOf(fields, "params"), conversion);
  const isConcurrent = options.some(({ name, value }) => name === "concurrently" && isOn(value));
  return isConcurrent ? "REINDEX CONCURRENTLY" : (reindexKinds[textOf(fields, "kind")] ?? null);
}

const analyzes = (fields: Fields, conversion: Conversion): boolean =>
  definitionElements(listOf(fields, "options"), conversion).some(
    ({ name, value }) => name === "analyze" && isOn(value),
  );

const vacuumOptions =
  "verbose skip_locked analyze freeze full disable_page_skipping index_cleanup process_toast truncate parallel";

/** By command, the options that PostgreSQL 15 knows. None of them changes anything here. */
const maintenanceOptions: ReadonlyMap<string, readonly string[]> = new Map([
  ["VACUUM", vacuumOptions.split(" ")],
  ["ANALYZE", ["verbose", "skip_locked"]],
  ["REINDEX", ["verbose", "concurrently", "tablespace"]],
  ["CLUSTER", ["verbose"]],
]);

/** Throws 42601 for an option that the command does not have. */
function expectOptions(command: string, nodes: readonly unknown[], conversion: Conversion): void {
  const known = maintenanceOptions.get(command) ?? [];
  for (const { name, location } of definitionElements(nodes, conversion))
    if (!known.includes(name))
      throw new SqlError("42601", `unrecognized ${command} option "${name}"`, { position: location });
}

const isOn = (value: unknown): boolean => !["0", "false", "off"].includes(valueText(value) ?? "on");

const maintenance =
  (command: "REINDEX" | "CHECKPOINT" | "CLUSTER"): Convert =>
  (fields, conversion) => {
    expectOptions(command, listOf(fields, "params"), conversion);
    return {
      kind: "maintenance",
      command,
      outsideBlocks:
        command === "REINDEX" ? reindexOutside(fields, conversion) : command === "CLUSTER" ? command : null,
      tables: has(fields, "relation") ? [convertRelation(fields["relation"], conversion)] : [],
      location: -1,
    };
  };

/** By the parser's name of the statement. */
export const sessionConverters: Readonly<Record<string, Convert>> = {
  TransactionStmt: convertTransaction,
  VariableSetStmt: convertSet,
  VariableShowStmt: (fields) => ({ kind: "show", name: textOf(fields, "name").toLowerCase(), location: -1 }),
  DiscardStmt: (fields) => {
    const targets = {
      DISCARD_ALL: "all",
      DISCARD_PLANS: "plans",
      DISCARD_SEQUENCES: "sequences",
      DISCARD_TEMP: "temporary",
    } as const;
    return { kind: "discard", what: targets[textOf(fields, "target") as keyof typeof targets] ?? "all", location: -1 };
  },
  ConstraintsSetStmt: (fields, conversion) => ({
    kind: "setConstraints",
    names: listOf(fields, "constraints").map((item) => convertRelation(item, conversion)),
    isDeferred: flagOf(fields, "deferred"),
    location: -1,
  }),
  CopyStmt: (fields, conversion) => ({
    kind: "copy",
    table: has(fields, "relation") ? convertRelation(fields["relation"], conversion) : null,
    query: has(fields, "query") ? convertData(fields["query"], conversion) : null,
    columns: stringsOf(fields, "attlist"),
    isFrom: flagOf(fields, "is_from"),
    file: textOrNull(fields, "filename"),
    isProgram: flagOf(fields, "is_program"),
    options: definitionElements(listOf(fields, "options"), conversion).map(({ name, value, location }) => ({
      name,
      value:
        value !== null && unwrap(value)[0] === "List"
          ? itemsOf(value).map((item) => valueText(item) ?? "*")
          : valueOrStar(value),
      location,
    })),
    where: optional(fields, "whereClause", conversion),
    location: -1,
  }),
  CreateTableAsStmt: convertTableAs,
  ExplainStmt: convertExplain,
  PrepareStmt: (fields, conversion) => ({
    kind: "prepare",
    name: textOf(fields, "name"),
    types: listOf(fields, "argtypes").map((item) => convertTypeName(item, conversion)),
    statement: convertData(fields["query"], conversion),
    location: -1,
  }),
  ExecuteStmt: convertExecute,
  DeallocateStmt: (fields) => ({
    kind: "deallocate",
    name: flagOf(fields, "isall") ? null : textOrNull(fields, "name"),
    location: -1,
  }),
  DeclareCursorStmt: (fields, conversion) => {
    const options = numberOf(fields, "options");
    return {
      kind: "declareCursor",
      name: textOf(fields, "portalname"),
      query: conversion.convertQuery(fields["query"], conversion),
      isBinary: (options & 0x1) !== 0,
      isScroll: (options & 0x2) !== 0,
      isNoScroll: (options & 0x4) !== 0,
      isHold: (options & 0x20) !== 0,
      location: -1,
    };
  },
  FetchStmt: (fields) => {
    const direction = textOf(fields, "direction");
    // FETCH ALL is the parser's greatest long, of 32 or 64 bits.
    const count = Number(fields["howMany"] ?? 0);
    return {
      kind: "fetch",
      cursor: textOf(fields, "portalname"),
      isMove: flagOf(fields, "ismove"),
      direction:
        direction === "FETCH_BACKWARD"
          ? "backward"
          : direction === "FETCH_ABSOLUTE"
            ? "absolute"
            : direction === "FETCH_RELATIVE"
              ? "relative"
              : "forward",
      count: Math.abs(count) >= 2 ** 31 - 1 ? null : count,
      location: -1,
    };
  },
  ClosePortalStmt: (fields) => ({ kind: "closeCursor", name: textOrNull(fields, "portalname"), location: -1 }),
  ListenStmt: (fields) => ({ kind: "listen", channel: textOf(fields, "conditionname"), location: -1 }),
  UnlistenStmt: (fields) => ({ kind: "unlisten", channel: textOrNull(fields, "conditionname"), location: -1 }),
  NotifyStmt: (fields) => ({
    kind: "notify",
    channel: textOf(fields, "conditionname"),
    payload: textOf(fields, "payload"),
    location: -1,
  }),
  LockStmt: convertLockTable,
  VacuumStmt: (fields, conversion) => {
    const command = flagOf(fields, "is_vacuumcmd") ? "VACUUM" : "ANALYZE";
    expectOptions(command, listOf(fields, "options"), conversion);
    const relations = listOf(fields, "rels").map((item) => fieldsOf(item, "VacuumRelation"));
    return {
      kind: "maintenance",
      command,
      outsideBlocks: command === "VACUUM" ? "VACUUM" : null,
      tables: relations.map(({ relation }) => convertRelation(relation, conversion)),
      columns: relations.map((relation) => stringsOf(relation, "va_cols")),
      analyzes: command === "ANALYZE" || analyzes(fields, conversion),
      location: -1,
    };
  },
  ReindexStmt: maintenance("REINDEX"),
  CheckPointStmt: maintenance("CHECKPOINT"),
  ClusterStmt: (fields, conversion) => {
    const whole = maintenance("CLUSTER")(fields, conversion);
    if (!has(fields, "relation")) return whole;
    return {
      kind: "cluster",
      name: convertRelation(fields["relation"], conversion),
      index: textOrNull(fields, "indexname"),
      location: -1,
    };
  },
  TruncateStmt: convertTruncate,
};

const valueOrStar = (value: unknown): string | null =>
  value !== null && unwrap(value)[0] === "A_Star" ? "*" : valueText(value);

function convertTransaction(fields: Fields, conversion: Conversion): Statement {
  const kind = textOf(fields, "kind");
  const savepoint = textOf(fields, "savepoint_name");
  const location = -1;
  switch (kind) {
    case "TRANS_STMT_BEGIN":
    case "TRANS_STMT_START": {
      const modes = modesOf(listOf(fields, "options"), conversion);
      return { kind: "begin", modes, isStart: kind === "TRANS_STMT_START", location };
    }
    case "TRANS_STMT_COMMIT":
      return { kind: "commit", andChain: flagOf(fields, "chain"), location };
    case "TRANS_STMT_ROLLBACK":
      return { kind: "rollback", andChain: flagOf(fields, "chain"), location };
    case "TRANS_STMT_SAVEPOINT":
      return { kind: "savepoint", name: savepoint, location };
    case "TRANS_STMT_RELEASE":
      return { kind: "release", name: savepoint, location };
    case "TRANS_STMT_ROLLBACK_TO":
      return { kind: "rollbackTo", name: savepoint, location };
    case "TRANS_STMT_PREPARE":
      return { kind: "prepareTransaction", name: textOf(fields, "gid"), location };
    case "TRANS_STMT_COMMIT_PREPARED":
      return { kind: "commitPrepared", name: textOf(fields, "gid"), location };
    case "TRANS_STMT_ROLLBACK_PREPARED":
      return { kind: "rollbackPrepared", name: textOf(fields, "gid"), location };
    default:
      throw notSupported(`the transaction statement ${kind}`);
  }
}

function explained(kind: string, inner: Fields, node: unknown, conversion: Conversion): Explain["statement"] {
  switch (kind) {
    case "ExecuteStmt":
      return convertExecute(inner, conversion);
    case "CreateTableAsStmt":
      return convertTableAs(inner, conversion);
    case "DeclareCursorStmt":
      return conversion.convertQuery(inner["query"], conversion);
    default: {
      const into = selectInto(kind, inner);
      return into === null ? convertData(node, conversion) : convertTableAs(into, conversion);
    }
  }
}

function convertExplain(fields: Fields, conversion: Conversion): Explain {
  const [kind, inner] = unwrap(fields["query"]);
  return {
    kind: "explain",
    statement: explained(kind, inner, fields["query"], conversion),
    options: definitionElements(listOf(fields, "options"), conversion).map(({ name, value, location }) => ({
      name,
      value: valueText(value),
      location,
    })),
    location: -1,
  };
}

function convertLockTable(fields: Fields, conversion: Conversion): LockTable {
  return {
    kind: "lockTable",
    tables: listOf(fields, "relations").map((item) => convertRelation(item, conversion)),
    mode: tableLockModes[numberOf(fields, "mode") - 1] ?? "ACCESS EXCLUSIVE",
    isNoWait: flagOf(fields, "nowait"),
    location: -1,
  };
}
