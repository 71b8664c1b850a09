/** SEARCH and CYCLE of a recursive WITH query: what they say, and the columns that they add. */
import type { CommonTable } from "../../syntax/ast-query.js";
import { quoteIdentifier } from "../../types/quote.js";
import { sqlType, typeOid } from "../../types/sql-type.js";
import { arrayTypeOf } from "../../types/type-table.js";
import type { Analysis } from "../analyse.js";
import type { Analysed } from "../analysed.js";
import type { Printer } from "../print.js";
import type { Output } from "./scope.js";

export interface ShownClauses {
  readonly outputs: readonly Output[];
  readonly print: (printer: Printer) => void;
}

const record = sqlType(typeOid.record);
const path = sqlType(arrayTypeOf(typeOid.record));
const listed = (names: readonly string[]): string => names.map(quoteIdentifier).join(", ");
const isBoolean = (value: Analysed | undefined, text: string): boolean =>
  value?.kind === "constant" && value.type.oid === typeOid.bool && value.text === text;

export function searchAndCycle({ search = null, cycle = null }: CommonTable, analysis: Analysis): ShownClauses {
  const outputs: Output[] = [];
  if (search !== null) outputs.push({ name: search.sequence, type: search.order === "depth" ? path : record });
  const marks = cycle === null ? null : analysis.unified([cycle.value, cycle.otherwise], "CYCLE");
  if (cycle !== null && marks !== null)
    outputs.push({ name: cycle.mark, type: marks.type }, { name: cycle.path, type: path });
  return {
    outputs,
    print: (printer) => {
      if (search !== null) {
        const { order, columns, sequence } = search;
        printer.write(` SEARCH ${order.toUpperCase()} FIRST BY ${listed(columns)} SET ${quoteIdentifier(sequence)}`);
      }
      if (cycle === null || marks === null) return;
      printer.write(` CYCLE ${listed(cycle.columns)} SET ${quoteIdentifier(cycle.mark)}`);
      const [value, otherwise] = marks.items;
      if (value !== undefined && otherwise !== undefined && !(isBoolean(value, "t") && isBoolean(otherwise, "f"))) {
        printer.write(" TO ");
        printer.print(value, "hidden");
        printer.write(" DEFAULT ");
        printer.print(otherwise, "hidden");
      }
      printer.write(` USING ${quoteIdentifier(cycle.path)}`);
    },
  };
}
