/**
 * How recovery judges one op: what the header ring holds in the op's slot against what the log holds where the op must be.
 *
 * The literature's table (TigerBeetle's journal, Protocol-Aware Recovery) is written for a ring of prepare slots. Our log is a byte
 * space that only grows, whose files are zero before they are written, so the meanings change while the reasoning stays:
 *
 *   H  the op's slot of the header ring
 *        bad        no sound header, or one that belongs to another slot
 *        reserved   the slot was never used
 *        earlier    sound, of an op one or more turns of the ring before this one
 *        same       sound, of this op
 *        later      sound, of an op one or more turns after this one: the ring went round since, which is possible because
 *                   recovery starts at a checkpoint that may lie more than 1,024 ops back
 *   P  what lies where the op must begin: at the end of the op before it or, when nothing was written there, at the next segment's
 *      start. Each op has one place for ever; a slot is never reused, hence there is no "valid prepare of an older turn".
 *        bad        bytes are there, but header, body or padding do not verify
 *        unwritten  zeros, or no file yet
 *        stranger   a sound header that is not this op at this address with this parent
 *        expected   the op: checksums, op, address and parent all fit
 *   same checksum   H and P are the same header (looked at only for H same, P expected)
 *   beyond          no sound header in the ring names this op or a later one
 *
 * The rows on "op beyond the limit of this checkpoint" have no counterpart: a checkpoint does not bound this log. What decides is
 * `beyond`. A prepare is acknowledged only after its header is durable in the ring, headers are written only once all prepares of
 * the write are durable, and one write is in flight at a time. So an op that is not beyond was written whole, and whatever is wrong
 * with it is damage; an op that is beyond was never acknowledged, and when its bytes do not verify it is a torn write. A slot that is
 * bad *and* a prepare that is bad takes two faults; the table never guesses there.
 *
 * Textbooks call a torn write into a slot that was never used before faulty. They have to: their slot's reserved header may be left
 * over from before a lost write. Here a reserved slot is as good a witness as an earlier one, since both say the same: the header,
 * which is written last, did not arrive. Were it faulty, the power cut that stops all replicas of a young cluster at once could leave all
 * of them unsure of their heads, and none to tell them.
 *
 * Columns: `alone` for one replica (damage is fatal: there is nobody to ask), `replicated` for several (a faulty op is repaired
 * from peers, and never counts as a vote to drop it; `end` and `cut` change nothing there, the protocol truncates before it writes).
 */
import { AssertionFailed } from "../types/assert.js";
import { makeMarks } from "../types/marks.js";

export const ringStates = ["bad", "reserved", "earlier", "same", "later"] as const;
export const logStates = ["bad", "unwritten", "stranger", "expected"] as const;
export type RingState = (typeof ringStates)[number];
export type LogState = (typeof logStates)[number];

export interface OpCondition {
  readonly ring: RingState;
  readonly log: LogState;
  readonly sameChecksum: boolean;
  readonly beyond: boolean;
}

/**
 * fine        keep it, look at the next op
 * repair      keep it and write its header into the ring again
 * end         the log ends before this op
 * endRepair   … and the slot is made reserved again
 * cut         the log ends before this op; the torn bytes are zeroed
 * corrupt     refuse to start, naming file, op and address
 * proved      keep it and write its header into the ring again if the next op's header names it as its parent, else faulty
 * faulty      present once, not readable now: ask the peers, never vote to drop it
 */
export type AloneDecision = "fine" | "repair" | "end" | "endRepair" | "cut" | "corrupt";
export type ReplicatedDecision = "fine" | "repair" | "proved" | "end" | "cut" | "faulty";

export interface RecoveryRow {
  readonly label: string;
  readonly ring: readonly RingState[];
  readonly log: readonly LogState[];
  /** Absent: either. */
  readonly sameChecksum?: boolean;
  readonly beyond?: boolean;
  readonly alone: AloneDecision;
  readonly replicated: ReplicatedDecision;
  readonly why: string;
}

export const recoveryTable: readonly RecoveryRow[] = [
  {
    label: "clean end",
    ring: ["reserved", "earlier"],
    log: ["unwritten"],
    beyond: true,
    alone: "end",
    replicated: "end",
    why: "neither copy knows of the op, and no later op is known",
  },
  {
    label: "end with a lost slot",
    ring: ["bad"],
    log: ["unwritten"],
    beyond: true,
    alone: "endRepair",
    replicated: "faulty",
    why: "the slot's older header is lost; with peers it may have named this op",
  },
  {
    label: "torn first write",
    ring: ["reserved"],
    log: ["bad"],
    beyond: true,
    alone: "cut",
    replicated: "cut",
    why: "the slot soundly says that no header was ever written, or that its op was truncated: it was never acknowledged",
  },
  {
    label: "torn write",
    ring: ["earlier"],
    log: ["bad"],
    beyond: true,
    alone: "cut",
    replicated: "cut",
    why: "the slot soundly holds the previous turn, so this op's header was never written: it was never acknowledged",
  },
  {
    label: "both lost",
    ring: ["bad"],
    log: ["bad"],
    alone: "corrupt",
    replicated: "faulty",
    why: "the lost header may have named exactly this prepare as acknowledged",
  },
  {
    label: "lost behind the head, slot silent",
    ring: ["reserved", "earlier"],
    log: ["bad", "unwritten"],
    beyond: false,
    alone: "corrupt",
    replicated: "faulty",
    why: "a later op is known, so this one was written and acknowledged",
  },
  {
    label: "never written behind the head, slot lost",
    ring: ["bad"],
    log: ["unwritten"],
    beyond: false,
    alone: "corrupt",
    replicated: "faulty",
    why: "a later op is known, so this one was written and acknowledged",
  },
  {
    label: "known and damaged",
    ring: ["same"],
    log: ["bad"],
    alone: "corrupt",
    replicated: "faulty",
    why: "the ring says what is missing: it can be asked for by checksum",
  },
  {
    label: "known and never written",
    ring: ["same"],
    log: ["unwritten"],
    alone: "corrupt",
    replicated: "faulty",
    why: "the prepare's write was lost or misdirected although the disk said it was durable",
  },
  {
    label: "damaged a turn ago",
    ring: ["later"],
    log: ["bad", "unwritten"],
    alone: "corrupt",
    replicated: "faulty",
    why: "a later op is known, so this one was acknowledged; its own header has been overwritten in turn",
  },
  {
    label: "sound",
    ring: ["same"],
    log: ["expected"],
    sameChecksum: true,
    alone: "fine",
    replicated: "fine",
    why: "both copies agree",
  },
  {
    label: "two prepares",
    ring: ["same"],
    log: ["expected"],
    sameChecksum: false,
    alone: "corrupt",
    replicated: "faulty",
    why: "either copy may be the stale one: of two views where a write was forgotten, of one view only where a log was forged",
  },
  {
    label: "sound a turn ago",
    ring: ["later"],
    log: ["expected"],
    alone: "fine",
    replicated: "fine",
    why: "the ring went round; the later op is judged in its own turn",
  },
  {
    label: "slot lost at the head",
    ring: ["bad"],
    log: ["expected"],
    beyond: true,
    alone: "repair",
    replicated: "repair",
    why: "a torn header write after a good prepare",
  },
  {
    label: "header lost behind the head",
    ring: ["bad", "reserved", "earlier"],
    log: ["expected"],
    beyond: false,
    alone: "repair",
    replicated: "proved",
    why: "alone there is one truth; with peers the lost header may have named something newer, unless the next op names this one",
  },
  {
    label: "crash between the two writes",
    ring: ["reserved", "earlier"],
    log: ["expected"],
    beyond: true,
    alone: "repair",
    replicated: "repair",
    why: "the prepare is whole and chained; keeping one that was not acknowledged is harmless",
  },
  {
    label: "stranger",
    ring: ["bad", "reserved", "earlier", "same", "later"],
    log: ["stranger"],
    alone: "corrupt",
    replicated: "faulty",
    why: "a sound prepare in another's place: a misdirected write, a forged log, or files of two logs mixed",
  },
];

const rowMarks = makeMarks(recoveryTable.map(({ label }) => label));
/** How often each row decided in this thread, by label. */
export const recoveryRowCounts = rowMarks.counts;

const agrees = (wanted: boolean | undefined, given: boolean): boolean => wanted === undefined || wanted === given;

export const rowMatches = (row: RecoveryRow, condition: OpCondition): boolean =>
  row.ring.includes(condition.ring) &&
  row.log.includes(condition.log) &&
  agrees(row.sameChecksum, condition.sameChecksum) &&
  agrees(row.beyond, condition.beyond);

/** The one row for a condition. */
export function judge(condition: OpCondition): RecoveryRow {
  const row = recoveryTable.find((candidate) => rowMatches(candidate, condition));
  if (row === undefined)
    throw new AssertionFailed("durability: every condition of an op has a row in the recovery table");
  rowMarks.mark(row.label);
  return row;
}
