/** Rows of pg_proc, pg_operator, pg_cast and the other catalogs that describe the language and not the data. */

import {
  allCasts,
  allOperators,
  allProcedures,
  type ProcedureFacts,
  type ProcedureSchema,
} from "../../functions/procedures.js";
import { SqlArray, vectorOf } from "../../types/array.js";
import { collations } from "../../types/collations.js";
import { zoneAbbreviations } from "../../types/date-time/abbreviations.js";
import { zoneOffsetAt } from "../../types/date-time/format.js";
import { findZone, zoneNames } from "../../types/date-time/zones.js";
import type { Int64 } from "../../types/datum.js";
import { makeInterval, microsPerSecond } from "../../types/interval.js";
import { type Oid, typeOid } from "../../types/sql-type.js";
import { type Catalog, informationSchemaOid, pgCatalogSchemaOid } from "../model.js";
import { bootstrapRole } from "../role-set.js";
import { publicOidOf } from "./extension-rows.js";
import type { CatalogWorld, SystemRow } from "./world.js";

const volatilities = { immutable: "i", stable: "s", volatile: "v" } as const;
const internalLanguage = 12;
const schemaOids = (catalog: Catalog): Readonly<Record<ProcedureSchema, Oid>> => ({
  pg_catalog: pgCatalogSchemaOid,
  information_schema: informationSchemaOid,
  public: publicOidOf(catalog),
});

function argumentColumns(procedure: ProcedureFacts): SystemRow {
  const { argumentTypes, outColumns, argumentNames, variadic } = procedure;
  // What comes behind a parameter without a name keeps its place.
  const given = argumentTypes.map((_, index) => argumentNames[index] ?? "");
  const names = [...given, ...outColumns.map(({ name }) => name)];
  const modes = [
    ...argumentTypes.map((_, index) => (variadic !== 0 && index === argumentTypes.length - 1 ? "v" : "i")),
    ...outColumns.map(() => "o"),
  ];
  const isPlain = outColumns.length === 0 && variadic === 0;
  return {
    proargtypes: vectorOf(typeOid.oid, argumentTypes),
    proallargtypes: isPlain
      ? null
      : new SqlArray(typeOid.oid, [...argumentTypes, ...outColumns.map(({ type }) => type)]),
    proargmodes: isPlain ? null : new SqlArray(typeOid.char, modes),
    proargnames: names.every((name) => name === "") ? null : new SqlArray(typeOid.text, names),
  };
}

export function* procedureRows({ catalog }: CatalogWorld): Iterable<SystemRow> {
  const schemas = schemaOids(catalog);
  for (const procedure of allProcedures)
    yield {
      oid: procedure.oid,
      proname: procedure.name,
      pronamespace: schemas[procedure.schema],
      proowner: bootstrapRole,
      prolang: internalLanguage,
      procost: 1,
      prorows: procedure.kind === "set" ? 1_000 : 0,
      provariadic: procedure.variadic,
      prokind: procedure.kind === "aggregate" ? "a" : procedure.kind === "window" ? "w" : "f",
      proisstrict: procedure.isStrict,
      proretset: procedure.kind === "set",
      provolatile: volatilities[procedure.volatility],
      proparallel: "s",
      pronargs: procedure.argumentTypes.length,
      pronargdefaults: procedure.defaultCount,
      prorettype: procedure.resultType,
      ...argumentColumns(procedure),
      prosrc: procedure.name,
    };
}

export function* operatorRows(): Iterable<SystemRow> {
  for (const operator of allOperators)
    yield {
      oid: operator.oid,
      oprname: operator.name,
      oprnamespace: pgCatalogSchemaOid,
      oprowner: bootstrapRole,
      oprkind: operator.left === 0 ? "l" : "b",
      oprcanmerge: operator.canMerge,
      oprcanhash: operator.canHash,
      oprleft: operator.left,
      oprright: operator.right,
      oprresult: operator.result,
      oprcom: operator.commutator,
      oprnegate: operator.negator,
      oprcode: operator.procedure,
    };
}

export function* castRows(): Iterable<SystemRow> {
  for (const cast of allCasts)
    yield {
      oid: cast.oid,
      castsource: cast.source,
      casttarget: cast.target,
      castfunc: cast.procedure,
      castcontext: cast.level === "implicit" ? "i" : cast.level === "assignment" ? "a" : "e",
      castmethod: cast.method === "function" ? "f" : cast.method === "text" ? "i" : "b",
    };
}

export function* aggregateRows(): Iterable<SystemRow> {
  for (const procedure of allProcedures)
    if (procedure.kind === "aggregate")
      yield {
        aggfnoid: procedure.oid,
        aggkind: procedure.aggregateForm === "plain" ? "n" : procedure.aggregateForm === "ordered" ? "o" : "h",
        aggnumdirectargs: procedure.directCount,
        aggfinalmodify: "r",
        aggmfinalmodify: "r",
      };
}

export const accessMethodRows = (): readonly SystemRow[] => [
  { oid: 2, amname: "heap", amtype: "t" },
  { oid: 403, amname: "btree", amtype: "i" },
];

export const languageRows = (): readonly SystemRow[] => [
  { oid: internalLanguage, lanname: "internal", lanowner: bootstrapRole },
  { oid: 14, lanname: "sql", lanowner: bootstrapRole, lanpltrusted: true },
];

export const collationRows = (): readonly SystemRow[] =>
  collations.map(({ oid, name, provider, encoding, locale }) => ({
    oid,
    collname: name,
    collnamespace: pgCatalogSchemaOid,
    collowner: bootstrapRole,
    collprovider: provider,
    collisdeterministic: true,
    collencoding: encoding,
    collcollate: locale,
    collctype: locale,
  }));

const seconds = (count: number) => makeInterval(0, 0, count * microsPerSecond);

export function* zoneNameRows(now: Int64): Iterable<SystemRow> {
  for (const name of zoneNames()) {
    const zone = findZone(name);
    if (zone === null) continue;
    const { abbreviation, offset, isDst } = zoneOffsetAt(zone, now);
    yield { name, abbrev: abbreviation, utc_offset: seconds(offset), is_dst: isDst };
  }
}

export function* zoneAbbreviationRows(): Iterable<SystemRow> {
  for (const [name, { offset, isDst }] of zoneAbbreviations)
    yield { abbrev: name.toUpperCase(), utc_offset: seconds(offset), is_dst: isDst };
}
