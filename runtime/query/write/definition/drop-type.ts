/** DROP TYPE and DROP DOMAIN, with what is of the type: columns, views, and what names it in an expression. */
import { isType, type TypeDefinition } from "../../catalog/model.js";
import { typesWith } from "../../catalog/of-type.js";
import { domainsBeneath } from "../../catalog/user-types.js";
import { SqlError } from "../../error.js";
import type { DropType } from "../../syntax/ast-definition.js";
import type { Oid } from "../../types/sql-type.js";
import { shownName } from "./draft.js";
import { dependsError, dependsOnSome } from "./drop.js";
import type { DefinitionPorts, DefinitionResult } from "./ports.js";
import { toldOf, usesOfType } from "./type-uses.js";

function dropIfThere(ports: DefinitionPorts, oid: Oid): void {
  const type = ports.draft.catalog.objectByOid(oid);
  if (type !== null && isType(type)) dropType(ports, type, true);
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

/** Of several types that go together: throws 2BP01 for what depends on one of them and is none of them. */
function expectNoOthers(types: readonly TypeDefinition[], isCascade: boolean, ports: DefinitionPorts): void {
  if (isCascade || types.length < 2) return;
  const told = types.toReversed().flatMap((type) => toldOf(usesOfType(ports, type, () => undefined)));
  const isOneOf = (object: number | undefined): boolean => types.some(({ oid }) => oid === object);
  const others = told.filter(({ partOf, itself }) => !isOneOf(itself) && !isOneOf(partOf ?? undefined));
  if (others.length > 0) throw dependsOnSome(others);
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
  // What goes with the last of them is told first; what is over others goes before them.
  const order = types.toReversed();
  const { catalog } = ports.draft;
  const isOver = (other: TypeDefinition, type: TypeDefinition): boolean => {
    if (other === type) return false;
    if (other.kind !== "domain") return typesWith(type, catalog).includes(other);
    return domainsBeneath(other, catalog).some((each) => each.oid === type.oid || each.base.oid === type.oid);
  };
  // What is over more comes first: domains over domains, and rows that are fields of fewer others.
  const height = (type: TypeDefinition): number =>
    type.kind === "domain" ? domainsBeneath(type, catalog).length : -typesWith(type, catalog).length;
  expectNoOthers(types, isCascade, ports);
  for (const type of order) {
    const over = order.filter((other) => isOver(other, type)).toSorted((a, b) => height(b) - height(a));
    for (const each of [...over, type])
      if (ports.draft.catalog.objectByOid(each.oid) !== null) dropType(ports, each, isCascade);
  }
  return { tag: isDomain ? "DROP DOMAIN" : "DROP TYPE" };
}
