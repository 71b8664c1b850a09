/** An event as a reader gets it, and what an append answers. */

import { eventFormat } from "../../runtime/kernel/kinds.js";
import type { AppendReply } from "../../runtime/kernel/outcome.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { formatToken } from "./position-token.js";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class Event {
  /** Number within its stream: 0, 1, 2, … without gaps. */
  readonly offset: bigint;
  /** Number of the command that appended it, within its tenant. */
  readonly position: bigint;
  /** µs since 1970: `new Date(event.time / 1000)`. */
  readonly time: number;
  /** The payload. It may share memory with other events of the same answer: copy it before changing it. */
  readonly data: Uint8Array;
  /** What its writer said it is. A label: a foreign client may have called something JSON that is not, which `json` then refuses. */
  readonly format: "bytes" | "json";

  constructor(offset: number, position: number, time: number, format: number, data: Uint8Array) {
    this.offset = BigInt(offset);
    this.position = BigInt(position);
    this.time = time;
    this.format = format === eventFormat.json ? "json" : "bytes";
    this.data = data;
  }

  /** The payload as text. Throws `invalidArgument` when it is not UTF-8. */
  text(): string {
    try {
      return decoder.decode(this.data);
    } catch (cause) {
      throw new KimberliteError("invalidArgument", `event ${this.offset} is not UTF-8 text`, { cause });
    }
  }

  /** The payload parsed as JSON, whatever its format. Throws `invalidArgument`. */
  json(): unknown {
    try {
      return JSON.parse(this.text());
    } catch (cause) {
      if (cause instanceof KimberliteError) throw cause;
      throw new KimberliteError("invalidArgument", `event ${this.offset} is not JSON`, { cause });
    }
  }
}

export class AppendResult {
  readonly position: bigint;
  readonly firstOffset: bigint;
  readonly count: number;
  /** µs since 1970. */
  readonly time: number;
  /** True when an earlier attempt, or request with the same idempotency key, had done it. */
  readonly replayed: boolean;
  readonly #tenant: number;

  constructor(tenant: number, reply: AppendReply) {
    this.#tenant = tenant;
    this.position = BigInt(reply.position);
    this.firstOffset = BigInt(reply.firstOffset);
    this.count = reply.count;
    this.time = reply.time;
    this.replayed = reply.replayed;
  }

  /** A token with which any read, by anyone, sees this append. */
  get token(): string {
    return formatToken(this.#tenant, Number(this.position) + 1);
  }
}
