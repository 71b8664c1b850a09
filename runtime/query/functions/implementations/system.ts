/** What a session may ask about itself, its settings, its catalog and its sequences. */

import { noRole } from "../../catalog/role-set.js";
import { columnComment, objectComment } from "../../catalog/system/comments.js";
import { checkText, columnName, constraintText, indexKeyText, indexText } from "../../catalog/system/definitions.js";
import { ExpressionWorld } from "../../catalog/system/expression-world.js";
import { keywordFacts } from "../../catalog/system/facts/keywords.js";
import { withNames } from "../../catalog/system/names.js";
import { temporarySchemas } from "../../catalog/temporary.js";
import { eventsOf, updatableEvents } from "../../catalog/updatable-view.js";
import { SqlError } from "../../error.js";
import { isCustomSetting, serverVersion, settingNamed, settingValue, unknownSetting } from "../../settings.js";
import { SqlArray } from "../../types/array.js";
import { codecOf } from "../../types/codecs.js";
import type { Datum, Int64 } from "../../types/datum.js";
import { type Decimal, decimalText } from "../../types/decimal.js";
import { quoteIdentifier, readQualifiedName } from "../../types/quote.js";
import { SqlRecord } from "../../types/record.js";
import { type Oid, sqlType, typeOid } from "../../types/sql-type.js";
import { textOf } from "../../types/text.js";
import type { NamedObjectKind, ObjectNames } from "../../types/text-context.js";
import { formatType, intervalLimits, numericLimits, typeLabel } from "../../types/type-name.js";
import { elementTypeOf, typeFactsOf } from "../../types/type-table.js";
import type { EvaluationContext } from "../context.js";
import { type Implementation, nullably, sets, strictly, variadics } from "../define.js";
import { allProcedures, procedureOf } from "../procedures.js";
import { expectSequence, privilegeImplementations } from "./privileges.js";
import { sizes } from "./sizes.js";

const worldOf = (context: EvaluationContext): ExpressionWorld => new ExpressionWorld(context);

function currentSetting(name: string, isMissingFine: boolean, context: EvaluationContext): Datum {
  const value = context.session.setting(name);
  if (value !== null) return value;
  if (isMissingFine) return null;
  throw unknownSetting(name);
}

function changeSetting(name: string, value: string | null, isLocal: boolean, context: EvaluationContext): Datum {
  const definition = settingNamed(name);
  if (definition === undefined && !isCustomSetting(name)) throw unknownSetting(name);
  if (definition?.name === "role") return becomeRole(value ?? noRole, isLocal, context);
  if (definition?.isFixed === true) throw new SqlError("55P02", `parameter "${definition.name}" cannot be changed`);
  const given = value ?? definition?.default ?? "";
  const normal =
    definition === undefined
      ? given
      : settingValue(definition, given, context.session.setting(definition.name) ?? definition.default);
  context.session.setSetting(definition?.name ?? name, normal, isLocal);
  return normal;
}

/** SET ROLE as a function; it is in force from the next statement on. */
function becomeRole(role: string, isLocal: boolean, context: EvaluationContext): Datum {
  const { roles, sessionUser, currentUser, isSuperuser } = context;
  roles.expectBecome(role, sessionUser, isSuperuser && currentUser === sessionUser);
  context.session.setSetting("role", role, isLocal);
  return role;
}

/** The schemas of the search path that exist, without the implicit one. */
function currentSchemas(context: EvaluationContext, isWithImplicit: boolean): string[] {
  const world = worldOf(context);
  const path = context.searchPath.map((name) => (name === "$user" ? context.currentUser : name));
  const existing = path.filter((name) => world.schemaOid(name) !== null);
  return isWithImplicit && !existing.includes("pg_catalog") ? ["pg_catalog", ...existing] : existing;
}

/** @param letters privileges of which one is enough */
function requireSequence(oid: Oid, context: EvaluationContext, letters: string): Oid {
  const world = worldOf(context);
  const relation = world.relation(oid);
  if (relation === null) throw new SqlError("42P01", `could not open relation with OID ${oid}`);
  if (relation.kind !== "sequence") throw new SqlError("42809", `"${relation.name}" is not a sequence`);
  expectSequence(relation, context, letters);
  return oid;
}

function indexDefinition(oid: Oid, column: number, context: EvaluationContext, isPretty: boolean): Datum {
  const world = worldOf(context);
  const index = world.catalog.objectByOid(oid);
  if (index?.kind !== "index") return null;
  const table = world.table(index.table);
  if (table === null) return null;
  if (column === 0) return indexText(index, table, world, isPretty);
  const key = index.keys[column - 1];
  if (key !== undefined) return indexKeyText(table, key, world, isPretty);
  const included = index.included[column - 1 - index.keys.length];
  return included === undefined ? "" : quoteIdentifier(columnName(table, included));
}

const expressionText = (tree: Datum, isPretty: Datum, context: EvaluationContext): Datum =>
  tree === null ? null : worldOf(context).nodeTreeText(textOf(tree), isPretty === true ? "pretty" : "plain");

function constraintDefinition(oid: Oid, isPretty: boolean, context: EvaluationContext): Datum {
  const world = worldOf(context);
  for (const domain of world.domains())
    for (const check of domain.checks) if (check.oid === oid) return checkText(check, domain, world, isPretty);
  for (const table of world.tables())
    for (const constraint of table.constraints)
      if (constraint.oid === oid) return constraintText(constraint, table, world, isPretty);
  return null;
}

function viewDefinition(oid: Oid, context: EvaluationContext, isPretty: boolean): Datum {
  const view = context.catalog.objectByOid(oid);
  if (view?.kind !== "view" && view?.kind !== "materializedView") return null;
  return context.showView(view, isPretty ? "pretty" : "plain", context);
}

/** What can be done through a table or view, in PostgreSQL's bits. @param only columns that matter; null: any */
function eventsOfRelation(oid: Oid, context: EvaluationContext, only: ReadonlySet<number> | null): number {
  const relation = worldOf(context).relation(oid);
  return relation?.kind === "table" || relation?.kind === "view" ? eventsOf(relation, context.catalog, only) : 0;
}

const viewNamed = (name: string, context: EvaluationContext, isPretty: boolean): Datum =>
  viewDefinition(context.names.oidOf("regclass", name), context, isPretty);

/** The sequence that a serial or identity column draws from. */
function serialSequence(tableName: string, column: string, context: EvaluationContext): Datum {
  const world = worldOf(context);
  const table = world.relationNamed(readQualifiedName(tableName));
  if (table === null || table.kind !== "table") throw new SqlError("42P01", `relation "${tableName}" does not exist`);
  const found = table.columns.find(({ name, isDropped }) => name === column && !isDropped);
  if (found === undefined) throw new SqlError("42703", `column "${column}" of relation "${table.name}" does not exist`);
  for (const sequence of world.sequences())
    if (sequence.ownerTable === table.oid && sequence.ownerColumn === found.number)
      return world.qualifiedText(sequence);
  return null;
}

function argumentsText(oid: Oid): Datum {
  const procedure = procedureOf(oid);
  if (procedure === null) return null;
  return procedure.argumentTypes
    .map((type, index) => {
      const isVariadic = procedure.variadic !== 0 && index === procedure.argumentTypes.length - 1;
      const name = procedure.argumentNames[index];
      return `${isVariadic ? "VARIADIC " : ""}${name === undefined ? "" : `${name} `}${typeLabel(type)}`;
    })
    .join(", ");
}

function resultText(oid: Oid): Datum {
  const procedure = procedureOf(oid);
  if (procedure === null) return null;
  return `${procedure.kind === "set" ? "SETOF " : ""}${typeLabel(procedure.resultType)}`;
}

/** `to_regclass` and its kin: NULL where the cast would fail for want of the object. */
function findName(kind: NamedObjectKind, text: string, context: EvaluationContext): Datum {
  try {
    return context.names.oidOf(kind, text);
  } catch (error) {
    if (
      error instanceof SqlError &&
      /^(?:42P01|42704|42883|3F000|42725|42601|42602|22P02|0A000)$/u.test(error.sqlState)
    )
      return null;
    throw error;
  }
}

const sizeUnits = ["bytes", "kB", "MB", "GB", "TB", "PB"];

function prettySize(given: bigint): string {
  let value = given;
  const size = (): bigint => (value < 0n ? -value : value);
  for (const [index, unit] of sizeUnits.entries()) {
    const isLast = index === sizeUnits.length - 1;
    if (isLast || size() < (index === 0 ? 10_240n : 20_479n)) {
      if (index > 0) value = value < 0n ? -((-value + 1n) / 2n) : (value + 1n) / 2n;
      return `${value} ${unit}`;
    }
    // From the second unit on one more bit is kept, for the rounding.
    value /= index === 0 ? 512n : 1_024n;
  }
  return `${value}`;
}

const byteUnits: Readonly<Record<string, bigint>> = {
  bytes: 1n,
  b: 1n,
  kb: 1_024n,
  mb: 1_048_576n,
  gb: 1_073_741_824n,
  tb: 1_099_511_627_776n,
  pb: 1_125_899_906_842_624n,
};

function sizeInBytes(text: string): Int64 {
  const match = /^[ \t-\r]*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)[ \t-\r]*([a-z]*)[ \t-\r]*$/iu.exec(text);
  if (match === null) throw new SqlError("22023", `invalid size: "${text}"`);
  const unit = byteUnits[(match[2] ?? "").toLowerCase() || "bytes"];
  if (unit === undefined)
    throw new SqlError("22023", `invalid size: "${text}"`, {
      detail: `Invalid size unit: "${match[2]}".`,
      hint: 'Valid units are "bytes", "B", "kB", "MB", "GB", "TB", and "PB".',
    });
  return Math.round(Number(match[1]) * Number(unit));
}

/** What PUBLIC and the owner of a new object may do in PostgreSQL, by the kind of object: letters of an `aclitem`. */
const privilegesAtFirst: Readonly<Record<string, readonly [everyone: string, owner: string]>> = {
  c: ["", ""],
  r: ["", "arwdDxt"],
  s: ["", "rwU"],
  d: ["Tc", "CTc"],
  f: ["X", "X"],
  l: ["U", "U"],
  L: ["", "rw"],
  n: ["", "UC"],
  t: ["", "C"],
  F: ["", "U"],
  S: ["", "U"],
  T: ["U", "U"],
  p: ["", "sA"],
};

function defaultPrivileges(kind: string, owner: string): SqlArray {
  const found = privilegesAtFirst[kind];
  if (found === undefined) throw new SqlError("XX000", `unrecognized objtype abbreviation: ${kind}`);
  const [everyone, own] = found;
  const name = quoteIdentifier(owner);
  const items = [everyone === "" ? "" : `=${everyone}/${name}`, own === "" ? "" : `${name}=${own}/${name}`];
  return new SqlArray(
    typeOid.aclitem,
    items.filter((item) => item !== ""),
  );
}

/** There are no objects of a kind that a name could hide. */
function visibility(): Implementation[] {
  return allProcedures
    .filter(({ name }) => /^pg_\w+_is_visible$/u.test(name) && !/^pg_(?:table|type)_is/u.test(name))
    .map(({ signature }) => ({ kind: "scalar", signature, isStrict: true, call: () => true }));
}

function advisory(): Implementation[] {
  const found: Implementation[] = [];
  for (const { signature, name, argumentTypes } of allProcedures) {
    const match = /^pg_(try_)?advisory_(xact_)?(lock|unlock)(_shared|_all)?$/u.exec(name);
    if (match === null) continue;
    const [, tries, transaction, what, suffix] = match;
    const kind =
      suffix === "_all" ? "unlockAll" : what === "unlock" ? "unlock" : tries === undefined ? "lock" : "tryLock";
    const take = (key: Int64 | readonly [number, number] | null, context: EvaluationContext): Datum => {
      const isGranted = context.session.advisoryLock({
        kind,
        key,
        isShared: suffix === "_shared",
        scope: transaction === undefined ? "session" : "transaction",
      });
      return kind === "lock" || kind === "unlockAll" ? "" : isGranted;
    };
    found.push({
      kind: "scalar",
      signature,
      isStrict: true,
      call: (...args: readonly unknown[]) => {
        const context = args[argumentTypes.length] as EvaluationContext;
        if (argumentTypes.length === 0) return take(null, context);
        return take(argumentTypes.length === 1 ? (args[0] as Int64) : [Number(args[0]), Number(args[1])], context);
      },
    });
  }
  return found;
}

/** Bytes of a name, and of what is told (PostgreSQL's limit). */
const channelBytesMax = 63;
const payloadBytesMax = 7_999;
const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

const temporarySchemaOid = ({ catalog, temporarySchema }: EvaluationContext): Oid =>
  temporarySchema === null ? 0 : (catalog.schemaByName(temporarySchema)?.oid ?? 0);

function notify(channel: string | null, payload: string | null, context: EvaluationContext): string {
  if (channel === null || channel === "") throw new SqlError("22023", "channel name cannot be empty");
  if (bytesOf(channel) > channelBytesMax) throw new SqlError("22023", "channel name too long");
  if (bytesOf(payload ?? "") > payloadBytesMax) throw new SqlError("22023", "payload string too long");
  context.session.notify(channel, payload ?? "");
  return "";
}

/** Of a type that is no built-in one, nor an enum. */
const domainName = (oid: number, names: ObjectNames): string | null =>
  typeFactsOf(oid) === null ? names.nameOf("regtype", oid) : null;

const identity = nullably({
  "pg_notify(text,text)": (channel, payload, context) => notify(channel, payload, context),
  "current_query()": (context) => context.query,
  "pg_typeof(any)": (_value, _context, types) => types.args[0] ?? 0,
  "pg_collation_for(any)": (_value, _context, types) =>
    (typeFactsOf(types.args[0] ?? 0)?.collation ?? 0) === 0 ? null : '"default"',
  "format_type(oid,int4)": (oid, modifier, { names }) =>
    oid === null ? null : (domainName(oid, names) ?? withNames(formatType(oid, modifier), names)),
  "set_config(text,text,bool)": (name, value, isLocal, context) => {
    if (name === null) throw new SqlError("22004", "SET requires parameter name");
    return changeSetting(name, value, isLocal === true, context);
  },
});

const session = strictly({
  "version()": () => `PostgreSQL ${serverVersion} (Kimberlite)`,
  "current_database()": (context) => context.database,
  "current_user()": (context) => context.currentUser,
  "session_user()": (context) => context.sessionUser,
  "getpgusername()": (context) => context.currentUser,
  "current_schema()": (context) => currentSchemas(context, false)[0] ?? null,
  "current_schemas(bool)": (isWithImplicit, context) =>
    new SqlArray(typeOid.name, currentSchemas(context, isWithImplicit)),
  "current_setting(text)": (name, context) => currentSetting(name, false, context),
  "current_setting(text,bool)": (name, isMissingFine, context) => currentSetting(name, isMissingFine, context),
  "pg_backend_pid()": (context) => context.backendPid,
  "txid_current()": (context) => Math.max(0, context.position),
  "txid_current_if_assigned()": () => null,
  "pg_current_xact_id()": (context) => Math.max(0, context.position),
  "pg_client_encoding()": () => "UTF8",
  "getdatabaseencoding()": () => "UTF8",
  "pg_encoding_to_char(int4)": (encoding) => (encoding === 6 ? "UTF8" : encoding === 0 ? "SQL_ASCII" : ""),
  "pg_char_to_encoding(name)": (name) => (/^utf-?8$/iu.test(name) ? 6 : /^sql_ascii$/iu.test(name) ? 0 : -1),
  "pg_encoding_max_length(int4)": (encoding) => (encoding === 6 ? 4 : encoding === 0 ? 1 : null),
  "pg_is_in_recovery()": () => false,
  "pg_is_wal_replay_paused()": () => {
    throw new SqlError("55000", "recovery is not in progress", {
      hint: "Recovery control functions can only be executed during recovery.",
    });
  },
  "pg_jit_available()": () => false,
  "pg_trigger_depth()": () => 0,
  "pg_my_temp_schema()": (context) => temporarySchemaOid(context),
  "pg_is_other_temp_schema(oid)": (oid, context) =>
    oid !== temporarySchemaOid(context) && [...temporarySchemas(context.catalog)].some((each) => each.oid === oid),
  "pg_notification_queue_usage()": () => 0,
  "row_security_active(oid)": () => false,
  "row_security_active(text)": () => false,
  "pg_size_pretty(int8)": (bytes) => prettySize(BigInt(bytes)),
  "pg_size_pretty(numeric)": (bytes: Decimal) => prettySize(BigInt(decimalText(bytes).replace(/\..*$/u, ""))),
  "pg_size_bytes(text)": (text) => sizeInBytes(text),
});

const objects = strictly({
  "regclass(text)": (text, context) => context.names.oidOf("regclass", text),
  "to_regclass(text)": (text, context) => findName("regclass", text, context),
  "to_regtype(text)": (text, context) => findName("regtype", text, context),
  "to_regproc(text)": (text, context) => findName("regproc", text, context),
  "to_regprocedure(text)": (text, context) => findName("regprocedure", text, context),
  "to_regoper(text)": (text, context) => findName("regoper", text, context),
  "to_regoperator(text)": (text, context) => findName("regoperator", text, context),
  "to_regnamespace(text)": (text, context) => findName("regnamespace", text, context),
  "to_regrole(text)": (text, context) => findName("regrole", text, context),
  "pg_table_is_visible(oid)": (oid, context) => {
    const world = worldOf(context);
    const relation = world.relation(oid);
    return relation === null ? null : world.isVisible(relation);
  },
  "pg_type_is_visible(oid)": (oid, context) => worldOf(context).isTypeVisible(oid),
  "pg_get_userbyid(oid)": (oid, context) =>
    worldOf(context).roleName(oid) ?? (oid === 10 ? worldOf(context).ownerName("") : `unknown (OID=${oid})`),
  "pg_get_expr(pg_node_tree,oid)": (tree, _table, context) => expressionText(tree, false, context),
  "pg_get_expr(pg_node_tree,oid,bool)": (tree, _table, isPretty, context) => expressionText(tree, isPretty, context),
  "pg_get_indexdef(oid)": (oid, context) => indexDefinition(oid, 0, context, false),
  "pg_get_indexdef(oid,int4,bool)": (oid, column, isPretty, context) => indexDefinition(oid, column, context, isPretty),
  "pg_get_constraintdef(oid)": (oid, context) => constraintDefinition(oid, false, context),
  "pg_get_constraintdef(oid,bool)": (oid, isPretty, context) => constraintDefinition(oid, isPretty, context),
  "pg_get_viewdef(oid)": (oid, context) => viewDefinition(oid, context, false),
  "pg_get_viewdef(oid,bool)": (oid, isPretty, context) => viewDefinition(oid, context, isPretty),
  "pg_get_viewdef(oid,int4)": (oid, _width, context) => viewDefinition(oid, context, true),
  "pg_get_viewdef(text)": (name, context) => viewNamed(name, context, false),
  "pg_get_viewdef(text,bool)": (name, isPretty, context) => viewNamed(name, context, isPretty),
  "pg_get_serial_sequence(text,text)": (table, column, context) => serialSequence(table, column, context),
  "pg_get_function_arguments(oid)": (oid) => argumentsText(oid),
  "pg_get_function_identity_arguments(oid)": (oid) => argumentsText(oid),
  "pg_get_function_result(oid)": (oid) => resultText(oid),
  "pg_get_function_sqlbody(oid)": () => null,
  "pg_get_function_arg_default(oid,int4)": () => null,
  "pg_get_triggerdef(oid)": () => null,
  "pg_get_triggerdef(oid,bool)": () => null,
  "pg_get_ruledef(oid)": () => null,
  "pg_get_ruledef(oid,bool)": () => null,
  "acldefault(char,oid)": (kind, owner, context) =>
    defaultPrivileges(kind, worldOf(context).roleName(owner) ?? `${owner}`),
  "pg_get_partkeydef(oid)": () => null,
  "pg_partition_root(regclass)": () => null,
  "pg_get_partition_constraintdef(oid)": () => null,
  "pg_get_statisticsobjdef(oid)": () => null,
  "pg_get_statisticsobjdef_columns(oid)": () => null,
  "pg_get_replica_identity_index(regclass)": () => null,
  "pg_relation_is_publishable(regclass)": () => false,
  "pg_relation_is_updatable(regclass,bool)": (oid, _includesTriggers, context) => eventsOfRelation(oid, context, null),
  "pg_column_is_updatable(regclass,int2,bool)": (oid, column, _includesTriggers, context) => {
    const both = updatableEvents.update | updatableEvents.delete;
    return column > 0 && (eventsOfRelation(oid, context, new Set([column])) & both) === both;
  },
  "pg_tablespace_location(oid)": () => "",
  "pg_relation_filenode(regclass)": () => null,
  "pg_relation_filepath(regclass)": () => null,
  "obj_description(oid)": (oid, context) =>
    objectComment(oid, "pg_class", worldOf(context)) ??
    objectComment(oid, "pg_namespace", worldOf(context)) ??
    objectComment(oid, "pg_type", worldOf(context)) ??
    objectComment(oid, "pg_constraint", worldOf(context)),
  "obj_description(oid,name)": (oid, name, context) => objectComment(oid, name, worldOf(context)),
  // Databases and users have no comments.
  "shobj_description(oid,name)": () => null,
  "col_description(oid,int4)": (oid, column, context) => columnComment(oid, column, worldOf(context)),
  "pg_tablespace_size(oid)": () => null,
  "pg_tablespace_size(name)": () => null,
  "pg_column_size(any)": (value, context, types) => codecOf(types.args[0] ?? 0).send(value ?? "", context).length,
});

const sequences = strictly({
  "nextval(regclass)": (oid, context) => context.session.nextSequenceValue(requireSequence(oid, context, "Uw")),
  "currval(regclass)": (oid, context) => context.session.currentSequenceValue(requireSequence(oid, context, "Ur")),
  "lastval()": (context) => context.session.lastSequenceValue(),
  "setval(regclass,int8)": (oid, value, context) => {
    context.session.setSequenceValue(requireSequence(oid, context, "w"), value, true);
    return value;
  },
  "setval(regclass,int8,bool)": (oid, value, isCalled, context) => {
    context.session.setSequenceValue(requireSequence(oid, context, "w"), value, isCalled);
    return value;
  },
});

const counting = variadics({
  "num_nulls(any)": (args) => args.filter((value) => value === null).length,
  "num_nonnulls(any)": (args) => args.filter((value) => value !== null).length,
});

const bitsOf: ReadonlyMap<Oid, number> = new Map([
  [typeOid.int2, 16],
  [typeOid.int4, 32],
  [typeOid.int8, 64],
  [typeOid.float4, 24],
  [typeOid.float8, 53],
]);
const isCharacter = (oid: Oid): boolean => oid === typeOid.varchar || oid === typeOid.bpchar;

/** Functions of `information_schema` that drivers call by name. */
const standard = strictly({
  "_pg_char_max_length(oid,int4)": (oid, modifier) => (isCharacter(oid) && modifier >= 4 ? modifier - 4 : null),
  "_pg_char_octet_length(oid,int4)": (oid, modifier) =>
    isCharacter(oid) && modifier >= 4
      ? (modifier - 4) * 4
      : oid === typeOid.text || isCharacter(oid)
        ? 1_073_741_824
        : null,
  "_pg_numeric_precision(oid,int4)": (oid, modifier) =>
    oid === typeOid.numeric ? (numericLimits(modifier)?.precision ?? null) : (bitsOf.get(oid) ?? null),
  "_pg_numeric_precision_radix(oid,int4)": (oid) => (oid === typeOid.numeric ? 10 : bitsOf.has(oid) ? 2 : null),
  "_pg_numeric_scale(oid,int4)": (oid, modifier) =>
    oid === typeOid.numeric
      ? (numericLimits(modifier)?.scale ?? null)
      : oid === typeOid.int2 || oid === typeOid.int4 || oid === typeOid.int8
        ? 0
        : null,
  "_pg_datetime_precision(oid,int4)": (oid, modifier) => {
    if (oid === typeOid.date) return 0;
    if (oid === typeOid.time || oid === typeOid.timestamp || oid === typeOid.timestamptz)
      return modifier < 0 ? 6 : modifier;
    return oid === typeOid.interval ? (intervalLimits(modifier)?.precision ?? 6) : null;
  },
});

/** What PostgreSQL says of the categories of its words. */
const keywordKinds: Readonly<Record<string, string>> = {
  U: "unreserved",
  C: "unreserved (cannot be function or type name)",
  T: "reserved (can be function or type name)",
  R: "reserved",
};

/** In the order of the words. */
function keywords(): readonly SqlRecord[] {
  const types = [typeOid.text, typeOid.char, typeOid.bool, typeOid.text, typeOid.text].map((oid) => sqlType(oid));
  const names = ["word", "catcode", "barelabel", "catdesc", "baredesc"];
  return keywordFacts
    .trim()
    .split("\n")
    .flatMap((line) => {
      const [kind = "", label = "", ...words] = line.split(" ");
      const isLabel = label === "t";
      return words.map((word) => ({ word, kind, isLabel }));
    })
    .sort((a, b) => (a.word < b.word ? -1 : 1))
    .map(({ word, kind, isLabel }) => {
      const told = isLabel ? "can be bare label" : "requires AS";
      return new SqlRecord(types, [word, kind, isLabel, keywordKinds[kind] ?? "", told], names);
    });
}

const expanded = sets({
  "pg_get_keywords()": () => keywords(),
  "_pg_expandarray(anyarray)": (array, _context, types) => {
    const columns = [sqlType(elementTypeOf(types.args[0] ?? 0)), sqlType(typeOid.int4)];
    return array.items.map((item, index) => new SqlRecord(columns, [item, index + 1], ["x", "n"]));
  },
  // Nothing is a partition or has any: PostgreSQL answers with no rows for whatever is neither.
  "pg_partition_ancestors(regclass)": () => [],
  "pg_partition_tree(regclass)": () => [],
  "pg_options_to_table(_text)": (options) => {
    const columns = [sqlType(typeOid.text), sqlType(typeOid.text)];
    return options.items.map((option) => {
      const [name = "", ...value] = textOf(option ?? "").split("=");
      return new SqlRecord(columns, [name, value.join("=")], ["option_name", "option_value"]);
    });
  },
});

export const systemFunctions: readonly Implementation[] = [
  ...identity,
  ...session,
  ...objects,
  ...sizes,
  ...sequences,
  ...counting,
  ...standard,
  ...expanded,
  ...privilegeImplementations(),
  ...visibility(),
  ...advisory(),
];
