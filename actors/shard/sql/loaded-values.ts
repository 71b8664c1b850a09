/** The rows of a `load`, read by the types of its statement's parameters. */
import { isUtf8 } from "node:buffer";
import { atLoadPlace } from "../../../runtime/query/error.js";
import type { Datum } from "../../../runtime/query/types/datum.js";
import { noModifier, type Oid, typeOid } from "../../../runtime/query/types/sql-type.js";
import type { BlockOfRows } from "../../../runtime/query/write/program/block.js";
import { assert } from "../../../runtime/types/assert.js";
import { KimberliteError } from "../../../runtime/types/errors.js";
import { LoadBlockReader } from "../../messages/load-block.js";
import { type LoadValue, loadValueOf } from "../../sql/load-parameters.js";
import type { PlannedStatement } from "../../sql/plan-cache.js";
import type { StatementParts } from "./statement-run.js";

/** Rows between two looks at whether the statement is to end. */
const checkRows = 4_096;

export class LoadedBlock implements BlockOfRows {
  readonly #rows: LoadBlockReader;
  readonly #buffer: Buffer;
  readonly #readers: readonly LoadValue[];
  readonly #working: () => void;
  #row = 0;
  readonly types: readonly Oid[];
  readonly format: 0 | 1;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly from: Int32Array;
  readonly to: Int32Array;

  constructor(
    { request, evaluation, working }: Pick<StatementParts, "request" | "evaluation" | "working">,
    { bound }: PlannedStatement,
  ) {
    const [block] = request.parameters;
    const { parameterTypes } = bound;
    if (request.parameters.length !== 1 || block === undefined || block.bytes === null || parameterTypes.length === 0) {
      throw new KimberliteError("frameInvalid", "a load has its rows in one parameter");
    }
    const { bytes, format } = block;
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const beneath = new Map(bound.domainParameters.map(({ index, type }) => [index, type]));
    this.#readers = parameterTypes.map((type, index) =>
      loadValueOf(type, format, evaluation.context, beneath.get(index)),
    );
    const rows = new LoadBlockReader(bytes, parameterTypes.length);
    this.#rows = rows;
    this.#working = working;
    // A value that has to be cut or padded, or may be too long, is no bytes of its row as they are.
    this.types = parameterTypes.map((type, index) =>
      (beneath.get(index)?.modifier ?? noModifier) === noModifier ? type : typeOid.unknown,
    );
    this.format = format;
    this.bytes = bytes;
    this.view = rows.view;
    this.from = rows.from;
    this.to = rows.to;
  }

  next(): boolean {
    if (!this.#rows.next()) return false;
    this.#row += 1;
    if (this.#row % checkRows === 0) this.#working();
    return true;
  }

  /** The value of a parameter of the row. Throws for what is none, with its place. */
  read(parameter: number): Datum {
    const from = this.from[parameter] ?? 0;
    const to = this.to[parameter] ?? 0;
    if (to < from) return null;
    const read = this.#readers[parameter];
    assert(read !== undefined, "each parameter has its type");
    try {
      return read(this.#buffer, from, to);
    } catch (error) {
      throw atLoadPlace(error, this.#row - 1, parameter);
    }
  }

  isText(from: number, to: number): boolean {
    const text = this.#buffer.subarray(from, to);
    return !text.includes(0) && isUtf8(text);
  }
}

/** The parameters of each row; the list is overwritten by the next one. */
export function* loadedValues(
  parts: Pick<StatementParts, "request" | "evaluation" | "working">,
  planned: PlannedStatement,
): Iterable<readonly Datum[]> {
  const block = new LoadedBlock(parts, planned);
  const values: Datum[] = block.types.map(() => null);
  while (block.next()) {
    for (let index = 0; index < values.length; index++) values[index] = block.read(index);
    yield values;
  }
}
