/** Rows about sequences. */
import type { EvaluationContext } from "../../functions/context.js";
import { int64 } from "../../types/bytes.js";
import type { CatalogWorld, SystemRow } from "./world.js";

export function* sequenceRows(world: CatalogWorld): Iterable<SystemRow> {
  for (const sequence of world.sequences())
    yield {
      seqrelid: sequence.oid,
      seqtypid: sequence.type.oid,
      seqstart: int64(sequence.start),
      seqincrement: int64(sequence.increment),
      seqmax: int64(sequence.maximum),
      seqmin: int64(sequence.minimum),
      seqcache: int64(sequence.cache ?? 1n),
      seqcycle: sequence.cycles,
    };
}

export function* sequenceViewRows(world: CatalogWorld, context: EvaluationContext): Iterable<SystemRow> {
  for (const sequence of world.sequences()) {
    const state = context.session.sequenceState(sequence.oid);
    yield {
      schemaname: world.schemaName(sequence.schema),
      sequencename: sequence.name,
      sequenceowner: world.ownerName(sequence.owner),
      data_type: sequence.type.oid,
      start_value: int64(sequence.start),
      min_value: int64(sequence.minimum),
      max_value: int64(sequence.maximum),
      increment_by: int64(sequence.increment),
      cycle: sequence.cycles,
      cache_size: int64(sequence.cache ?? 1n),
      last_value: state?.isCalled === true ? state.value : null,
    };
  }
}
