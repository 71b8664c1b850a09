/**
 * What clients were told against what the log says, for workload `bytes`: each request is committed at most once, what was answered before
 * something else was sent stands before it, and a confirmed leader knows of everything that was answered before it was asked.
 */
import { type Committed, requestOf } from "./commit-oracle.js";
import { expect } from "./failure.js";

interface Sent {
  /** Newest op that had been answered when it was sent. */
  readonly floor: number;
  op: number;
}

export class RequestOracle {
  readonly #sent = new Map<number, Sent>();
  newestAnswered = 0;
  answered = 0;
  confirmations = 0;

  sent(request: number): void {
    this.#sent.set(request, { floor: this.newestAnswered, op: 0 });
  }

  /** What was committed behind that op is lost, as if it had never been answered; what is committed there instead may have been sent long ago. */
  refounded(newest: number): void {
    for (const [request, { floor, op }] of this.#sent) {
      this.#sent.set(request, { floor: Math.min(floor, newest), op: op > newest ? 0 : op });
    }
    this.newestAnswered = Math.min(this.newestAnswered, newest);
  }

  committed({ op, frame }: Committed): void {
    const request = requestOf(frame);
    const sent = this.#sent.get(request);
    expect(sent !== undefined, "commit chain", () => `op ${op} holds request ${request}, which nobody sent`);
    if (sent === undefined) return;
    expect(sent.op === 0, "sessions", () => `request ${request} is committed as op ${sent.op} and again as op ${op}`);
    expect(
      op > sent.floor,
      "log order",
      () => `request ${request} was sent after op ${sent.floor} was answered, and stands before it as op ${op}`,
    );
    sent.op = op;
  }

  acked(request: number, op: number): void {
    const sent = this.#sent.get(request);
    expect(
      sent?.op === op,
      "ack durability",
      () => `request ${request} was answered as op ${op}; it stands at ${sent?.op}`,
    );
    this.newestAnswered = Math.max(this.newestAnswered, op);
    this.answered += 1;
  }

  /** @param floor what had been answered when it was asked */
  confirmed(floor: number, commit: number): void {
    this.confirmations += 1;
    expect(
      commit >= floor,
      "log order",
      () => `a leader says that op ${commit} is the newest, after op ${floor} was answered`,
    );
  }
}
