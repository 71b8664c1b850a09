/** SET in all its forms, and the modes of transactions, of the parser into ours. */
import { notSupported, SqlError } from "../error.js";
import type { Statement } from "./ast.js";
import type { TransactionModes } from "./ast-session.js";
import type { Conversion } from "./conversion.js";
import { definitionElements, valueText } from "./options.js";
import { type Fields, flagOf, listOf, textOf } from "./tree.js";

const isolations: Readonly<Record<string, TransactionModes["isolation"]>> = {
  "read uncommitted": "readUncommitted",
  "read committed": "readCommitted",
  "repeatable read": "repeatableRead",
  serializable: "serializable",
};

export function modesOf(nodes: readonly unknown[], conversion: Conversion): TransactionModes {
  let isolation: TransactionModes["isolation"] = null;
  let isReadOnly: boolean | null = null;
  let isDeferrable: boolean | null = null;
  for (const { name, value } of definitionElements(nodes, conversion)) {
    const text = valueText(value) ?? "";
    if (name === "transaction_isolation") isolation = isolations[text] ?? null;
    else if (name === "transaction_read_only") isReadOnly = text === "1" || text === "true";
    else if (name === "transaction_deferrable") isDeferrable = text === "1" || text === "true";
    else throw notSupported(`the transaction mode ${name}`);
  }
  return { isolation, isReadOnly, isDeferrable };
}

export function convertSet(fields: Fields, conversion: Conversion): Statement {
  const name = textOf(fields, "name");
  const isLocal = flagOf(fields, "is_local");
  const args = listOf(fields, "args");
  const location = -1;
  switch (textOf(fields, "kind")) {
    case "VAR_SET_VALUE":
      return {
        kind: "set",
        name: name.toLowerCase(),
        values: args.map((item) => settingValue(item)),
        isLocal,
        location,
      };
    case "VAR_SET_DEFAULT":
      return { kind: "reset", tag: "SET", name: name.toLowerCase(), isLocal, location };
    case "VAR_RESET":
      return { kind: "reset", tag: "RESET", name: name.toLowerCase(), isLocal: false, location };
    case "VAR_RESET_ALL":
      return { kind: "resetAll", location };
    case "VAR_SET_CURRENT":
      throw notSupported("SET … FROM CURRENT");
    case "VAR_SET_MULTI": {
      if (name === "TRANSACTION SNAPSHOT") {
        const snapshot = settingValue(args[0]);
        return { kind: "setTransaction", modes: modesOf([], conversion), isSession: false, snapshot, location };
      }
      const modes = modesOf(args, conversion);
      return { kind: "setTransaction", modes, isSession: name.startsWith("SESSION"), snapshot: null, location };
    }
    default:
      throw notSupported("this form of SET");
  }
}

function settingValue(node: unknown): string {
  const text = valueText(node);
  if (text === null) throw new SqlError("42601", "a setting's value is a constant");
  return text;
}
