/**
 * PostgreSQL's counters of what was done since its statistics were reset. Nobody counts that here, so that each of them is NULL, not known, and not
 * 0; of senders, receivers and slots there are none; and there is nothing to reset.
 */
import { SqlError } from "../../error.js";
import type { EvaluationContext } from "../context.js";
import type { Implementation } from "../define.js";
import { allProcedures } from "../procedures.js";

/** Only superusers reset statistics, until they let others. */
function reset(name: string, context: EvaluationContext): string {
  if (!context.isSuperuser) throw new SqlError("42501", `permission denied for function ${name}`);
  return "";
}

function counters(): Implementation[] {
  return allProcedures
    .filter(({ name }) => /^pg_stat_(?:get_|clear_|reset)/u.test(name))
    .map(({ name, signature, isStrict, kind }) => {
      if (kind === "set") return { kind, signature, isStrict, rows: () => [] };
      if (name === "pg_stat_clear_snapshot") return { kind: "scalar", signature, isStrict, call: () => "" };
      if (!name.startsWith("pg_stat_reset")) return { kind: "scalar", signature, isStrict, call: () => null };
      const call = (...args: readonly unknown[]): string => reset(name, args.at(-2) as EvaluationContext);
      return { kind: "scalar", signature, isStrict, call };
    });
}

export const cumulativeStatistics: readonly Implementation[] = counters();
