/** Rows about users, databases, settings and the session that asks. */
import type { EvaluationContext } from "../../functions/context.js";
import { settingDefinitions } from "../../settings.js";
import { aclArray } from "./acl-array.js";
import { bootstrapRole, rolesIn } from "./roles.js";
import type { CatalogWorld, SystemRow } from "./world.js";

/** UTF8, as `pg_encoding_to_char` knows it. */
const utf8Encoding = 6;

export function* databaseRows(context: EvaluationContext): Iterable<SystemRow> {
  yield {
    oid: context.databaseOid,
    datname: context.database,
    datdba: bootstrapRole,
    encoding: utf8Encoding,
    datlocprovider: "c",
    datallowconn: true,
    datconnlimit: -1,
    dattablespace: 1_663,
    datcollate: "C",
    datctype: "C.UTF-8",
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
      nspacl: aclArray(schema),
    };
}

const hidden = "********";

export function* roleRows(context: EvaluationContext): Iterable<SystemRow> {
  for (const role of rolesIn(context.catalog, context.roles))
    yield {
      rolname: role.name,
      rolsuper: role.isSuperuser,
      rolinherit: true,
      rolcreaterole: role.isSuperuser,
      rolcreatedb: role.isSuperuser,
      rolcanlogin: role.canLogin,
      rolreplication: role.isSuperuser,
      rolconnlimit: -1,
      rolpassword: hidden,
      rolbypassrls: role.isSuperuser,
      oid: role.oid,
    };
}

export function* userRows(context: EvaluationContext): Iterable<SystemRow> {
  for (const role of context.roles)
    if (role.canLogin)
      yield {
        usename: role.name,
        usesysid: role.oid,
        usecreatedb: role.isSuperuser,
        usesuper: role.isSuperuser,
        userepl: role.isSuperuser,
        usebypassrls: role.isSuperuser,
        passwd: hidden,
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

export function* activityRows(context: EvaluationContext, world: CatalogWorld): Iterable<SystemRow> {
  yield {
    datid: context.databaseOid,
    datname: context.database,
    pid: context.backendPid,
    usesysid: world.roleOid(context.sessionUser),
    usename: context.sessionUser,
    application_name: context.session.setting("application_name") ?? "",
    xact_start: context.transactionTime,
    query_start: context.statementTime,
    state: "active",
    query: context.query,
    backend_type: "client backend",
  };
}
