/** One run and what came of it, as a value. */
import { SimulationFailure } from "./failure.js";
import { freezeGlobals } from "./frozen-globals.js";
import type { SimulationOptions } from "./options.js";
import { scheduleOf } from "./rare-stories.js";
import type { FaultEvent } from "./schedule.js";
import { type RunSummary, Simulation, type Trace } from "./simulation.js";

export interface SeedOutcome {
  readonly summary: RunSummary | null;
  readonly failure: SimulationFailure | null;
}

export async function runSeed(
  options: SimulationOptions,
  schedule: readonly FaultEvent[] = scheduleOf(options),
  trace: Trace | null = null,
): Promise<SeedOutcome> {
  const frozen = freezeGlobals();
  try {
    return { summary: await new Simulation(options, schedule, trace).run(), failure: null };
  } catch (error) {
    if (error instanceof SimulationFailure) return { summary: null, failure: error };
    return { summary: null, failure: new SimulationFailure("assertion", String(error), error) };
  } finally {
    frozen.restore();
  }
}
