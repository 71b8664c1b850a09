/** ORDER BY, GROUP BY and windows, as they are shown. */
import { notSupported } from "../../error.js";
import type { SortItem, WindowDefinition } from "../../syntax/ast-expression.js";
import { exclusionWords } from "../../syntax/print.js";
import { quoteIdentifier } from "../../types/quote.js";
import type { Analysed } from "../analysed.js";
import type { Printer } from "../print.js";

export interface ShownSort {
  readonly node: Analysed;
  /** Its place among the outputs, from 1; 0 for none. */
  readonly place: number;
  readonly item: Pick<SortItem, "isDescending" | "nullsFirst">;
}

export function shownSort(node: Analysed, place: number, item: SortItem): ShownSort {
  if (item.using !== null) throw notSupported("showing ORDER BY USING");
  return { node, place, item };
}

/** What is sorted or grouped by: calls and (in the pretty style) all that is not a column stand in parentheses. */
export function printKey(printer: Printer, node: Analysed): void {
  if (node.kind === "constant" || node.kind === "name") {
    printer.print(node, "shown");
    return;
  }
  const isFunction =
    node.kind === "call" ||
    (node.kind === "written" && node.isCall) ||
    (node.kind === "conversion" && node.by === "function");
  const isEnclosed = printer.isPretty || isFunction;
  if (isEnclosed) printer.write("(");
  printer.print(node, "shown");
  if (isEnclosed) printer.write(")");
}

/** Each once: what is grouped or sorted by twice is that once. */
export function printKeys(printer: Printer, nodes: readonly Analysed[]): void {
  const texts = new Set(nodes.map((node) => printer.apart(() => printKey(printer, node))));
  printer.write([...texts].join(", "));
}

/** @param byPlace as numbers of output columns */
export function printOrder(printer: Printer, sorts: readonly ShownSort[], byPlace = false): void {
  const printed = new Set<string>();
  for (const { node, place, item } of sorts) {
    const own = byPlace ? String(place) : printer.apart(() => printKey(printer, node));
    if (printed.has(own)) continue;
    printer.write(printed.size > 0 ? `, ${own}` : own);
    printed.add(own);
    const { isDescending, nullsFirst } = item;
    if (isDescending) printer.write(nullsFirst === false ? " DESC NULLS LAST" : " DESC");
    else if (nullsFirst === true) printer.write(" NULLS FIRST");
  }
}

export interface ShownWindow {
  readonly definition: WindowDefinition;
  readonly partition: readonly Analysed[];
  readonly order: readonly ShownSort[];
  /** Offsets of the frame's two ends. */
  readonly offsets: readonly (Analysed | null)[];
}

const bounds = {
  unboundedPreceding: "UNBOUNDED PRECEDING",
  unboundedFollowing: "UNBOUNDED FOLLOWING",
  currentRow: "CURRENT ROW",
} as const;

export function printWindow(printer: Printer, { definition, partition, order, offsets }: ShownWindow): void {
  const { base, frame } = definition;
  let needsSpace = false;
  const part = (print: () => void): void => {
    if (needsSpace) printer.write(" ");
    needsSpace = true;
    print();
  };
  printer.write("(");
  if (base !== null) part(() => printer.write(quoteIdentifier(base)));
  if (partition.length > 0)
    part(() => {
      printer.write("PARTITION BY ");
      printKeys(printer, partition);
    });
  if (order.length > 0)
    part(() => {
      printer.write("ORDER BY ");
      printOrder(printer, order);
    });
  if (!frame.isDefault)
    part(() => {
      const isShort = frame.isShort === true;
      printer.write(`${frame.mode.toUpperCase()} ${isShort ? "" : "BETWEEN "}`);
      for (const [index, bound] of (isShort ? [frame.from] : [frame.from, frame.to]).entries()) {
        if (index > 0) printer.write(" AND ");
        const offset = offsets[index] ?? null;
        if (offset !== null) printer.print(offset, "hidden");
        printer.write("offset" in bound ? ` ${bound.kind.toUpperCase()}` : bounds[bound.kind]);
      }
      printer.write(exclusionWords[frame.exclude]);
    });
  printer.write(")");
}
