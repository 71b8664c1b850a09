import type { Datum } from "./datum.js";
import type { Oid } from "./sql-type.js";

/** An array of one dimension whose lower bound is 1. */
export class SqlArray {
  readonly elementType: Oid;
  readonly items: readonly Datum[];

  constructor(elementType: Oid, items: readonly Datum[]) {
    this.elementType = elementType;
    this.items = items;
  }
}
