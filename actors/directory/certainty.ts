/**
 * Whether what the directory holds in memory, and what the shards do, is what the log says. A step that ended nobody knows how leaves it
 * uncertain, until a start reads the log.
 */
import { KimberliteError } from "../../runtime/types/errors.js";

export class Certainty {
  /** Why it is not certain; null while it is. */
  doubt: unknown = null;

  /** The step that makes a change a fact. When nobody knows whether it is one, the rows in memory cannot be trusted. */
  async logged<Result>(step: Promise<Result>): Promise<Result> {
    try {
      return await step;
    } catch (error) {
      if (!(error instanceof KimberliteError) || error.outcome !== "notCommitted") this.doubt ??= error;
      throw error;
    }
  }

  /** The steps after it. What is a fact is not taken back by a shard that does not answer: it is carried out at the next start. */
  async carriedOut<Result>(steps: Promise<Result>): Promise<Result> {
    try {
      return await steps;
    } catch (error) {
      this.doubt ??= error;
      throw new KimberliteError("shardUnavailable", "the change is logged and will be carried out in a moment", {
        outcome: "committed",
        cause: error,
      });
    }
  }
}
