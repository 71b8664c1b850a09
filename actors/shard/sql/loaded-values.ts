/** The rows of a `load`, read by the types of its statement's parameters. */
import { atLoadPlace } from "../../../runtime/query/error.js";
import type { Datum } from "../../../runtime/query/types/datum.js";
import { KimberliteError } from "../../../runtime/types/errors.js";
import { LoadBlockReader } from "../../messages/load-block.js";
import { loadValueOf } from "../../sql/load-parameters.js";
import type { PlannedStatement } from "../../sql/plan-cache.js";
import type { StatementParts } from "./statement-run.js";

/** Rows between two looks at whether the statement is to end. */
const checkRows = 4_096;

/** The parameters of each row; the list is overwritten by the next one. */
export function* loadedValues(
  { request, evaluation, working }: Pick<StatementParts, "request" | "evaluation" | "working">,
  { bound }: PlannedStatement,
): Iterable<readonly Datum[]> {
  const [block] = request.parameters;
  const { parameterTypes } = bound;
  if (request.parameters.length !== 1 || block === undefined || block.bytes === null || parameterTypes.length === 0) {
    throw new KimberliteError("frameInvalid", "a load has its rows in one parameter");
  }
  const { bytes, format } = block;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const readers = parameterTypes.map((type) => loadValueOf(type, format, evaluation.context));
  const rows = new LoadBlockReader(bytes, readers.length);
  const { from, to } = rows;
  const values: Datum[] = readers.map(() => null);
  for (let row = 1; rows.next(); row++) {
    if (row % checkRows === 0) working();
    let index = 0;
    try {
      for (; index < readers.length; index++) {
        const begin = from[index] ?? 0;
        const end = to[index] ?? 0;
        const read = readers[index];
        values[index] = end < begin || read === undefined ? null : read(buffer, begin, end);
      }
    } catch (error) {
      throw atLoadPlace(error, row - 1, index);
    }
    yield values;
  }
}
