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

/** What came of the comparison of a scope with what the reduction leaves of it. */
export interface Compared {
  readonly full: Explored;
  readonly reduced: Explored;
  /** States of the former of which nobody in the latter can do all that they can. */
  readonly uncovered: number;
  /** How often the latter found something wrong that it had held true. */
  readonly restarts: number;
}
