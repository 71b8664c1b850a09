/** Rows about users, databases, settings and the session that asks. */
import { readAllStatsRole } from "../../../types/predefined-roles.js";
import type { EvaluationContext } from "../../functions/context.js";
import { settingDefinitions } from "../../settings.js";
import { SqlArray } from "../../types/array.js";
import type { Datum } from "../../types/datum.js";
import { inetFromText } from "../../types/inet-text.js";
import { type Oid, typeOid } from "../../types/sql-type.js";
import { databaseOf } from "../database.js";
import { type LocksOfSession, locksOf } from "../lock-facts.js";
import { publicSchemaOid } from "../model.js";
import { aclOf } from "../privileges.js";
import { bootstrapName, bootstrapRole, type Role, roleOidOf } from "../role-set.js";
import {
  cursorsOf,
  type DatabaseFact,
  databasesOf,
  defaultsOf,
  preparedOf,
  type SessionFact,
  sessionsOf,
} from "../session-facts.js";
import { aclArray } from "./acl-array.js";
import { rolesIn } from "./roles.js";
import type { CatalogWorld, SystemRow } from "./world.js";

/** What sessions begin with. */
export function* defaultRows(context: EvaluationContext): Iterable<SystemRow> {
  for (const { database, role, settings } of defaultsOf((of) => context.session.setting(of)))
    if (settings.length > 0)
      yield { setdatabase: database, setrole: role === "" ? 0 : roleOidOf(role), setconfig: textArray(settings) };
}

const authidClassOid = 1_260;
const databaseClassOid = 1_262;

interface SharedComment extends SystemRow {
  readonly objoid: Oid;
  readonly classoid: Oid;
  readonly description: string;
}

/** What COMMENT ON has said of roles and databases. */
export function* sharedDescriptionRows(context: EvaluationContext): Iterable<SharedComment> {
  for (const { database, role, comment } of defaultsOf((of) => context.session.setting(of)))
    if (comment !== null && role === "") yield { objoid: database, classoid: databaseClassOid, description: comment };
    else if (comment !== null && database === 0)
      yield { objoid: roleOidOf(role), classoid: authidClassOid, description: comment };
}

/** Of a role or a database; null where nothing was said. */
export function sharedComment(oid: Oid, className: string, context: EvaluationContext): string | null {
  if (className !== "pg_authid" && className !== "pg_database") return null;
  const wanted = className === "pg_authid" ? authidClassOid : databaseClassOid;
  for (const { objoid, classoid, description } of sharedDescriptionRows(context))
    if (objoid === oid && classoid === wanted) return description;
  return null;
}

const textArray = (texts: readonly string[]): SqlArray => new SqlArray(typeOid.text, [...texts]);

/** What a role's sessions begin with in all databases; null for nothing. */
function defaultsIn(context: EvaluationContext): (role: string) => SqlArray | null {
  const found = defaultsOf((of) => context.session.setting(of));
  return (name) => {
    const own = found.find(({ database, role }) => database === 0 && role === name);
    return own === undefined || own.settings.length === 0 ? null : textArray(own.settings);
  };
}

/** UTF8, as `pg_encoding_to_char` knows it. */
const utf8Encoding = 6;

export function* databaseRows(context: EvaluationContext): Iterable<SystemRow> {
  const own = { oid: context.databaseOid, name: context.database, owner: context.roles.databaseOwner };
  const others = databasesOf((of) => context.session.setting(of)).filter(({ oid }) => oid !== own.oid);
  yield { ...databaseRow(own), datacl: aclArray(databaseOf(context.catalog, context.database, own.owner)) };
  // What is granted on another stands in its own catalog.
  yield* others.map(databaseRow);
}

function databaseRow({ oid, name, owner }: DatabaseFact): SystemRow {
  return {
    oid,
    datname: name,
    datdba: roleOidOf(owner),
    encoding: utf8Encoding,
    datlocprovider: "c",
    datallowconn: true,
    datconnlimit: -1,
    dattablespace: 1_663,
    datcollate: "C",
    datctype: "C.UTF-8",
  };
}

export function* defaultAclRows(world: CatalogWorld): Iterable<SystemRow> {
  for (const { oid, role, schema, objects, acl } of world.catalog.defaultPrivileges)
    yield {
      oid,
      defaclrole: world.roleOid(role),
      defaclnamespace: schema,
      defaclobjtype: objects,
      defaclacl: aclArray({ acl }),
    };
}

export function* cursorRows(context: EvaluationContext): Iterable<SystemRow> {
  for (const { name, statement, isHold, isBinary, isScroll, createdAt } of cursorsOf((of) =>
    context.session.setting(of),
  ))
    yield {
      name,
      statement,
      is_holdable: isHold,
      is_binary: isBinary,
      is_scrollable: isScroll,
      creation_time: createdAt - sqlEpochMicros,
    };
}

export function* preparedRows(context: EvaluationContext): Iterable<SystemRow> {
  for (const { name, statement, types, isOfSql, createdAt } of preparedOf((of) => context.session.setting(of)))
    yield {
      name,
      statement,
      prepare_time: createdAt - sqlEpochMicros,
      parameter_types: new SqlArray(typeOid.regtype, types),
      from_sql: isOfSql,
      // Plans are kept by texts, and are of no one statement.
      generic_plans: 0,
      custom_plans: 0,
    };
}

export const tablespaceRows = (): readonly SystemRow[] => [
  { oid: 1_663, spcname: "pg_default", spcowner: bootstrapRole },
];

export function* schemaRows(world: CatalogWorld): Iterable<SystemRow> {
  for (const schema of world.schemas())
    yield {
      oid: schema.oid,
      nspname: schema.name,
      nspowner: world.roleOid(schema.owner),
      // That everyone may use it, and only that, is what a dump takes for said.
      nspacl: schema.oid === publicSchemaOid ? aclArray({ acl: aclOf(schema) }) : aclArray(schema),
    };
}

const hidden = "********";
const oidType = 26;

/** Roles of `pg_roles`, whose passwords are hidden, as PostgreSQL does it. */
export const shownRoleRows = (context: EvaluationContext): Iterable<SystemRow> => roleRows(context, hidden);

/** Roles of `pg_authid`. No password is shown there, not even to superusers: a dump leaves it out. */
export function* roleRows(context: EvaluationContext, password: string | null = null): Iterable<SystemRow> {
  const defaults = defaultsIn(context);
  for (const role of rolesIn(context.catalog, context.roles))
    yield {
      rolname: role.name,
      rolsuper: role.isSuperuser,
      rolinherit: role.inherits,
      rolcreaterole: role.canCreateRole,
      rolcreatedb: role.canCreateDatabase,
      rolcanlogin: role.canLogin,
      rolreplication: isBuiltIn(role),
      rolconnlimit: role.connectionLimit,
      rolpassword: password,
      rolvaliduntil: validUntil(role),
      rolbypassrls: isBuiltIn(role),
      rolconfig: defaults(role.name),
      oid: roleOidOf(role.name),
    };
}

/** PostgreSQL's first user has these, too; nobody else can be given them. */
const isBuiltIn = ({ name, isSuperuser }: Role): boolean => name === bootstrapName && isSuperuser;

/** µs from 1970 to 2000. */
const sqlEpochMicros = 946_684_800_000_000;
const validUntil = ({ validUntil: until }: Role): Datum => (until === null ? null : until - sqlEpochMicros);

export function* membershipRows(context: EvaluationContext): Iterable<SystemRow> {
  for (const { name, memberOf } of context.roles.shown)
    for (const { role, isAdmin, grantor } of memberOf)
      yield {
        roleid: roleOidOf(role),
        member: roleOidOf(name),
        grantor: grantor === "" ? 0 : roleOidOf(grantor),
        admin_option: isAdmin,
      };
}

export function* groupRows(context: EvaluationContext): Iterable<SystemRow> {
  for (const { name, canLogin } of context.roles.shown) {
    if (canLogin) continue;
    const members = context.roles.membersOf(name).map(({ member }) => roleOidOf(member.name));
    yield { groname: name, grosysid: roleOidOf(name), grolist: new SqlArray(oidType, members) };
  }
}

export function* userRows(context: EvaluationContext): Iterable<SystemRow> {
  const defaults = defaultsIn(context);
  for (const role of context.roles.shown)
    if (role.canLogin)
      yield {
        usename: role.name,
        usesysid: roleOidOf(role.name),
        usecreatedb: role.canCreateDatabase,
        usesuper: role.isSuperuser,
        userepl: isBuiltIn(role),
        usebypassrls: isBuiltIn(role),
        passwd: hidden,
        valuntil: validUntil(role),
        useconfig: defaults(role.name),
      };
}

const valueKinds = {
  boolean: "bool",
  integer: "integer",
  real: "real",
  choice: "enum",
  text: "string",
  list: "string",
  dateStyle: "string",
  timeZone: "string",
  encoding: "string",
} as const;

export function* settingRows(context: EvaluationContext): Iterable<SystemRow> {
  for (const definition of settingDefinitions) {
    const { values } = definition;
    const hasBounds = values.kind === "integer" || values.kind === "real";
    const value = context.session.setting(definition.name) ?? definition.default;
    yield {
      name: definition.name,
      setting: value,
      unit: values.kind === "integer" && values.unit !== "" ? values.unit : null,
      category: "Kimberlite",
      short_desc: definition.description,
      context: definition.isFixed ? "internal" : "user",
      vartype: valueKinds[values.kind],
      source: value === definition.default ? "default" : "session",
      min_val: hasBounds ? String(values.min) : null,
      max_val: hasBounds ? String(values.max) : null,
      boot_val: definition.default,
      reset_val: definition.default,
      pending_restart: false,
    };
  }
}

/** The session that asks is there also where its gateway has told of none. */
function sessionsNow(context: EvaluationContext): readonly SessionFact[] {
  const told = sessionsOf((of) => context.session.setting(of));
  if (told.some(({ pid }) => pid === context.backendPid)) return told;
  const transactionAt = Number(context.transactionTime) + sqlEpochMicros;
  const own: SessionFact = {
    pid: context.backendPid,
    user: context.sessionUser,
    application: context.session.setting("application_name") ?? "",
    address: null,
    port: null,
    startedAt: transactionAt,
    transactionAt,
    statementAt: Number(context.statementTime) + sqlEpochMicros,
    statement: context.query,
    state: "active",
    tls: null,
  };
  return [own, ...told];
}

/** Whether the current user may know what a session does. */
const maySee = ({ isSuperuser, roles, currentUser }: EvaluationContext, { user }: SessionFact): boolean =>
  isSuperuser || roles.rightsOf(currentUser).has(user) || roles.rightsOf(currentUser).has(readAllStatsRole);

const sqlTime = (unixMicros: number | null): Datum => (unixMicros === null ? null : unixMicros - sqlEpochMicros);

/** Where the shard has told of locks. */
function waitEvent(pid: number, locks: readonly LocksOfSession[]): SystemRow {
  const waiting = locks.find((each) => each.pid === pid && each.waitsFor.length > 0);
  if (waiting === undefined) return {};
  return { wait_event_type: "Lock", wait_event: waiting.wanted?.thing.kind ?? "transactionid" };
}

export function* activityRows(context: EvaluationContext, world: CatalogWorld): Iterable<SystemRow> {
  const locks = locksOf((name) => context.session.setting(name));
  for (const session of sessionsNow(context)) {
    const { pid, user, application, statement, state } = session;
    const shared = {
      datid: context.databaseOid,
      datname: context.database,
      pid,
      usesysid: world.roleOid(user),
      usename: user,
      application_name: application,
    };
    if (!maySee(context, session)) yield { ...shared, query: "<insufficient privilege>" };
    else
      yield {
        ...shared,
        client_addr: session.address === null ? null : inetFromText("inet", session.address),
        client_port: session.port,
        backend_start: sqlTime(session.startedAt),
        xact_start: sqlTime(session.transactionAt),
        query_start: sqlTime(session.statementAt),
        state_change: sqlTime(session.statementAt),
        state,
        ...waitEvent(pid, locks),
        query: statement,
        backend_type: "client backend",
      };
  }
}

export function* tlsRows(context: EvaluationContext): Iterable<SystemRow> {
  for (const { pid, tls } of sessionsNow(context))
    yield {
      pid,
      ssl: tls !== null,
      version: tls?.version ?? null,
      cipher: tls?.cipher ?? null,
      bits: tls?.bits ?? null,
    };
}

/** Nobody is authenticated so. */
export function* gssapiRows(context: EvaluationContext): Iterable<SystemRow> {
  for (const { pid } of sessionsNow(context)) yield { pid, gss_authenticated: false, encrypted: false };
}
