/**
 * From one set of voters to the next. The last operation of a configuration says who votes behind it; it is committed by the old quorums, and who
 * holds all up to it begins the next configuration, in a view that nobody leads (`storage/views.ts`). Whoever works in an earlier one is told how the
 * present one begins by any committed operation of it.
 */
import { baseViewOf, configurationOf, isBaseView } from "../storage/views.js";
import { assert } from "../types/assert.js";
import { type Acquaintance, viewsBeyond } from "./acquaintance.js";
import { type Core, configurationBehind } from "./core.js";
import { mark } from "./marks.js";
import type { StartViewMessage, SuffixHeader } from "./messages.js";
import type { NormalOperation } from "./normal-operation.js";
import type { Repair } from "./repair.js";
import { configurationTicks } from "./timing.js";

/**
 * It has begun its configuration and does not hold all that this one begins with. Until it does it has no voice in who leads: so whoever decides
 * the configuration's first view needs none of those that have left.
 */
export function lacksBeginning({ view, logView, status, journal }: Core): boolean {
  return status === "normal" && view === logView && isBaseView(view) && !journal.isWhole;
}

export class Configurations {
  readonly #core: Core;
  readonly #normal: NormalOperation;
  readonly #repair: Repair;
  readonly #acquaintance: Acquaintance;
  readonly #leaveView: () => void;
  #askedAt = -configurationTicks;

  /** @param leaveView what was said and counted in the present view is forgotten */
  constructor(core: Core, normal: NormalOperation, repair: Repair, acquaintance: Acquaintance, leaveView: () => void) {
    this.#core = core;
    this.#normal = normal;
    this.#repair = repair;
    this.#acquaintance = acquaintance;
    this.#leaveView = leaveView;
  }

  /** A committed operation of the present configuration, or the one that ended the former: by it anybody knows where this one begins. */
  get #beginning(): SuffixHeader | null {
    const core = this.#core;
    if (configurationOf(core.logView) !== core.configuration) return null;
    const slot = core.journal.slot(core.commitMin);
    if (slot?.header && slot.headerBytes && configurationBehind(slot.header) === core.configuration)
      return { header: slot.header, headerBytes: slot.headerBytes };
    // It may lack what it was told itself: while nobody leads, that is what there is to be told.
    return isBaseView(core.view) ? (core.suffix[0] ?? null) : null;
  }

  /** Somebody works in an earlier configuration: it is told how this one begins. */
  tell(to: number): void {
    const core = this.#core;
    const beginning = core.configuration === 0 ? null : this.#beginning;
    if (beginning === null) return;
    mark("configurationTold");
    const view = baseViewOf(core.configuration);
    const commit = beginning.header.op;
    core.send(to, { kind: "startView", view, commit, suffix: [beginning], nonce: 0 }, core.stateWrites);
  }

  /** Somebody works in a later configuration: it is asked how that begins. */
  ask(of: number): void {
    const core = this.#core;
    if (core.ticks - this.#askedAt < configurationTicks) return;
    this.#askedAt = core.ticks;
    mark("configurationAsked");
    core.send(of, { kind: "getView", view: core.view, nonce: 0 });
  }

  /** What is committed and held here may end the present configuration. */
  followLog(): void {
    const core = this.#core;
    const slot = core.isSingle ? null : core.journal.slot(core.commitMin);
    if (slot === null || slot.header === null || slot.headerBytes === null) return;
    if (configurationBehind(slot.header) <= core.configuration) return;
    this.#begin({ header: slot.header, headerBytes: slot.headerBytes });
    core.everyone((to) => this.tell(to));
  }

  /** The beginning of a later configuration as another replica tells it. */
  hear(message: StartViewMessage): void {
    const core = this.#core;
    const [beginning] = message.suffix;
    if (beginning === undefined || configurationBehind(beginning.header) !== configurationOf(message.view)) return;
    const isLater = message.view > core.view;
    // It has said nothing in a view that nobody leads: what it was told when it began may be told again.
    const isLost = message.view === core.view && core.status === "recoveringHead";
    if ((!isLater && !isLost) || beginning.header.op < Math.min(core.commitMax, core.journal.durableOp)) return;
    this.#begin(beginning);
  }

  /**
   * Begins a configuration with what is committed up to an operation of it. The old one's quorums have committed its last operation and propose nothing behind that,
   * so whatever this replica has said there has no consequence any more. Nobody leads the view that a configuration begins with; those who
   * hold its log end it by a view change, with the new quorums.
   */
  #begin(beginning: SuffixHeader): void {
    const core = this.#core;
    const { header } = beginning;
    const next = configurationBehind(header);
    const { configuration, quorums } = core;
    assert(next >= configuration && header.voters > 0, "order: configurations only grow, and each has voters");
    mark("configurationBegins");
    const committed = Math.min(core.commitMax, core.journal.durableOp);
    const view = baseViewOf(next);
    core.view = view;
    core.setVoters(header.voters);
    // Each reconfiguration adds or takes one: fewer than that have never voted in between.
    const fewest = Math.floor((quorums.replicas + header.voters - (next - configuration)) / 2);
    const lasting = Math.max(0, Math.min(fewest, quorums.replicas, header.voters));
    const isNew = this.#acquaintance.reconfigured(lasting);
    if (core.isStandby) core.standing = "member";
    else if (isNew) core.standing = "fresh";
    this.#leaveView();
    core.learnCommit(header.op);
    this.#repair.learn({ op: header.op, identity: header.identity });
    if (core.standing === "replaced") core.view += viewsBeyond;
    else {
      core.journal.install([beginning], committed);
      core.logView = view;
      core.suffix = core.journal.suffix(core.commitMax);
    }
    core.status = core.standing === "member" ? "normal" : core.standing;
    core.hasAbdicated = core.primary === core.self;
    core.effects.push({ kind: "follow", view: core.view, primary: core.primary });
    core.journal.releaseDurable();
    core.storeState();
    this.#acquaintance.pingAll();
    this.#normal.advance();
    this.#repair.tick();
  }
}
