import type { Decimal } from "./decimal.js";

/** Keys of an object in PostgreSQL's order (length, then bytes), each once. */
export type JsonbNode = null | boolean | Decimal | string | readonly JsonbNode[] | ReadonlyMap<string, JsonbNode>;

/** A jsonb value. Boxed, so that a JSON null is no NULL. */
export class Jsonb {
  readonly node: JsonbNode;

  constructor(node: JsonbNode) {
    this.node = node;
  }
}
