/**
 * Damage that is found long after a prepare was written: by the scrubber, or by a shard that derives its state from the log again. What lies
 * so far back is in no memory of the protocol any more; what is known of it is where the log stands before it. The others are asked for
 * the one prepare that follows there, and it is written again in its place.
 *
 * Only what is known here to be committed is repaired like this: of an operation that is committed there is one prepare, so whoever gives
 * a whole one that is the child of the one before gives the right one.
 */
import { nextSegmentStart } from "../storage/log-geometry.js";
import type { LogPosition } from "../storage/log-position.js";
import { assert } from "../types/assert.js";
import type { Core } from "./core.js";
import { sameIdentity } from "./journal-slots.js";
import { mark } from "./marks.js";
import type { Prepare } from "./messages.js";
import { repairTicks } from "./timing.js";

/** Places that are remembered; what is more is found again. */
const placesMax = 64;
const unnamed = new Uint8Array(32);

export class OldDamage {
  readonly #core: Core;
  readonly #choosePeer: (op: number) => number;
  /** By the damaged operation: where the log stands before it. */
  readonly #places = new Map<number, LogPosition>();
  #askedAt = -repairTicks;

  constructor(core: Core, choosePeer: (op: number) => number) {
    this.#core = core;
    this.#choosePeer = choosePeer;
  }

  found(from: LogPosition): void {
    assert(from.op >= 0 && from.parent.length === unnamed.length, "a damaged place is named by what stands before it");
    // Nobody else has it; or it is not committed yet, so that the protocol itself still looks after it.
    if (this.#core.isSingle || from.op >= this.#core.commitMin || this.#places.size >= placesMax) return;
    this.#places.set(from.op + 1, from);
  }

  /** Asks for one place at a time, for each in turn. */
  tick(): void {
    const core = this.#core;
    const [next] = this.#places;
    if (next === undefined || core.ticks - this.#askedAt < repairTicks) return;
    const [op, from] = next;
    mark("damageAsked");
    this.#askedAt = core.ticks;
    this.#places.delete(op);
    this.#places.set(op, from);
    core.send(this.#choosePeer(from.op), { kind: "getRun", from, until: { op, identity: unnamed }, bytesMax: 1 });
  }

  /** A prepare came that may be one of those: written again where it was, if it is what follows there. */
  mend(prepare: Prepare): void {
    const core = this.#core;
    const { op, address, parent, timestamp } = prepare.header;
    const from = this.#places.get(op);
    if (from === undefined) return;
    const isPlaced = address === from.address || address === nextSegmentStart(core.config.geometry, from.address);
    if (!isPlaced || timestamp <= from.timestamp || !sameIdentity(parent, from.parent)) return;
    assert(op <= core.commitMin, "what is written again was committed when its damage was found");
    mark("damageMended");
    this.#places.delete(op);
    this.#askedAt = -repairTicks;
    core.effects.push({ kind: "repair", id: core.nextId(), prepare });
  }
}
