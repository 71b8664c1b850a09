import type { Datum } from "./datum.js";
import type { SqlType } from "./sql-type.js";

/** A row as one value. */
export class SqlRecord {
  readonly types: readonly SqlType[];
  readonly values: readonly Datum[];

  constructor(types: readonly SqlType[], values: readonly Datum[]) {
    this.types = types;
    this.values = values;
  }
}
