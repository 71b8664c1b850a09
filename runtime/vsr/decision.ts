/**
 * The decision of a view change: from what a quorum of replicas says of its logs' ends, which log the new view begins with. Source: Liskov and
 * Cowling 2012, with the nacks of "Protocol-Aware Recovery" (Alagappan et al., FAST 2018).
 *
 * The canonical log is that of the highest logView heard, never that of the highest op. Each of its operations above what is known to
 * be committed is kept unless a nack quorum proves that it was never acknowledged by a replication quorum. What can neither be read nor
 * be proved uncommitted stops the decision: dropping it could lose an acknowledged write.
 */
import { sameBytes } from "../storage/frame.js";
import { assert } from "../types/assert.js";
import { mark } from "./marks.js";
import type { DoViewChangeMessage, SuffixEntry, SuffixHeader } from "./messages.js";
import type { Quorums } from "./quorums.js";

/** What each replica sent, by replica number; null where nothing was heard. */
export type Votes = readonly (DoViewChangeMessage | null)[];

export type Decision =
  /** Somebody who has not answered may hold what is missing. */
  | { readonly kind: "wait"; readonly op: number }
  /** Everybody answered and nobody can give this operation or prove that it was not acknowledged. */
  | { readonly kind: "stuck"; readonly op: number }
  | { readonly kind: "decided"; readonly suffix: readonly SuffixHeader[]; readonly commit: number };

const sameIdentity = (left: Uint8Array, right: Uint8Array): boolean => sameBytes(left, 0, right, 0, left.length);

const headOf = (vote: DoViewChangeMessage): number => vote.suffix[0]?.op ?? 0;

function entryOf(vote: DoViewChangeMessage, op: number): SuffixEntry | null {
  const head = headOf(vote);
  return op > head ? null : (vote.suffix[head - op] ?? null);
}

/** The header that the canonical votes name for an operation. Two different ones are a fork: there is no tie to break. */
function canonicalHeader(canonical: readonly DoViewChangeMessage[], op: number): SuffixHeader | null {
  let found: SuffixHeader | null = null;
  for (const vote of canonical) {
    const entry = entryOf(vote, op);
    if (entry === null || entry.header === null || entry.headerBytes === null) continue;
    assert(
      found === null || sameIdentity(found.header.identity, entry.header.identity),
      "order: two replicas of one log view name the same prepare of an operation",
    );
    found = { header: entry.header, headerBytes: entry.headerBytes };
  }
  return found;
}

interface Count {
  copies: number;
  nacks: number;
}

/** How many votes can give the operation, and how many prove that their sender never acknowledged it. */
function count(votes: readonly DoViewChangeMessage[], logView: number, op: number, header: SuffixHeader | null): Count {
  const result = { copies: 0, nacks: 0 };
  for (const vote of votes) {
    const entry = entryOf(vote, op);
    if (entry === null) {
      // Its head is lower: it never saw the operation. (A vote never ends above what it knows to be committed.)
      if (op > headOf(vote)) result.nacks += 1;
      continue;
    }
    const isSame =
      header !== null && entry.header !== null && sameIdentity(entry.header.identity, header.header.identity);
    if (entry.present && isSame) result.copies += 1;
    if (entry.nack) result.nacks += 1;
    else if (vote.logView < logView && entry.header !== null && !isSame) {
      // It holds another prepare there, of an older log: so it never acknowledged this one.
      mark("decisionImplicitNack");
      result.nacks += 1;
    }
  }
  return result;
}

/**
 * Decides with at least a view-change quorum of votes, the decider's own among them. The suffix given back runs from the head down to
 * `commit`, which is the highest operation known to be committed (an empty suffix only when nothing was ever written).
 */
export function decideView(votes: Votes, quorums: Quorums): Decision {
  const heard = votes.filter((vote) => vote !== null);
  assert(heard.length >= quorums.viewChange, "order: a view is decided by a view-change quorum");
  const logView = heard.reduce((highest, vote) => Math.max(highest, vote.logView), 0);
  const canonical = heard.filter((vote) => vote.logView === logView);
  const commit = heard.reduce((highest, vote) => Math.max(highest, vote.commit), 0);
  const high = canonical.reduce((highest, vote) => Math.max(highest, headOf(vote)), 0);
  assert(high >= commit, "durability: the canonical log holds everything that is known to be committed");
  const suffix: SuffixHeader[] = [];
  for (let op = Math.max(commit, 1); op <= high; op++) {
    const header = canonicalHeader(canonical, op);
    const { copies, nacks } = count(heard, logView, op, header);
    if (op > commit && nacks >= quorums.nack) {
      mark("decisionTruncates");
      break;
    }
    // A committed operation needs no copy among the votes: its holders are a replication quorum, and repair finds one.
    if (header !== null && (copies > 0 || op === commit)) {
      suffix.unshift(header);
      continue;
    }
    if (heard.length < quorums.replicas) {
      mark("decisionWaits");
      return { kind: "wait", op };
    }
    mark("decisionStuck");
    return { kind: "stuck", op };
  }
  checkChain(suffix);
  return { kind: "decided", suffix, commit };
}

function checkChain(suffix: readonly SuffixHeader[]): void {
  for (let index = 0; index + 1 < suffix.length; index++) {
    const [child, parent] = [suffix[index], suffix[index + 1]];
    assert(child !== undefined && parent !== undefined, "a suffix has no holes");
    assert(
      child.header.op === parent.header.op + 1 && sameIdentity(child.header.parent, parent.header.identity),
      "hash chain: the log that a view begins with is one chain",
    );
  }
}
