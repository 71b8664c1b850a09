/** Votes for the log of a view: what each replica says when it leaves the view before, and what the next primary has heard of them. */
import { assert } from "../types/assert.js";
import type { Core } from "./core.js";
import { type Decision, decideView } from "./decision.js";
import type { DoViewChangeMessage, SuffixEntry } from "./messages.js";
import { pipelineMax } from "./ports.js";
import { type Quorums, replicasMax } from "./quorums.js";

/** A next primary that lacks more than that leaves the view to one who has it. */
const lagMax = 4 * pipelineMax;

/** This replica's own, by the headers that were fixed when it left the view before. */
export function voteOf({ journal, suffix, view, logView, commitMax }: Core): DoViewChangeMessage {
  const entries: SuffixEntry[] = [];
  const head = suffix[0]?.header.op ?? 0;
  const lowest = suffix.at(-1)?.header.op ?? 1;
  const byOp = new Map(suffix.map((stored) => [stored.header.op, stored]));
  for (let op = head; op >= lowest && op > 0; op--) entries.push(journal.entry(op, byOp.get(op) ?? null));
  return { kind: "doViewChange", view, logView, commit: commitMax, contiguous: journal.durableOp, suffix: entries };
}

export class Votes {
  readonly #votes = new Array<DoViewChangeMessage | null>(replicasMax).fill(null);

  get count(): number {
    return this.#votes.filter((vote) => vote !== null).length;
  }

  clear(): void {
    this.#votes.fill(null);
  }

  /** This replica's own, anew: more of what it names may be durable by now. */
  setOwn(self: number, vote: DoViewChangeMessage): void {
    this.#votes[self] = vote;
  }

  take(from: number, vote: DoViewChangeMessage): void {
    const before = this.#votes[from];
    if (before) checkSame(before, vote);
    this.#votes[from] = vote;
  }

  /** Whether all are of this replica and of such others. */
  areOf(self: number, isOne: (replica: number) => boolean): boolean {
    return this.#votes.every((vote, from) => vote === null || from === self || isOne(from));
  }

  decide(quorums: Quorums): Decision {
    return decideView(this.#votes, quorums);
  }

  /** Whose log is so far ahead of this replica's that fetching what is missing would take longer than another change; null for nobody's. */
  farAhead(own: number): number | null {
    let best: number | null = null;
    let most = own + lagMax;
    for (const [replica, vote] of this.#votes.entries()) {
      if (vote === null || vote.contiguous <= most) continue;
      best = replica;
      most = vote.contiguous;
    }
    return best;
  }
}

/** A replica names the same headers each time that it votes in a view. */
function checkSame(before: DoViewChangeMessage, now: DoViewChangeMessage): void {
  assert(before.logView === now.logView, "order: two votes of a replica in one view name one log view");
  assert(
    (before.suffix[0]?.op ?? 0) === (now.suffix[0]?.op ?? 0),
    "durability: two votes of a replica in one view name one head",
  );
}
