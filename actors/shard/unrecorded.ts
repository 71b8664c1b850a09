/**
 * Answers that rest on state decided earlier and on no record of their own. They wait for the newest prepare under way. With none that
 * state is committed, but may be of the past: another replica may lead without this one knowing. So a quorum is asked first, as for a
 * linearizable read; else a refusal could name an offset that was passed long ago, and a client would take a write for not committed that is
 * committed elsewhere.
 */
import type { KimberliteError } from "../../runtime/types/errors.js";
import type { ShardCore } from "./core.js";
import { outcomeUnknown } from "./outcomes.js";
import type { Answering } from "./peer-port.js";
import type { Proposal } from "./proposal.js";

export class Unrecorded {
  readonly #core: ShardCore;
  readonly #answering: Answering;
  readonly #send: (proposal: Proposal) => void;
  /** Those of the round under way, and of the next. */
  #confirming: Proposal[] = [];
  #waiting: Proposal[] = [];

  /** @param send answers a proposal, and takes it back */
  constructor(core: ShardCore, answering: Answering, send: (proposal: Proposal) => void) {
    this.#core = core;
    this.#answering = answering;
    this.#send = send;
  }

  get count(): number {
    return this.#confirming.length + this.#waiting.length;
  }

  /** Bytes of answers that wait for a quorum. */
  get answerBytes(): number {
    return bytesOf(this.#confirming) + bytesOf(this.#waiting);
  }

  /** @param newest the newest prepare under way; null when none is */
  answer(proposal: Proposal, newest: Proposal | null): void {
    if (!proposal.hasAnswers) {
      this.#send(proposal);
    } else if (newest !== null) {
      newest.follow(proposal);
    } else if (this.#core.isSingle) {
      this.#send(proposal);
    } else {
      this.#waiting.push(proposal);
      this.#confirm();
    }
  }

  /** One round at a time, each for what was decided before it began. */
  #confirm(): void {
    if (this.#confirming.length > 0 || this.#waiting.length === 0) return;
    this.#confirming = this.#waiting;
    this.#waiting = [];
    const asked = this.#confirming;
    this.#core.confirm((commit) => {
      // A commit or the loss of leadership has answered them meanwhile.
      if (this.#confirming !== asked) return;
      if (commit === null) this.refuse(outcomeUnknown());
      else this.#confirmed();
    });
  }

  #confirmed(): void {
    const confirmed = this.#confirming;
    this.#confirming = [];
    for (const proposal of confirmed) this.#send(proposal);
    this.#confirm();
  }

  /** What is committed now was proposed behind them and says the same as a round: nobody else led meanwhile. */
  sendAll(): void {
    const proved = [...this.#confirming, ...this.#waiting];
    this.#confirming = [];
    this.#waiting = [];
    for (const proposal of proved) this.#send(proposal);
  }

  refuse(error: KimberliteError): void {
    const refused = [...this.#confirming, ...this.#waiting];
    this.#confirming = [];
    this.#waiting = [];
    for (const proposal of refused) proposal.refuse(this.#answering, error);
  }
}

const bytesOf = (proposals: readonly Proposal[]): number =>
  proposals.reduce((bytes, { answerBytes }) => bytes + answerBytes, 0);
