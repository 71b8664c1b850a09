/** Events of a story, by the ms after its beginning. */
import type { FaultEvent } from "./schedule.js";

type Event = FaultEvent extends infer Each ? (Each extends FaultEvent ? Omit<Each, "at"> : never) : never;

/** An event at so many ms after the cluster has its first primary, which is replica 1 (of one replica, replica 0). */
export const at = (ms: number, event: Event): FaultEvent => ({ ...event, at: ms * 1_000 }) as FaultEvent;
