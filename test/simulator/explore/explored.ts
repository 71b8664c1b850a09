/** What came of a scope: said by the process that explored it to the one that asked. */
export interface Explored {
  /** States of the world whose next ones were looked at. */
  readonly states: number;
  readonly transitions: number;
  /** States of one member, of all three together. */
  readonly memberStates: number;
  /** How often the shipping code was run. */
  readonly steps: number;
  readonly isComplete: boolean;
  readonly violation: string | null;
  readonly seconds: number;
}
