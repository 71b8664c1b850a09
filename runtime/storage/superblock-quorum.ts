/**
 * Which of the superblock's four copies to believe. An open needs two equal ones and takes the highest sequence that has them; what
 * cannot come from a crash is refused, each kind with its own name:
 *
 *   quorum lost           no two copies agree
 *   fork                  two contents of one sequence
 *   parent skipped        copies more than one sequence apart (a write begins only when all four are equal)
 *   parent not connected  the newer does not name the older
 *   state not monotonic   the newer says less than the older
 */
import { KimberliteError } from "../types/errors.js";
import { sameBytes } from "./frame.js";
import { mark } from "./marks.js";
import type { CopyReading, SoundCopy, SuperblockContent } from "./superblock-codec.js";

export const copiesToOpen = 2;

export type SuperblockFault =
  | "quorum lost"
  | "fork"
  | "parent skipped"
  | "parent not connected"
  | "state not monotonic";

const explanations: Readonly<Record<SuperblockFault, string>> = {
  "quorum lost": "fewer than two of its four copies agree",
  fork: "two copies have one sequence and different contents",
  "parent skipped": "two copies are more than one sequence apart",
  "parent not connected": "the newer copies do not name the older ones as their parent",
  "state not monotonic": "the newer copies have a lower view, commit or checkpoint than the older ones",
};

export function refuse(fault: SuperblockFault, file: string): never {
  throw new KimberliteError("dataCorrupt", `${file}: ${explanations[fault]}. Restore it from a backup`, {
    detail: { file, fault },
  });
}

/** An epoch begins with less only where it was said aloud that something is lost: `Superblock.refound`. */
export const goesBack = (before: SuperblockContent, after: SuperblockContent): boolean =>
  after.epoch < before.epoch ||
  after.view < before.view ||
  after.logView < before.logView ||
  (after.epoch === before.epoch && after.commitMax < before.commitMax) ||
  after.generation < before.generation ||
  after.checkpoint.op < before.checkpoint.op ||
  after.checkpoint.address < before.checkpoint.address;

/** The working copy among four readings; throws `dataCorrupt` with one of five faults. */
export function chooseCopy(readings: readonly CopyReading[], file: string): SoundCopy {
  const sound = readings.filter((reading): reading is SoundCopy => reading.kind === "sound");
  const equal = (left: SoundCopy, right: SoundCopy): boolean =>
    sameBytes(left.checksum, 0, right.checksum, 0, left.checksum.length);
  for (const left of sound) {
    for (const right of sound) {
      if (left.content.sequence === right.content.sequence && !equal(left, right)) refuse("fork", file);
      if (left.content.sequence > right.content.sequence + 1) refuse("parent skipped", file);
      if (left.content.sequence !== right.content.sequence + 1) continue;
      if (!sameBytes(left.content.parent, 0, right.checksum, 0, right.checksum.length))
        refuse("parent not connected", file);
      if (goesBack(right.content, left.content)) refuse("state not monotonic", file);
    }
  }
  let chosen: SoundCopy | null = null;
  for (const candidate of sound) {
    if (sound.filter((other) => equal(candidate, other)).length < copiesToOpen) continue;
    if (chosen === null || candidate.content.sequence > chosen.content.sequence) chosen = candidate;
  }
  const newest = sound.reduce((highest, { content }) => Math.max(highest, content.sequence), 0);
  if (chosen !== null && chosen.content.sequence < newest) mark("superblockNewestIsAlone");
  if (sound.length < readings.length) mark("superblockCopyDamaged");
  return chosen ?? refuse("quorum lost", file);
}
