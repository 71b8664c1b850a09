/** DROP TYPE and DROP DOMAIN, with what is of the type: columns, views, and what names it in an expression. */
import type { TypeDefinition } from "../../catalog/model.js";
import { domainsBeneath } from "../../catalog/user-types.js";
import { SqlError } from "../../error.js";
import type { DropType } from "../../syntax/ast-definition.js";
import type { Oid } from "../../types/sql-type.js";
import { shownName } from "./draft.js";
import { dependsError } from "./drop.js";
import type { DefinitionPorts, DefinitionResult } from "./ports.js";
import { toldOf, usesOfType } from "./type-uses.js";

function dropIfThere(ports: DefinitionPorts, oid: Oid): void {
  const type = ports.draft.catalog.objectByOid(oid);
  if (type?.kind === "enum" || type?.kind === "domain") dropType(ports, type, true);
}

/** Throws 2BP01 when something depends on it and `isCascade` does not say that it goes too. */
export function dropType(ports: DefinitionPorts, type: TypeDefinition, isCascade: boolean): void {
  const uses = usesOfType(ports, type, (domain) => dropIfThere(ports, domain.oid));
  const told = toldOf(uses);
  if (told.length > 0 && !isCascade) throw dependsError(ports.draft.shown(type), type, told);
  for (const { description, partOf } of told)
    ports.cascades.note({ description: description.split(" depends on ")[0] ?? "", partOf });
  ports.cascades.silently(() => {
    for (const { drop } of uses) drop();
  });
  ports.draft.remove(type.oid);
}

export function dropTypes(statement: DropType, ports: DefinitionPorts): DefinitionResult {
  const { names: wanted, ifExists, isCascade, isDomain } = statement;
  const types: TypeDefinition[] = [];
  for (const name of wanted) {
    const type = ports.draft.type(name);
    if (isDomain && type !== null && type.kind !== "domain")
      throw new SqlError("42809", `"${shownName(name)}" is not a domain`);
    if (type !== null) types.push(type);
    else {
      const message = `type "${shownName(name)}" does not exist`;
      if (!ifExists) throw new SqlError("42704", message);
      ports.notice("NOTICE", "00000", `${message}, skipping`);
    }
  }
  // What goes with the last of them is told first; domains go before what they are over.
  const order = types.toReversed();
  const isOver = (domain: TypeDefinition, type: TypeDefinition): boolean =>
    domain.kind === "domain" &&
    domain !== type &&
    domainsBeneath(domain, ports.draft.catalog).some((each) => each.oid === type.oid || each.base.oid === type.oid);
  const height = (type: TypeDefinition): number =>
    type.kind === "domain" ? domainsBeneath(type, ports.draft.catalog).length : 0;
  for (const type of order) {
    const over = order.filter((other) => isOver(other, type)).toSorted((a, b) => height(b) - height(a));
    for (const each of [...over, type])
      if (ports.draft.catalog.objectByOid(each.oid) !== null) dropType(ports, each, isCascade);
  }
  return { tag: isDomain ? "DROP DOMAIN" : "DROP TYPE" };
}
