/** What the replica asks of its keeper: the next segment of the log while there is time, and that full ones are sealed. */
import type { ActorContext } from "../../runtime/actor/definition.js";
import { type LogGeometry, segmentOf } from "../../runtime/storage/log-geometry.js";
import type { LogWriter } from "../../runtime/storage/log-writer.js";
import { assert } from "../../runtime/types/assert.js";
import type { KeeperMessage } from "../keeper/messages.js";

export interface SegmentsHost {
  readonly context: ActorContext;
  /** The keeper's name among the neighbours. */
  readonly keeper: string;
  readonly geometry: LogGeometry;
  readonly log: LogWriter;
  /** What comes as whole segments needs no empty ones. */
  isFetchingSegments(): boolean;
}

export class SegmentsAhead {
  readonly #host: SegmentsHost;
  /** The segment that the keeper was last asked to make ready. */
  #asked = -1;
  #sealed: number;

  constructor(host: SegmentsHost) {
    this.#host = host;
    this.#sealed = segmentOf(host.geometry, Math.max(0, host.log.committed.address - 1));
  }

  /** @param committedEnd only what lies before it is sealed */
  keepAhead(committedEnd: number): void {
    const { context, geometry, log } = this.#host;
    const current = segmentOf(geometry, log.end);
    const keeper = context.port(this.#host.keeper);
    if (keeper === null) return;
    if (this.#asked < current + 1 && !this.#host.isFetchingSegments()) {
      this.#asked = current + 1;
      context.tell(keeper, { kind: "prepareSegment", segment: current + 1 });
    }
    while (this.#sealed < segmentOf(geometry, committedEnd)) {
      context.tell(keeper, { kind: "sealSegment", segment: this.#sealed });
      this.#sealed += 1;
    }
  }

  /** It is asked for again. */
  notPrepared(segment: number, error: string): void {
    this.#asked = -1;
    this.#host.context.log.warn("no segment ahead", { segment, error });
  }

  wired(): void {
    const { context, keeper } = this.#host;
    const port = context.port(keeper);
    if (port !== null) context.tell(port, { kind: "logOpened", complete: this.#sealed });
  }

  tell(message: KeeperMessage): void {
    const { context, keeper } = this.#host;
    const port = context.port(keeper);
    if (port === null) return;
    const told = context.tell(port, message);
    assert(told !== "busy", "a keeper has room for the few parts that are under way");
  }
}
