/** A session for tests: fixed times and settings, an empty catalog, nothing that can be changed. */

import type { Catalog } from "../../runtime/query/catalog/model.js";
import { plainRole, RoleSet } from "../../runtime/query/catalog/role-set.js";
import { objectNames } from "../../runtime/query/catalog/system/names.js";
import { readsOfView, showExpression, showView } from "../../runtime/query/deparse/show.js";
import { SqlError } from "../../runtime/query/error.js";
import type { EvaluationContext, SessionPort } from "../../runtime/query/functions/context.js";
import { settingNamed } from "../../runtime/query/settings.js";

export const emptyCatalog: Catalog = {
  version: 1,
  schemaByName: (name) => (name === "public" ? { kind: "schema", oid: 2_200, name, owner: "postgres" } : null),
  relationByName: () => null,
  typeByName: () => null,
  objectByOid: () => null,
  indexesOf: () => [],
  referencing: () => [],
  objects: () => [],
  database: null,
  defaultPrivileges: [],
};

const nothingToChange = (): never => {
  throw new SqlError("55000", "the test's session cannot be changed");
};

const session: SessionPort = {
  setting: (name) => settingNamed(name)?.default ?? null,
  setSetting: () => undefined,
  notice: () => undefined,
  nextSequenceValue: nothingToChange,
  transactionNumber: nothingToChange,
  assignedTransactionNumber: () => null,
  currentSequenceValue: nothingToChange,
  lastSequenceValue: nothingToChange,
  setSequenceValue: nothingToChange,
  sequenceState: () => null,
  storedBytes: () => 0,
  notify: nothingToChange,
  sleep: nothingToChange,
  advisoryLock: nothingToChange,
};

/** 2024-02-29 12:34:56.789 UTC. */
const noon = 762_525_296_789_000;

export function evaluationContext(changes: Partial<EvaluationContext> = {}): EvaluationContext {
  const roles = new RoleSet([plainRole("postgres", true)]);
  const view = {
    catalog: emptyCatalog,
    roles,
    searchPath: ["public"],
    temporarySchema: null,
    currentUser: "postgres",
    isSuperuser: true,
  };
  return {
    timeZone: "UTC",
    dateStyle: { format: "ISO", order: "MDY" },
    intervalStyle: "postgres",
    extraFloatDigits: 1,
    byteaOutput: "hex",
    transactionTime: noon,
    statementTime: noon,
    names: objectNames(view, "main"),
    clock: () => noon,
    random: () => 0.5,
    randomBytes: (length) => new Uint8Array(length),
    sessionUser: "postgres",
    database: "postgres",
    databaseOid: 5,
    backendPid: 1,
    position: 1,
    applicationStartTime: noon,
    query: "",
    showExpression,
    showView,
    readsOfView,
    session,
    ...view,
    ...changes,
  };
}
