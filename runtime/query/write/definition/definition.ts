/** Which definition is which. */
import { notSupported } from "../../error.js";
import type { DefinitionStatement } from "../../syntax/ast-definition.js";
import type { Truncate } from "../../syntax/ast-modify.js";
import { alterTable } from "./alter-table.js";
import { expectAuthority } from "./authority.js";
import { cluster } from "./cluster.js";
import { comment } from "./comment.js";
import { createComposite } from "./composites.js";
import { createIndex } from "./create-index.js";
import { createTable, createTableAs } from "./create-table.js";
import { alterDefaultPrivileges } from "./default-privileges.js";
import { alterDomain, createDomain } from "./domains.js";
import { placeOf } from "./draft.js";
import { drop } from "./drop-statement.js";
import { dropTypes } from "./drop-type.js";
import { alterType, createEnum } from "./enums.js";
import { grant } from "./grant.js";
import { createMaterializedView, refreshMaterializedView } from "./materialized-view.js";
import {
  alterSequence,
  createExtension,
  createSchema,
  createSequence,
  createView,
  rename,
  setSchema,
  truncate,
} from "./others.js";
import { dropOwned, expectNoneOf, reassignOwned } from "./owned.js";
import { setOwner } from "./owner.js";
import type { DefinitionPorts, DefinitionResult } from "./ports.js";

/** Carries out a definition: changes the draft, and rows where it has to. Throws `SqlError`. */
export function define(statement: DefinitionStatement | Truncate, ports: DefinitionPorts): DefinitionResult {
  expectAuthority(statement, ports);
  const result = carryOut(statement, ports);
  ports.cascades.tell((oid) => ports.draft.catalog.objectByOid(oid) !== null, ports.notice);
  return result;
}

function carryOut(statement: DefinitionStatement | Truncate, ports: DefinitionPorts): DefinitionResult {
  switch (statement.kind) {
    case "createTable":
      return createTable(statement, ports);
    case "createTableAs":
      return statement.isMaterializedView ? createMaterializedView(statement, ports) : createTableAs(statement, ports);
    case "alterTable":
      return alterTable(statement, ports);
    case "cluster":
      return cluster(statement, ports);
    case "createIndex":
      return createIndex(statement, ports);
    case "createSchema":
      return createSchema(statement, ports);
    case "createExtension":
      return createExtension(statement, ports);
    case "createSequence":
      return createSequence(statement, ports);
    case "alterSequence":
      return alterSequence(statement, ports);
    case "createView":
      return createView(statement, ports);
    case "createEnum":
      return createEnum(statement, ports);
    case "createComposite":
      return createComposite(statement, ports);
    case "createDomain":
      return createDomain(statement, ports);
    case "alterDomain":
      return alterDomain(statement, ports);
    case "alterType":
      return alterType(statement, ports);
    case "dropType":
      return dropTypes(statement, ports);
    case "drop":
      return drop(statement, ports);
    case "rename":
      return rename(statement, ports);
    case "setSchema":
      return setSchema(statement, ports);
    case "truncate":
      return truncate(statement, ports);
    case "setOwner":
      return setOwner(statement, ports);
    case "comment":
      return comment(statement, ports);
    case "grant":
      return grant(statement, ports);
    case "alterDefaultPrivileges":
      return alterDefaultPrivileges(statement, ports);
    case "dropOwned":
      return dropOwned(statement, ports);
    case "reassignOwned":
      return reassignOwned(statement, ports);
    case "dropRole":
      return expectNoneOf(statement, ports);
    case "grantRole":
    case "createRole":
    case "alterRole":
    case "renameRole":
      throw notSupported("changing roles by SQL", placeOf(statement.location));
    case "alterDefault":
    case "alterDatabase":
    case "createDatabase":
    case "dropDatabase":
      throw notSupported("changing databases within a transaction", placeOf(statement.location));
    case "refreshMaterializedView":
      return refreshMaterializedView(statement, ports);
  }
}
