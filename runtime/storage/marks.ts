/** Coverage marks of storage (`types/marks.ts`): recovery and repair. Those of the recovery table are its rows, by label. */
import { makeMarks } from "../types/marks.js";

const names = [
  "commitPassesRepair",
  "discardedInLog",
  "discardedInRing",
  "leftoverSector",
  "logTruncated",
  "placeInNextSegment",
  "recoveryContradiction",
  "recoveryEndsInLeftovers",
  "recoveryFaultyKnown",
  "recoveryFaultyUnknown",
  "recoveryForgetsName",
  "recoveryHeadFaulty",
  "recoveryPlaceUnknown",
  "recoveryProvedByChild",
  "recoverySettles",
  "recoverySoundBeyond",
  "recoveryUnproved",
  "repairAtHead",
  "repairBehind",
  "repairZeroesGap",
  "ringDiscards",
  "ringDiscardsDamaged",
  "ringDoesNotSpeak",
  "ringKeepsNewer",
  "ringReadBySectors",
  "ringSectorUnreadable",
  "ringWritesAround",
  "ringWrittenWhole",
  "runCrossesSegment",
  "runEndsEarly",
  "segmentBelowDiscarded",
  "segmentEndsZeroed",
  "segmentMadeAtOnce",
  "segmentWasReady",
  "slotMadeInvalid",
  "slotRepaired",
  "superblockCopiesRepaired",
  "superblockCopyDamaged",
  "superblockCopyWrittenAgain",
  "superblockNewestIsAlone",
  "tailCopies",
  "tailLeavesOld",
  "tailPassesOver",
  "tornWriteZeroed",
  "unfinishedRemoved",
  "windowSectorUnreadable",
  "writeInStretches",
] as const;

const marks = makeMarks(names);

export type StorageMark = (typeof names)[number];
export const storageMarkNames: readonly StorageMark[] = names;
/** Counts that this place was reached. */
export const mark: (name: StorageMark) => void = marks.mark;
/** How often each place was reached in this thread. */
export const storageMarkCounts = marks.counts;
