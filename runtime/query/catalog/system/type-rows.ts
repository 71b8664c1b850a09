/** Rows of pg_type and pg_enum: the built-in types, and those that a tenant has made. */
import { builtInTypes, type TypeFacts, typeFactsOf } from "../../types/type-table.js";
import { pgCatalogSchemaOid } from "../model.js";
import { bootstrapRole } from "../role-set.js";
import { aclArray } from "./acl-array.js";
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

export function* typeRows(world: CatalogWorld): Iterable<SystemRow> {
  for (const type of builtInTypes) yield typeRow(type);
  for (const definition of world.enums()) {
    for (const oid of [definition.oid, definition.oid + 1]) {
      const facts = typeFactsOf(oid);
      const found = world.userType(oid);
      if (facts === null || found === null) continue;
      yield {
        ...typeRow(facts),
        typname: found.name,
        typnamespace: definition.schema,
        typowner: world.roleOid(definition.owner),
        typacl: oid === definition.oid ? aclArray(definition) : null,
      };
    }
  }
}

export function* enumRows(world: CatalogWorld): Iterable<SystemRow> {
  for (const { oid: enumtypid, labels } of world.enums())
    for (const { oid, label, value } of labels) yield { oid, enumtypid, enumsortorder: value, enumlabel: label };
}
