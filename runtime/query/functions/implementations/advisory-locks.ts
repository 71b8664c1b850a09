/** Advisory locks: numbers that sessions wait for one another by. */
import type { Datum, Int64 } from "../../types/datum.js";
import type { EvaluationContext } from "../context.js";
import type { Implementation } from "../define.js";
import { allProcedures } from "../procedures.js";

export function advisoryLocks(): Implementation[] {
  const found: Implementation[] = [];
  for (const { signature, name, argumentTypes } of allProcedures) {
    const match = /^pg_(try_)?advisory_(xact_)?(lock|unlock)(_shared|_all)?$/u.exec(name);
    if (match === null) continue;
    const [, tries, transaction, what, suffix] = match;
    const kind =
      suffix === "_all" ? "unlockAll" : what === "unlock" ? "unlock" : tries === undefined ? "lock" : "tryLock";
    const take = (key: Int64 | readonly [number, number] | null, context: EvaluationContext): Datum => {
      const isGranted = context.session.advisoryLock({
        kind,
        key,
        isShared: suffix === "_shared",
        scope: transaction === undefined ? "session" : "transaction",
      });
      if (kind === "unlock" && !isGranted) {
        const type = suffix === "_shared" ? "ShareLock" : "ExclusiveLock";
        context.session.notice("WARNING", "01000", `you don't own a lock of type ${type}`);
      }
      return kind === "lock" || kind === "unlockAll" ? "" : isGranted;
    };
    found.push({
      kind: "scalar",
      signature,
      isStrict: true,
      call: (...args: readonly unknown[]) => {
        const context = args[argumentTypes.length] as EvaluationContext;
        if (argumentTypes.length === 0) return take(null, context);
        return take(argumentTypes.length === 1 ? (args[0] as Int64) : [Number(args[0]), Number(args[1])], context);
      },
    });
  }
  return found;
}
