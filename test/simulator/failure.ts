/** What an oracle says when a run has gone wrong: who noticed, and what. */

export const oracleNames = [
  "commit chain",
  "ack durability",
  "promises",
  "head",
  "sessions",
  "log order",
  "state",
  "WAL",
  "storage",
  "tenancy",
  "resources",
  "liveness",
  "determinism",
  "assertion",
  "pipeline",
  "sql",
] as const;

export type OracleName = (typeof oracleNames)[number];

export class SimulationFailure extends Error {
  override readonly name = "SimulationFailure";
  readonly oracle: OracleName;

  constructor(oracle: OracleName, what: string, cause?: unknown) {
    super(`${oracle}: ${what}`, cause === undefined ? {} : { cause });
    this.oracle = oracle;
  }
}

/** An oracle's word: throws unless it holds. The text is made only when needed. */
export function expect(condition: boolean, oracle: OracleName, what: () => string): void {
  if (!condition) throw new SimulationFailure(oracle, what());
}
