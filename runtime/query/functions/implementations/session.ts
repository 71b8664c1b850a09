/** What a session may ask about itself and its settings. */
import { noRole } from "../../catalog/role-set.js";
import { ExpressionWorld } from "../../catalog/system/expression-world.js";
import { schemaNamed, temporarySchemas } from "../../catalog/temporary.js";
import { SqlError } from "../../error.js";
import {
  clientAddressSetting,
  isCustomSetting,
  serverVersion,
  settingNamed,
  settingValue,
  unknownSetting,
} from "../../settings.js";
import { SqlArray } from "../../types/array.js";
import type { Datum } from "../../types/datum.js";
import { inetFromText } from "../../types/inet-text.js";
import { type Oid, typeOid } from "../../types/sql-type.js";
import { typeLabel } from "../../types/type-name.js";
import { typeFactsOf } from "../../types/type-table.js";
import { xidOf } from "../../types/xid.js";
import type { EvaluationContext } from "../context.js";
import { type Implementation, nullably, strictly, variadics } from "../define.js";

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

/** The schemas of the search path that exist; with the implicit ones, those too that are looked into without being named. */
function currentSchemas(context: EvaluationContext, isWithImplicit: boolean): string[] {
  const world = worldOf(context);
  const path = context.searchPath.map((name) => (name === "$user" ? context.currentUser : schemaNamed(name, context)));
  const exists = (name: string): boolean => world.schemaOid(name) !== null && world.maySearch(name);
  const existing = path.filter(exists);
  if (!isWithImplicit) return existing;
  const { temporarySchema } = context;
  const implicit = temporarySchema === null ? ["pg_catalog"] : [temporarySchema, "pg_catalog"];
  return [...implicit.filter((name) => exists(name) && !existing.includes(name)), ...existing];
}

const temporarySchemaOid = ({ catalog, temporarySchema }: EvaluationContext): Oid =>
  temporarySchema === null ? 0 : (catalog.schemaByName(temporarySchema)?.oid ?? 0);

/** NULL for who did not come over the network. */
function clientAddress({ session }: EvaluationContext): Datum {
  const address = session.setting(clientAddressSetting) ?? "";
  return address === "" ? null : inetFromText("inet", address);
}

/** Throws 42804 for a type that is not of text. */
function collationOf(type: Oid): string | null {
  if (type === typeOid.unknown) return null;
  if ((typeFactsOf(type)?.collation ?? 0) === 0)
    throw new SqlError("42804", `collations are not supported by type ${typeLabel(type)}`);
  return '"default"';
}

const identity = nullably({
  // Nothing is logged to files.
  "pg_current_logfile()": () => null,
  "pg_current_logfile(text)": () => null,
  "current_query()": (context) => context.query,
  "inet_client_addr()": clientAddress,
  "pg_typeof(any)": (_value, _context, types) => types.args[0] ?? 0,
  "pg_collation_for(any)": (_value, _context, types) => collationOf(types.args[0] ?? 0),
  "set_config(text,text,bool)": (name, value, isLocal, context) => {
    if (name === null) throw new SqlError("22004", "SET requires parameter name");
    return changeSetting(name, value, isLocal === true, context);
  },
});

const int4Max = 2_147_483_647;
/** The first number of a transaction; those below are older than all. */
const firstNormalXid = 3;

/** How many transactions ago. */
function ageOf(xid: number, { position }: EvaluationContext): number {
  if (xid < firstNormalXid) return int4Max;
  return (xidOf(position) - xid) | 0;
}

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
  "txid_current()": (context) => context.session.transactionNumber(),
  "txid_current_if_assigned()": (context) => context.session.assignedTransactionNumber(),
  "pg_current_xact_id()": (context) => context.session.transactionNumber(),
  "pg_current_xact_id_if_assigned()": (context) => context.session.assignedTransactionNumber(),
  // Numbers of transactions are positions, which do not come round again: what is old is only how long ago it was.
  "age(xid)": (xid, context) => ageOf(xid, context),
  "mxid_age(xid)": (xid, context) => ageOf(xid, context),
  "pg_client_encoding()": (context) => context.session.setting("client_encoding") ?? "UTF8",
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
});

const counting = variadics({
  "num_nulls(any)": (args) => args.filter((value) => value === null).length,
  "num_nonnulls(any)": (args) => args.filter((value) => value !== null).length,
});

export const sessions: readonly Implementation[] = [...identity, ...session, ...counting];
