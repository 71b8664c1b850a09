/** Rows of pg_type and pg_enum: the built-in types, and those that a tenant has made. */

import { arrayOfType, arrayTypeOf, builtInTypes, type TypeFacts, typeFactsOf } from "../../types/type-table.js";
import { numberInOid } from "../../types/user-types.js";
import { collationOf } from "../collation.js";
import {
  type CompositeDefinition,
  type DomainDefinition,
  type EnumDefinition,
  pgCatalogSchemaOid,
  type TypeDefinition,
} from "../model.js";
import { bootstrapRole } from "../role-set.js";
import { arrayName, typeOf } from "../user-types.js";
import { aclArray } from "./acl-array.js";
import { type ExpressionWorld, nodeTree } from "./expression-world.js";
import type { CatalogWorld, SystemRow } from "./world.js";

const typeRow = (type: TypeFacts): SystemRow => ({
  oid: type.oid,
  typname: type.name,
  typnamespace: pgCatalogSchemaOid,
  typowner: bootstrapRole,
  typlen: type.length,
  typbyval: type.isByValue,
  typtype: type.kind,
  typcategory: type.category,
  typispreferred: type.isPreferred,
  typisdefined: true,
  typdelim: type.delimiter,
  typelem: type.element,
  typarray: type.array,
  typinput: type.input,
  typoutput: type.output,
  typreceive: type.receive,
  typsend: type.send,
  typmodin: type.modifierIn,
  typmodout: type.modifierOut,
  typalign: type.alignment,
  typstorage: type.storage,
  typtypmod: -1,
  typcollation: type.collation,
});

export function* typeRows(world: ExpressionWorld): Iterable<SystemRow> {
  for (const type of builtInTypes) yield typeRow(type);
  for (const definition of world.types()) {
    if (definition.kind === "domain") {
      yield domainRow(definition, world);
      yield* domainArrayRow(definition, world);
    } else for (const oid of [definition.oid, arrayTypeOf(definition.oid)]) yield* ownRow(definition, oid, world);
  }
}

const ownedBy = (definition: TypeDefinition, world: CatalogWorld): SystemRow => ({
  typnamespace: definition.schema,
  typowner: world.roleOid(definition.owner),
});

/** Of an enum or a composite type, or of its arrays. */
function* ownRow(
  definition: EnumDefinition | CompositeDefinition,
  oid: number,
  world: CatalogWorld,
): Iterable<SystemRow> {
  const facts = typeFactsOf(oid);
  const found = world.userType(oid);
  if (facts === null || found === null) return;
  const isOwn = oid === definition.oid;
  const typacl = isOwn ? aclArray(definition) : null;
  const typrelid = isOwn && definition.kind === "composite" ? numberInOid(oid) : 0;
  yield { ...typeRow(facts), typname: found.name, ...ownedBy(definition, world), typrelid, typacl };
}

/** Of the functions `domain_in` and `domain_recv`. */
const domainInput = 2_597;
const domainReceive = 2_598;

function domainRow(definition: DomainDefinition, world: ExpressionWorld): SystemRow {
  const { base } = definition;
  const facts = typeFactsOf(base.oid);
  return {
    ...(facts === null ? {} : typeRow(facts)),
    oid: definition.oid,
    typname: definition.name,
    ...ownedBy(definition, world),
    typtype: "d",
    typispreferred: false,
    typelem: 0,
    typarray: arrayOfType(typeOf(definition))?.domain ?? 0,
    typinput: domainInput,
    typreceive: domainReceive,
    typnotnull: definition.isNotNull,
    typbasetype: base.domain ?? base.oid,
    typtypmod: base.domain === undefined ? base.modifier : -1,
    typcollation: collationOf({ type: typeOf(definition) }, world.catalog),
    typdefaultbin: world.domainDefault(definition) === null ? null : nodeTree("default", definition.oid),
    typdefault: world.domainDefault(definition),
    typacl: aclArray(definition),
  };
}

function* domainArrayRow(definition: DomainDefinition, world: CatalogWorld): Iterable<SystemRow> {
  const array = arrayOfType(typeOf(definition));
  const facts = array === null ? null : typeFactsOf(array.oid);
  if (array?.domain === undefined || facts === null) return;
  const { oid: typelem, name } = definition;
  const typcollation = collationOf({ type: typeOf(definition) }, world.catalog);
  const row = { ...typeRow(facts), oid: array.domain, typname: arrayName(name), typelem, typcollation };
  yield { ...row, ...ownedBy(definition, world) };
}

export function* enumRows(world: CatalogWorld): Iterable<SystemRow> {
  for (const definition of world.types()) {
    if (definition.kind !== "enum") continue;
    for (const { oid, label, value } of definition.labels)
      yield { oid, enumtypid: definition.oid, enumsortorder: value, enumlabel: label };
  }
}
