/** Functions that SQL has a grammar of their own for, called by it: shown so too. */
import { typeOid } from "../types/sql-type.js";
import type { Analysed } from "./analysed.js";

type Call = Extract<Analysed, { kind: "call" }>;

interface Printing {
  write(text: string): void;
  print(node: Analysed, implicit: "hidden"): void;
  operand(node: Analysed, implicit: "hidden", parent: Analysed): void;
}

/** The words before each argument, by its place, in the order in which they are written, and what ends it all. */
type Form = readonly (string | number)[];

const formOf = (name: string, args: readonly Analysed[]): Form | null => {
  // By patterns there are two, of which the one with an escape has a form.
  if (name === "substring" && args[1]?.type.oid === typeOid.text)
    return args.length === 3 ? ["SUBSTRING(", 0, " SIMILAR ", 1, " ESCAPE ", 2, ")"] : null;
  switch (`${name} ${args.length}`) {
    case "overlaps 4":
      return ["((", 0, ", ", 1, ") OVERLAPS (", 2, ", ", 3, "))"];
    case "overlay 3":
      return ["OVERLAY(", 0, " PLACING ", 1, " FROM ", 2, ")"];
    case "overlay 4":
      return ["OVERLAY(", 0, " PLACING ", 1, " FROM ", 2, " FOR ", 3, ")"];
    case "position 2":
      return ["POSITION((", 1, ") IN (", 0, "))"];
    case "substring 2":
      return ["SUBSTRING(", 0, " FROM ", 1, ")"];
    case "substring 3":
      return ["SUBSTRING(", 0, " FROM ", 1, " FOR ", 2, ")"];
    case "btrim 1":
      return ["TRIM(BOTH FROM ", 0, ")"];
    case "btrim 2":
      return ["TRIM(BOTH ", 1, " FROM ", 0, ")"];
    case "ltrim 1":
      return ["TRIM(LEADING FROM ", 0, ")"];
    case "ltrim 2":
      return ["TRIM(LEADING ", 1, " FROM ", 0, ")"];
    case "rtrim 1":
      return ["TRIM(TRAILING FROM ", 0, ")"];
    case "rtrim 2":
      return ["TRIM(TRAILING ", 1, " FROM ", 0, ")"];
    case "pg_collation_for 1":
      return ["COLLATION FOR (", 0, ")"];
    case "normalize 1":
      return ["NORMALIZE(", 0, ")"];
    case "is_normalized 1":
      return ["((", 0, ") IS NORMALIZED)"];
    default:
      return null;
  }
};

/** False for a call that has to be shown like any other. */
export function printSyntax(call: Call, name: string, printing: Printing): boolean {
  const [first, second] = call.arguments;
  if (first === undefined) return false;
  if (name === "timezone" && second !== undefined) {
    printing.write("(");
    printing.operand(second, "hidden", call);
    printing.write(" AT TIME ZONE ");
    printing.operand(first, "hidden", call);
    printing.write(")");
    return true;
  }
  // Words that are written without quotes are texts all the same.
  if (name === "extract" && first.kind === "constant" && second !== undefined) {
    printing.write(`EXTRACT(${first.text ?? ""} FROM `);
    printing.print(second, "hidden");
    printing.write(")");
    return true;
  }
  if (second?.kind === "constant" && (name === "normalize" || name === "is_normalized")) {
    printing.write(name === "normalize" ? "NORMALIZE(" : "((");
    printing.print(first, "hidden");
    printing.write(name === "normalize" ? `, ${second.text})` : `) IS ${second.text} NORMALIZED)`);
    return true;
  }
  const form = formOf(name, call.arguments);
  if (form === null) return false;
  for (const part of form) {
    const argument = typeof part === "number" ? call.arguments[part] : undefined;
    if (argument !== undefined) printing.print(argument, "hidden");
    else printing.write(String(part));
  }
  return true;
}
