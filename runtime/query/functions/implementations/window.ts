/** Window functions. Each is given a view of one row of its partition after the other. */
import { SqlError } from "../../error.js";
import type { Datum } from "../../types/datum.js";
import { type Implementation, windows } from "../define.js";
import type { WindowView } from "../registry.js";

/** Numbers the groups of peers from 1. */
function denseRank(): (view: WindowView) => Datum {
  let group = 0;
  let last = -1;
  return (view) => {
    if (view.peersFrom !== last) {
      group += 1;
      last = view.peersFrom;
    }
    return group;
  };
}

function ntile(view: WindowView): Datum {
  const given = view.argument(0, view.row);
  if (given === null) return null;
  const buckets = Number(given);
  if (buckets <= 0) throw new SqlError("22014", "argument of ntile must be greater than zero");
  const size = Math.floor(view.partitionRows / buckets);
  const larger = view.partitionRows % buckets;
  // The first `larger` buckets have one row more.
  const inLarger = larger * (size + 1);
  if (view.row < inLarger) return Math.floor(view.row / (size + 1)) + 1;
  return larger + Math.floor((view.row - inLarger) / size) + 1;
}

function neighbour(direction: 1 | -1, hasDefault: boolean): () => (view: WindowView) => Datum {
  return () => (view) => {
    const offset = view.argument(1, view.row);
    if (offset === null) return null;
    return at(view, view.row + direction * Number(offset), hasDefault);
  };
}

function at(view: WindowView, row: number, hasDefault: boolean): Datum {
  if (row >= 0 && row < view.partitionRows) return view.argument(0, row);
  return hasDefault ? view.argument(2, view.row) : null;
}

const valueAt = (view: WindowView, row: number): Datum => (row < 0 ? null : view.argument(0, row));

function nthValue(view: WindowView): Datum {
  const n = view.argument(1, view.row);
  if (n === null) return null;
  if (Number(n) <= 0) throw new SqlError("22016", "argument of nth_value must be greater than zero");
  return valueAt(view, view.frameRow(Number(n) - 1));
}

export const windowFunctions: readonly Implementation[] = windows({
  "row_number()": () => (view) => view.row + 1,
  "rank()": () => (view) => view.peersFrom + 1,
  "dense_rank()": denseRank,
  "percent_rank()": () => (view) => (view.partitionRows <= 1 ? 0 : view.peersFrom / (view.partitionRows - 1)),
  "cume_dist()": () => (view) => view.peersTo / view.partitionRows,
  "ntile(int4)": () => ntile,
  "lag(anyelement)": () => (view) => at(view, view.row - 1, false),
  "lag(anyelement,int4)": neighbour(-1, false),
  "lag(anycompatible,int4,anycompatible)": neighbour(-1, true),
  "lead(anyelement)": () => (view) => at(view, view.row + 1, false),
  "lead(anyelement,int4)": neighbour(1, false),
  "lead(anycompatible,int4,anycompatible)": neighbour(1, true),
  "first_value(anyelement)": () => (view) => valueAt(view, view.frameRow(0)),
  "last_value(anyelement)": () => (view) => valueAt(view, view.lastFrameRow()),
  "nth_value(anyelement,int4)": () => nthValue,
});
