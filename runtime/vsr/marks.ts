/**
 * Coverage marks: named places in the protocol that are worth knowing to have been reached. A run of many seeds has to hit each of
 * them, else the tests do not test what they seem to. In production a mark is an increment.
 */
import { makeMarks } from "../types/marks.js";

const names = [
  "clockDisagrees",
  "confirmWaitsForInherited",
  "damageAsked",
  "damageMended",
  "decides",
  "decisionImplicitNack",
  "decisionStuck",
  "decisionTruncates",
  "decisionWaits",
  "diskIsNotTheKnownOne",
  "diskWasPutBack",
  "doubtMovesView",
  "doubtOfOldView",
  "doubts",
  "entersViewChange",
  "faultyIsNoNack",
  "freshBecomesMember",
  "halted",
  "headBecomesCertain",
  "heartbeatShowsGap",
  "inheritedCommitsPartly",
  "journalDamaged",
  "journalLearnsName",
  "journalNamesByChild",
  "journalRepairsInPlace",
  "journalRewinds",
  "journalTakesOver",
  "journalTruncates",
  "laggingPrimaryForfeits",
  "leadershipGivenUp",
  "leadsAfterInstall",
  "memberLearned",
  "messageOfStranger",
  "peerGivesNothing",
  "pingMovesView",
  "prepareDroppedForMemory",
  "prepareFills",
  "prepareLeavesGap",
  "prepareOfOtherView",
  "prepareOkOfOtherView",
  "prepareOkRepeated",
  "prepareRepeated",
  "prepareResent",
  "preparesAsked",
  "primaryAbdicates",
  "readFoundDamage",
  "recoveryLostDurable",
  "replacedComesBack",
  "runAsked",
  "runDoesNotFollow",
  "runIntegrated",
  "runStopsAtSegment",
  "sealsAsked",
  "segmentFetchBegins",
  "segmentGivenUp",
  "segmentInstalled",
  "segmentOvertaken",
  "segmentPartElsewhere",
  "standbyIgnored",
  "startViewMayBeOld",
  "startViewOfOldView",
  "startViewRepeated",
  "startViewTaken",
  "startsAsFormerPrimary",
  "startsInViewChange",
  "startsOutside",
  "startsWithUncertainHead",
  "strangerSpeaks",
  "uncertainHeadMovesView",
  "upgradeDue",
  "viewRenewalAsked",
  "viewRenewed",
  "voteForOldView",
  "voteMovesView",
] as const;

export type MarkName = (typeof names)[number];
export const markNames: readonly MarkName[] = names;

const marks = makeMarks(names);

/** Counts that this place was reached. */
export const mark: (name: MarkName) => void = marks.mark;
/** How often each place was reached in this thread. */
export const markCounts = marks.counts;
