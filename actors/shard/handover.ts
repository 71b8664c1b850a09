/**
 * Giving leadership away in order, so that nobody who writes learns of it by an error:
 *
 *   draining     nothing new is proposed, what is under way is committed; requests wait in the queue
 *   givenUp      the replica has ended its view; requests wait for whoever leads next
 *   over         another shard says that it leads: it has what waited
 *
 * It fails, and this shard goes on as before, when what is under way is not committed in time; or when nobody is known to lead in time,
 * and then the view change goes its way all the same.
 */
import { assert } from "../../runtime/types/assert.js";
import { type ErrorRecord, fromErrorRecord, KimberliteError, toErrorRecord } from "../../runtime/types/errors.js";
import type { ShardReport } from "./report.js";

export interface HandedOver {
  /** The replica that leads now. */
  readonly leader: number;
  readonly view: number;
}

export type HandoverSettled = (outcome: HandedOver | KimberliteError) => void;

/** What a handover needs of its shard. */
export interface HandoverHost {
  /** The replica ends its view. */
  abdicate(): void;
  askReport(replica: number, told: (report: ShardReport | null) => void): void;
  /** Calls `timer` after some milliseconds. */
  after(ms: number): void;
  /** Monotonic, ms. */
  now(): number;
}

type State = "idle" | "draining" | "givenUp";

const limitMs = 5_000;
const pollMs = 4;

export class Handover {
  readonly #host: HandoverHost;
  #state: State = "idle";
  #waiting: HandoverSettled[] = [];
  #deadline = 0;
  #isAsking = false;
  /** The replica that is about to lead, once that is known. */
  #successor: number | null = null;

  constructor(host: HandoverHost) {
    this.#host = host;
  }

  /** While true the shard proposes nothing. */
  get isUnderWay(): boolean {
    return this.#state !== "idle";
  }

  /** Begins one, or joins the one under way. The shard leads. */
  begin(settled: HandoverSettled): void {
    this.#waiting.push(settled);
    if (this.#state !== "idle") return;
    this.#state = "draining";
    this.#successor = null;
    this.#deadline = this.#host.now() + limitMs;
    this.#host.after(limitMs);
  }

  /** Nothing is under way any more. */
  drained(): void {
    if (this.#state !== "draining") return;
    assert(this.#waiting.length > 0, "a handover is somebody's wish");
    this.#state = "givenUp";
    this.#host.abdicate();
  }

  /** `leader` is another replica, or null while none is known. */
  followed(leader: number | null): void {
    if (this.#state === "idle") return;
    // The view ended without this handover, by whatever way: what it was begun for has happened.
    this.#state = "givenUp";
    this.#successor = leader;
    this.#poll();
  }

  /** This shard leads (again). */
  leads(): void {
    if (this.#state === "givenUp") this.#settle(notHandedOver("leadership came back to this replica"));
  }

  /** A timer of this handover, or of an earlier one. */
  timer(): void {
    if (this.#state === "idle") return;
    if (this.#host.now() < this.#deadline) this.#poll();
    else if (this.#state === "draining") this.#settle(notHandedOver("what was under way was not committed in time"));
    else this.#settle(notHandedOver("no other replica led in time"));
  }

  /** The successor has the view before it has the log: only its own word says that it takes requests. */
  #poll(): void {
    const successor = this.#successor;
    if (this.#state !== "givenUp" || successor === null || this.#isAsking) return;
    this.#isAsking = true;
    this.#host.askReport(successor, (report) => {
      this.#isAsking = false;
      if (this.#state !== "givenUp") return;
      if (report?.leads === true) this.#settle({ leader: report.replica, view: report.view });
      else this.#host.after(pollMs);
    });
  }

  #settle(outcome: HandedOver | KimberliteError): void {
    assert(this.#state !== "idle", "a handover ends once");
    const waiting = this.#waiting;
    this.#state = "idle";
    this.#waiting = [];
    this.#successor = null;
    for (const settled of waiting) settled(outcome);
  }
}

/** @param detail numbers of replicas are for whoever knows their nodes */
export const notHandedOver = (because: string, detail: Readonly<Record<string, number>> = {}): KimberliteError =>
  new KimberliteError("shardUnavailable", `leadership was not handed over: ${because}`, { detail });

interface OutcomeText {
  readonly handedOver: HandedOver | null;
  readonly error: ErrorRecord | null;
}

/** For the way to another node. */
export function encodeOutcome(outcome: HandedOver | KimberliteError): Uint8Array {
  const text: OutcomeText =
    outcome instanceof KimberliteError
      ? { handedOver: null, error: toErrorRecord(outcome) }
      : { handedOver: outcome, error: null };
  return new TextEncoder().encode(JSON.stringify(text));
}

export function decodeOutcome(bytes: Uint8Array): HandedOver | KimberliteError | null {
  const { handedOver, error } = JSON.parse(new TextDecoder().decode(bytes)) as OutcomeText;
  return error === null ? handedOver : fromErrorRecord(error);
}
