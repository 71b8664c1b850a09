/**
 * From one view to the next. Doubts are counted while everybody still works, so a replica that alone hears nothing disturbs nobody. A
 * quorum of doubts ends the view; each replica stores the new view, then hands the end of its log to the next primary, which decides
 * (`decision.ts`), stores the decision, and tells it.
 *
 * What is said in a view is said the same way each time: the headers of a doViewChange are fixed when the old view is left and stored
 * with the new one, so that a replica that crashes in between says them again.
 */

import { headerBytes } from "../storage/frame.js";
import { configurationOf, isBaseView } from "../storage/views.js";
import { assert } from "../types/assert.js";
import type { Acquaintance } from "./acquaintance.js";
import { type Configurations, lacksBeginning } from "./configurations.js";
import type { Core } from "./core.js";
import type { Decision } from "./decision.js";
import { mark } from "./marks.js";
import type {
  DoViewChangeMessage,
  GetViewMessage,
  PingMessage,
  PongMessage,
  StartViewChangeMessage,
  StartViewMessage,
  SuffixHeader,
} from "./messages.js";
import type { NormalOperation } from "./normal-operation.js";
import { replicasMax } from "./quorums.js";
import type { Repair } from "./repair.js";
import {
  doubtLifeTicks,
  doubtRepeatTicks,
  getViewTicks,
  stuckTicks,
  viewChangeTicks,
  voteRepeatTicks,
} from "./timing.js";
import { Votes, voteOf } from "./votes.js";

export class ViewChange {
  readonly #core: Core;
  readonly #normal: NormalOperation;
  readonly #repair: Repair;
  readonly #acquaintance: Acquaintance;
  readonly #configurations: Configurations;
  /** By replica: tick of its newest doubt in the present view; -1 for none. */
  readonly #doubts: number[];
  readonly #votes = new Votes();
  #doubtedAt = -1;
  #votedAt = 0;
  #enteredAt = 0;
  #askedViewAt = 0;
  /** While the head is uncertain: what a startView must repeat to be surely newer than the crash. */
  readonly #nonce: number;
  #hasForfeited = false;
  /** For `inspect`: the operation that nobody can give or deny. */
  #stuckAt = 0;
  /** A repair is complete and this replica leads as soon as its disk has everything. */
  #isInstalling = false;
  #installedAt = 0;
  /** While the log of the view is being completed: how far it is durable here, and since when. */
  #completed = { op: 0, at: 0 };

  constructor(
    core: Core,
    normal: NormalOperation,
    repair: Repair,
    acquaintance: Acquaintance,
    configurations: Configurations,
  ) {
    this.#acquaintance = acquaintance;
    this.#configurations = configurations;
    this.#core = core;
    this.#normal = normal;
    this.#repair = repair;
    this.#doubts = new Array<number>(replicasMax).fill(-1);
    this.#nonce = core.random.next() || 1;
  }

  // ------------------------------------------------------------------ start

  /** Where a replica stands after its start, which is a recovery from its own disk. */
  start(headIsCertain: boolean): void {
    const core = this.#core;
    this.#enteredAt = core.ticks;
    if (core.isSingle) {
      this.#becomePrimary();
      return;
    }
    if (core.standing !== "member") {
      mark("startsOutside");
      core.status = core.standing;
      core.effects.push({ kind: "follow", view: core.view, primary: core.primary });
      return;
    }
    const head = core.journal.slot(core.journal.head);
    const isHeadKnown = core.journal.head === 0 || (head !== null && head.header !== null && !head.isFaulty);
    if (!headIsCertain || !isHeadKnown) {
      mark("startsWithUncertainHead");
      core.status = "recoveringHead";
      core.effects.push({ kind: "follow", view: core.view, primary: core.primary });
      this.#askView();
      return;
    }
    if (core.view > core.logView) {
      mark("startsInViewChange");
      core.status = "viewChange";
      core.effects.push({ kind: "follow", view: core.view, primary: core.primary });
      this.#vote();
      return;
    }
    core.status = "normal";
    core.journal.advance(core.effects);
    // Nobody may be there to tell it once more.
    const [beginning] = core.suffix;
    if (isBaseView(core.view) && beginning) this.#learnPoint([beginning], beginning.header.op);
    if (core.primary !== core.self) {
      core.effects.push({ kind: "follow", view: core.view, primary: core.primary });
      this.#askView();
      return;
    }
    // It has lost the acknowledgements it counted on, and what it sent before its own write: the view goes to another. That an empty log
    // means a new cluster cannot be known, so a new cluster begins like this too.
    mark("startsAsFormerPrimary");
    core.hasAbdicated = true;
    core.effects.push({ kind: "follow", view: core.view, primary: core.primary });
    this.#doubt();
  }

  #becomePrimary(): void {
    const core = this.#core;
    assert(core.logView === core.view, "a primary leads the view whose log it has");
    core.status = "normal";
    this.#isInstalling = false;
    this.#normal.lead();
  }

  // ------------------------------------------------------------------ doubt

  /** Says that this replica doubts the primary of its view. */
  #doubt(): void {
    const core = this.#core;
    assert(!core.isStandby, "a standby has no voice in who leads");
    if (this.#doubtedAt >= 0 && core.ticks - this.#doubtedAt < doubtRepeatTicks) return;
    mark("doubts");
    this.#doubtedAt = core.ticks;
    this.#doubts[core.self] = core.ticks;
    core.broadcast({ kind: "startViewChange", view: core.view }, core.stateWrites);
    this.#countDoubts();
  }

  startViewChange(from: number, message: StartViewChangeMessage): void {
    const core = this.#core;
    if (!core.takesPart || lacksBeginning(core)) return;
    if (message.view > core.view) {
      // Who leads that view may be gone: only what its members doubt together ends it, so this replica joins them.
      mark("doubtMovesView");
      this.#enter(message.view);
      return;
    }
    if (message.view < core.view) {
      mark("doubtOfOldView");
      this.#tellView(from, 0);
      return;
    }
    this.#doubts[from] = core.ticks;
    // A primary that doubts itself has given up: no need to wait until it is missed.
    if (from === core.primary && core.status === "normal" && core.primary !== core.self) this.#doubt();
    this.#countDoubts();
  }

  #countDoubts(): void {
    const core = this.#core;
    const fresh = this.#doubts.filter((at) => at >= 0 && core.ticks - at <= doubtLifeTicks).length;
    if (fresh < core.quorums.viewChange) return;
    this.#enter(core.view + 1);
  }

  // ------------------------------------------------------------------ entering

  #enter(view: number): void {
    const core = this.#core;
    assert(view > core.view, "views only grow");
    assert(configurationOf(view) === core.configuration, "order: a view change stays within its configuration");
    assert(core.takesPart, "who does not know what it has said takes part in no view change");
    assert(!core.isStandby, "a standby takes part in no view change");
    mark("entersViewChange");
    // Headers are computed when the log of a view is left; between two view changes without one they stay what they were.
    if (core.logView === core.view) core.suffix = core.journal.suffix(core.commitMax);
    core.view = view;
    core.status = "viewChange";
    core.hasAbdicated = false;
    this.#forgetView();
    core.effects.push({ kind: "follow", view, primary: core.primary });
    core.journal.releaseDurable();
    core.storeState();
    this.#vote();
  }

  #forgetView(): void {
    const core = this.#core;
    this.#doubts.fill(-1);
    this.#votes.clear();
    this.#doubtedAt = -1;
    this.#enteredAt = core.ticks;
    this.#stuckAt = 0;
    this.#isInstalling = false;
    this.#normal.enterView();
    this.#repair.enterView();
  }

  /** A configuration begins, in a view that nobody leads: nothing that was said or counted in the present one stands. */
  leaveView(): void {
    this.#forgetView();
    this.#hasForfeited = false;
  }

  #vote(): void {
    const core = this.#core;
    assert(core.view > core.logView, "a vote is cast before the view's log is known");
    this.#votedAt = core.ticks;
    const vote = voteOf(core);
    if (core.primary !== core.self) {
      if (this.#acquaintance.hasMet(core.primary)) core.send(core.primary, vote, core.stateWrites);
      return;
    }
    this.#votes.setOwn(core.self, vote);
    this.#tryDecide();
  }

  doViewChange(from: number, message: DoViewChangeMessage): void {
    const core = this.#core;
    if (!core.takesPart || lacksBeginning(core) || core.primaryOf(message.view) !== core.self) return;
    if (message.view < core.view) {
      mark("voteForOldView");
      this.#tellView(from, 0);
      return;
    }
    if (message.view > core.view) {
      // The sender was moved there by a quorum of doubts.
      mark("voteMovesView");
      this.#enter(message.view);
    }
    if (core.logView === core.view) {
      this.#tellView(from, 0);
      return;
    }
    this.#votes.take(from, message);
    this.#tryDecide();
  }

  #tryDecide(): void {
    const core = this.#core;
    if (core.logView === core.view || !core.isStateDurable || core.status !== "viewChange") return;
    this.#votes.setOwn(core.self, voteOf(core));
    if (this.#votes.count < core.quorums.viewChange) return;
    // Its own vote counts only beside those of replicas that would know if it had forgotten something.
    if (!this.#votes.areOf(core.self, (from) => this.#acquaintance.hasMet(from))) return;
    if (this.#forfeits()) return;
    const decision = this.#votes.decide(core.quorums);
    if (decision.kind === "decided") {
      this.#install(decision);
      return;
    }
    if (decision.kind === "stuck") this.#stuckAt = decision.op;
  }

  /** Leaves the view to a replica whose log is far ahead: fetching that much would take longer than another change. Once a round. */
  #forfeits(): boolean {
    const core = this.#core;
    if (this.#hasForfeited) return false;
    const best = this.#votes.farAhead(core.journal.durableOp);
    if (best === null) return false;
    mark("laggingPrimaryForfeits");
    this.#hasForfeited = true;
    let view = core.view + 1;
    while (core.primaryOf(view) !== best) view += 1;
    this.#enter(view);
    return true;
  }

  #install(decision: Decision & { kind: "decided" }): void {
    const core = this.#core;
    assert(core.primary === core.self && core.logView < core.view, "a view is decided once, by its primary");
    mark("decides");
    core.journal.install(decision.suffix, Math.min(core.commitMax, core.journal.durableOp));
    core.learnCommit(decision.commit);
    this.#learnPoint(decision.suffix, decision.commit);
    core.logView = core.view;
    this.#hasForfeited = false;
    this.#isInstalling = true;
    this.#installedAt = core.ticks;
    this.#completed = { op: core.journal.durableOp, at: core.ticks };
    core.suffix = core.journal.suffix(core.commitMax);
    core.storeState();
    const started = this.#startViewMessage(0);
    core.broadcast(started, core.stateWrites);
    core.inform(started, core.stateWrites);
    core.journal.advance(core.effects);
    core.publishCommits();
    this.completeInstall();
  }

  #learnPoint(suffix: readonly SuffixHeader[], commit: number): void {
    for (const { header } of suffix) {
      if (header.op <= commit) this.#repair.learn({ op: header.op, identity: header.identity });
    }
  }

  /** Leads once the log of the view is whole and everything is on disk. */
  completeInstall(): void {
    const core = this.#core;
    if (!this.#isInstalling || core.status !== "viewChange" || !core.isStateDurable || !core.journal.isWhole) return;
    mark("leadsAfterInstall");
    this.#becomePrimary();
  }

  // ------------------------------------------------------------------ the new view told and heard

  #startViewMessage(nonce: number): StartViewMessage {
    const core = this.#core;
    const suffix = core.journal.suffix(core.commitMax).map(({ header, headerBytes: bytes }) => {
      assert(bytes.length === headerBytes, "a header has its size");
      return { header, headerBytes: bytes };
    });
    return { kind: "startView", view: core.view, commit: core.commitMax, suffix, nonce };
  }

  #tellView(to: number, nonce: number): void {
    const core = this.#core;
    if (core.hasInstalled) {
      core.send(to, this.#startViewMessage(nonce), core.stateWrites);
    }
  }

  /** A standby asks: it is told what there is, and whatever it says moves nobody. */
  tellStandby(to: number, nonce: number): void {
    assert(to >= this.#core.quorums.replicas, "a standby's number is behind those of the voters");
    this.#tellView(to, nonce);
  }

  getView(from: number, message: GetViewMessage): void {
    const core = this.#core;
    if (message.view > core.view) {
      // One that is unsure of its head has stored a view that nobody else is in: what this view says is too old for it, so all go there.
      if (message.nonce !== 0 && core.takesPart && !lacksBeginning(core)) {
        mark("uncertainHeadMovesView");
        this.#enter(message.view);
      }
      return;
    }
    // One that is unsure of its head in the view that a configuration begins with: nobody leads that, and anybody can say what it begins with.
    if (message.view === core.view && isBaseView(message.view)) this.#configurations.tell(from);
    else this.#tellView(from, message.nonce);
  }

  #askView(): void {
    const core = this.#core;
    this.#askedViewAt = core.ticks;
    const nonce = core.status === "recoveringHead" ? this.#nonce : 0;
    core.broadcast({ kind: "getView", view: core.view, nonce });
  }

  startView(from: number, message: StartViewMessage): void {
    const core = this.#core;
    if (core.primaryOf(message.view) !== from || message.view < core.view) {
      mark("startViewOfOldView");
      return;
    }
    if (core.status === "fresh") return;
    const wasReplaced = core.status === "replaced";
    if (wasReplaced) {
      // Its view is one in which nobody has heard of this replica's former life: whoever leads it, or a later one, has decided without it.
      mark("replacedComesBack");
      core.standing = "member";
    } else if (core.status === "recoveringHead") {
      // One from before the crash may describe a head below what this replica acknowledged since.
      const isNewer = message.view > core.view || message.nonce === this.#nonce;
      if (!isNewer) {
        mark("startViewMayBeOld");
        return;
      }
      mark("headBecomesCertain");
    } else if (message.view === core.logView) {
      // The log of this view is known and has grown since: taking this one again could drop what was acknowledged.
      mark("startViewRepeated");
      return;
    }
    mark("startViewTaken");
    const committed = Math.min(core.commitMax, core.journal.durableOp);
    core.journal.install(message.suffix, committed);
    if (wasReplaced) core.journal.distrust();
    core.view = message.view;
    core.logView = message.view;
    core.status = "normal";
    core.hasAbdicated = false;
    this.#hasForfeited = false;
    this.#forgetView();
    core.learnCommit(message.commit);
    this.#learnPoint(message.suffix, message.commit);
    core.suffix = core.journal.suffix(core.commitMax);
    core.effects.push({ kind: "follow", view: core.view, primary: core.primary });
    core.journal.releaseDurable();
    core.storeState();
    this.#normal.advance();
    this.#repair.tick();
  }

  // ------------------------------------------------------------------ acquaintance

  /** Somebody's durable view is ahead: a quorum made it so. */
  learnView(from: number, message: PingMessage | PongMessage): void {
    const core = this.#core;
    if (message.view <= core.view || !core.takesPart || configurationOf(message.view) !== core.configuration) return;
    // A standby waits for what the others decide.
    if (message.status === "viewChange" && !core.isStandby && !lacksBeginning(core)) {
      mark("pingMovesView");
      this.#enter(message.view);
      return;
    }
    this.#askViewOf(from, message.view);
  }

  #askViewOf(from: number, view: number): void {
    const core = this.#core;
    core.send(from, { kind: "getView", view, nonce: 0 });
    const primary = core.primaryOf(view);
    if (primary !== core.self && primary !== from) core.send(primary, { kind: "getView", view, nonce: 0 });
  }

  /** Gives up the view that this replica leads: on request, or since nobody acknowledges what it prepares. */
  abdicate(): void {
    const core = this.#core;
    if (!core.isLeading || core.isSingle) return;
    const { wantedView } = this.#acquaintance;
    if (wantedView > core.view) {
      // For a replica that was replaced: the others follow at once when they hear of it.
      mark("viewRenewed");
      let view = wantedView;
      while (core.primaryOf(view) !== core.self) view += 1;
      this.#enter(view);
      return;
    }
    mark("leadershipGivenUp");
    core.hasAbdicated = true;
    this.#normal.enterView();
    core.effects.push({ kind: "follow", view: core.view, primary: core.primary });
    this.#doubt();
  }

  /** This replica has forgotten what it said: it is silent until `core.view`. */
  withdraw(): void {
    const core = this.#core;
    assert(core.standing === "replaced", "a replica withdraws to come back as another");
    core.status = "replaced";
    core.hasAbdicated = false;
    this.#forgetView();
    core.effects.push({ kind: "follow", view: core.view, primary: core.primary });
    core.journal.releaseDurable();
  }

  stateWritten(): void {
    const core = this.#core;
    if (core.status === "viewChange" && core.primary === core.self) {
      // Those who do not know of the view yet come to it by hearing of it.
      if (core.logView < core.view) this.#acquaintance.pingAll();
      this.#tryDecide();
    }
    this.completeInstall();
    this.#normal.acknowledge();
  }

  tick(): void {
    const core = this.#core;
    if (core.isSingle) return;
    if (core.status === "fresh") return;
    if (core.status === "recoveringHead" || core.status === "replaced") {
      if (core.ticks - this.#askedViewAt >= getViewTicks) this.#askView();
      return;
    }
    if (core.status === "normal") {
      const isLed = !isBaseView(core.view);
      if (core.isStandby || lacksBeginning(core)) {
        if (!core.isStandby) mark("lacksBeginning");
        // Whom it follows may have been succeeded by one whose startView was lost.
        const isDue = this.#normal.isPrimarySuspect || !isLed;
        if (isDue && core.ticks - this.#askedViewAt >= getViewTicks) this.#askView();
        return;
      }
      const isOwnEnded = core.primary === core.self && core.hasAbdicated;
      const isMissing = core.primary !== core.self && (this.#normal.isPrimarySuspect || !isLed);
      if (isOwnEnded || isMissing) this.#doubt();
      return;
    }
    if (core.logView < core.view && core.ticks - this.#votedAt >= voteRepeatTicks) this.#vote();
    if (core.logView < core.view && core.ticks - this.#askedViewAt >= getViewTicks) this.#askView();
    const patience = viewChangeTicks + core.random.below(20);
    if (this.#isInstalling ? this.#isIncompletable : core.ticks - this.#enteredAt > patience) this.#doubt();
  }

  /**
   * Nobody gives what this view's log still lacks. For what is committed there is nothing but to ask on. What is not may be gone with the only one
   * that had it and voted for it: those who are left can deny it, and another decision goes on without it.
   */
  get #isIncompletable(): boolean {
    const { journal, commitMax, ticks } = this.#core;
    if (journal.durableOp > this.#completed.op) this.#completed = { op: journal.durableOp, at: ticks };
    return journal.appended.op >= commitMax && ticks - this.#completed.at > stuckTicks;
  }

  /** The operation that nobody can give or deny; 0 for none. One that is committed is asked for again and again, and said after a while. */
  get #stuck(): number {
    const { journal, ticks } = this.#core;
    const isLate = this.#isInstalling && !journal.isWhole && ticks - this.#installedAt > stuckTicks;
    return isLate ? journal.appended.op + 1 : this.#stuckAt;
  }

  inspect(): Record<string, number> {
    return { stuckAt: this.#stuck, votes: this.#votes.count };
  }
}
