/**
 * Who the others are, and whether this replica is who they think it is. A data directory draws an id when it is formatted, and replicas remember
 * one another's, durably; they also remember, while they run, what each other one has said to hold. That finds out three things which
 * a replica cannot know of itself:
 *
 *   an empty disk     where one is known: it would deny what it acknowledged (T3). Nobody is made a member before a majority of the others
 *                     has its id on their disks, so whoever comes later in its place meets one of them
 *   a second life     the old disk of a replica that was replaced: it is turned away by the id that took its place
 *   a disk put back   to an older state, which is sound in itself: the others have seen more of it. It goes on as one that was replaced
 *
 * One that was replaced is silent until a view in which nobody can have heard of its former life: two beyond the highest in which the
 * others saw it or are. Those who lead renew their view for that (`renewView`).
 *
 * Nothing that counts (an acknowledgement, a vote) is said to a replica, or believed of a vote, before that replica has answered a ping since the
 * start: it might know better.
 */
import { configurationOf, isBaseView, lastViewOf } from "../storage/views.js";
import { assert } from "../types/assert.js";
import type { Core } from "./core.js";
import { sameIdentity } from "./journal-slots.js";
import { mark } from "./marks.js";
import type { PingMessage, PongMessage, Remembered } from "./messages.js";
import { replicasMax } from "./quorums.js";
import { renewTicks, upgradeTicks } from "./timing.js";

export const memberBytes = 16;
const unknown = new Uint8Array(memberBytes);
const isUnknown = (member: Uint8Array): boolean => member.every((byte) => byte === 0);

/**
 * The view that a data directory was made to come back in, its id's first four bytes (big-endian); 0 for one that was formatted by a first start.
 * Of two directories of one replica the one that was made later has the higher: it has taken the other's place.
 */
const bornIn = (member: Uint8Array): number =>
  new DataView(member.buffer, member.byteOffset, member.byteLength).getUint32(0, false);

/** Views beyond what was seen: one that a replica may have entered alone, and the first in which nobody has heard of it. */
export const viewsBeyond = 2;

interface Sighting {
  view: number;
  op: number;
}

export interface AcquaintanceHost {
  ping(to: number): void;
  pong(to: number, echoed: number, remembered: Remembered, after: readonly number[]): void;
  /** This replica is a member now: it takes its place. */
  begin(): void;
  /** Everything that was said in a view is void: this replica has to come back as another. */
  withdraw(): void;
}

export class Acquaintance {
  readonly #core: Core;
  readonly #host: AcquaintanceHost;
  /** By replica: the most that it was seen to hold. */
  readonly #seen: Sighting[];
  readonly #hasAnswered: boolean[];
  readonly #hasVouched: boolean[];
  /** Under another id than the one that is known: what it says does not count. */
  readonly #isStranger: boolean[];
  /** The newest write of what is known of the others. */
  #membersWrites: readonly number[] = [];
  /** By replica: the newest release that its program knows, and when it last said so. */
  readonly #releases: { release: number; at: number }[];
  #upgradeAt = -upgradeTicks;
  #pingedAt = -1;
  #renewedAt = -renewTicks;
  /** A view that a replaced replica waits for, beyond the present one; 0 for none. */
  wantedView = 0;

  constructor(core: Core, host: AcquaintanceHost) {
    this.#core = core;
    this.#host = host;
    this.#releases = Array.from({ length: replicasMax }, () => ({ release: 0, at: -upgradeTicks }));
    this.#seen = Array.from({ length: replicasMax }, () => ({ view: 0, op: 0 }));
    this.#hasAnswered = new Array<boolean>(replicasMax).fill(false);
    this.#hasVouched = new Array<boolean>(replicasMax).fill(false);
    this.#isStranger = new Array<boolean>(replicasMax).fill(false);
  }

  get #own(): Uint8Array {
    return this.memberOf(this.#core.self);
  }

  /** Zeros when it is not known. */
  memberOf(replica: number): Uint8Array {
    return this.#core.members[replica] ?? unknown;
  }

  /** What it says counts: nothing contradicts that it is the replica that is known. */
  isKnown(replica: number): boolean {
    return this.#isStranger[replica] !== true;
  }

  /** It has answered since this replica started, so it would have said if it knew better who this is. */
  hasMet(replica: number): boolean {
    if (this.#core.isSingle || this.#hasAnswered[replica] === true) return true;
    this.pingSoon(replica);
    return false;
  }

  /** Somebody speaks who has not answered yet. */
  pingSoon(replica: number): void {
    if (this.#pingedAt === this.#core.ticks) return;
    this.#pingedAt = this.#core.ticks;
    this.#host.ping(replica);
  }

  /** Says to all where this replica stands now. */
  pingAll(): void {
    const { self, quorums } = this.#core;
    for (let to = 0; to < quorums.replicas; to++) if (to !== self) this.#host.ping(to);
  }

  /** A replica said that it holds everything up to `op` in the log of `view`; 0 for nothing in particular. */
  sighted(replica: number, view: number, op: number): void {
    const seen = this.#seen[replica];
    if (seen === undefined || view < seen.view) return;
    seen.op = view > seen.view ? op : Math.max(seen.op, op);
    seen.view = view;
  }

  // ------------------------------------------------------------------ releases

  /** A replica said which release its program knows. */
  advertised(replica: number, release: number): void {
    this.#releases[replica] = { release, at: this.#core.ticks };
  }

  /**
   * The primary's: all replicas are there and know the release behind the log's, so none of them would be left behind. Until it is logged,
   * each may go back to the program before.
   */
  upgrade(): void {
    const core = this.#core;
    const next = core.logRelease + 1;
    if (!core.isLeading || next > core.config.release || core.ticks - this.#upgradeAt < upgradeTicks) return;
    const isReady = ({ release, at }: { release: number; at: number }, replica: number): boolean =>
      replica === core.self || (release >= next && core.ticks - at < upgradeTicks);
    if (!this.#releases.slice(0, core.quorums.replicas).every(isReady)) return;
    mark("upgradeDue");
    this.#upgradeAt = core.ticks;
    core.effects.push({ kind: "upgrade", release: next });
  }

  // ------------------------------------------------------------------ as the one who remembers

  ping(from: number, message: PingMessage): void {
    const core = this.#core;
    const known = this.memberOf(from);
    if (!isUnknown(message.member) && !sameIdentity(known, message.member)) {
      if (isUnknown(known) || bornIn(message.member) > bornIn(known)) this.#learn(from, message.member);
      else mark("strangerSpeaks");
    }
    this.#isStranger[from] = !isUnknown(this.memberOf(from)) && !sameIdentity(this.memberOf(from), message.member);
    if (message.status !== "fresh" && message.status !== "replaced") this.sighted(from, message.view, 0);
    const { view, op } = this.#seen[from] ?? { view: 0, op: 0 };
    // Behind the write of what it vouches for: that is remembered over a crash.
    this.#host.pong(from, message.monotonic, { member: this.memberOf(from), view, op }, this.#membersWrites);
    const isOfOurs = configurationOf(message.view) === core.configuration;
    const isWish = message.status === "replaced" && message.view > core.view && isOfOurs;
    if (isWish && message.view !== lastViewOf(core.configuration)) this.#wish(message.view);
  }

  /** A standby asks what time it is and which view. It is nobody's member: there is nothing to vouch for. */
  answerStandby(from: number, message: PingMessage): void {
    assert(from >= this.#core.quorums.replicas, "a standby's number is behind those of the voters");
    this.#host.pong(from, message.monotonic, { member: unknown, view: 0, op: 0 }, []);
  }

  #learn(replica: number, member: Uint8Array): void {
    const core = this.#core;
    mark("memberLearned");
    const members = this.#membersUpTo(core.quorums.replicas);
    members[replica] = member;
    core.members = members;
    this.#seen[replica] = { view: 0, op: 0 };
    this.#membersWrites = [core.storeMembers()];
  }

  /** Ids of those with the first numbers, and always its own. */
  #membersUpTo(count: number): Uint8Array[] {
    const { self } = this.#core;
    const isOwnKept = self < replicasMax && !isUnknown(this.#own);
    const length = isOwnKept ? Math.max(count, self + 1) : count;
    return Array.from({ length }, (_, index) => (index < count || index === self ? this.memberOf(index) : unknown));
  }

  /**
   * Another configuration begins. Who voted all along is known as before; one whose number had nobody in between is new, whatever was known under
   * it, and is vouched for as on a first day: else one whose disk was emptied while it stood by would vote (T3).
   *
   * @param lasting as many of the first numbers have voted all the time
   * @returns true when this replica itself is new among those that vote
   */
  reconfigured(lasting: number): boolean {
    const core = this.#core;
    const { replicas } = core.quorums;
    core.members = this.#membersUpTo(lasting);
    this.#hasAnswered.fill(false);
    this.#hasVouched.fill(false);
    for (let replica = lasting; replica < replicasMax; replica++) {
      this.#seen[replica] = { view: 0, op: 0 };
      this.#isStranger[replica] = false;
      this.#releases[replica] = { release: 0, at: -upgradeTicks };
    }
    this.wantedView = 0;
    return core.self >= lasting && core.self < replicas;
  }

  #wish(view: number): void {
    const core = this.#core;
    this.wantedView = Math.max(this.wantedView, view);
    if (!core.isLeading || core.ticks - this.#renewedAt < renewTicks) return;
    mark("viewRenewalAsked");
    this.#renewedAt = core.ticks;
    core.effects.push({ kind: "renewView", view: this.wantedView });
  }

  // ------------------------------------------------------------------ as the one who is remembered

  pong(from: number, { view, remembered }: PongMessage): void {
    const core = this.#core;
    const own = this.#own;
    const isOther = !isUnknown(own) && !isUnknown(remembered.member) && !sameIdentity(own, remembered.member);
    // Nobody has to know one that stands by.
    if (isOther && !core.isStandby) {
      // One that took another's place hears this from those whom its own ping has not reached yet.
      if (bornIn(own) <= bornIn(remembered.member)) this.#lost(from);
      return;
    }
    // It speaks of another configuration, in which this number may be another's.
    if (configurationOf(view) !== core.configuration) {
      mark("memberOfOtherConfiguration");
      return;
    }
    this.#hasAnswered[from] = true;
    if (core.standing === "fresh") {
      this.#hasVouched[from] = !isUnknown(own) && sameIdentity(own, remembered.member);
      this.#settle();
      return;
    }
    if (core.standing === "member" && this.#hasForgotten(remembered)) this.#withdraw(Math.max(view, remembered.view));
    else if (core.standing === "replaced" && remembered.view + viewsBeyond > core.view) {
      this.#withdraw(remembered.view);
    }
  }

  /** T3: an empty disk where the others know another, or an old one whose place was taken. */
  #lost(from: number): void {
    mark("diskIsNotTheKnownOne");
    const { standing } = this.#core;
    this.#core.halt(
      standing === "fresh"
        ? `replica ${from} knows another data directory in this one's place, and this one is new: the former is lost. Put it back, or run \`kimberlite cluster recover\``
        : `replica ${from} knows another data directory in this one's place: a newer one has taken it (\`kimberlite cluster recover\` or \`promote\`), and this one must never come back`,
      "lostDisk",
    );
  }

  /** A majority of the others has this replica's id on disk. Any later newcomer asks as many, and so meets one of them. */
  #settle(): void {
    const core = this.#core;
    const vouchers = this.#hasVouched.filter((has) => has).length;
    if (vouchers < Math.floor((core.quorums.replicas - 1) / 2) + 1) return;
    mark("freshBecomesMember");
    assert(
      isBaseView(core.view) || (core.view === 0 && core.journal.durableOp === 0),
      "durability: a fresh replica has said nothing in its configuration",
    );
    core.standing = "member";
    core.storeState();
    this.#host.begin();
  }

  /**
   * Others have seen more of this replica than it knows of. Views are compared first: what was acknowledged in an older view may since have
   * been discarded by a decision.
   */
  #hasForgotten({ view, op }: Remembered): boolean {
    const core = this.#core;
    return view > core.view || (view === core.logView && view === core.view && op > core.journal.head);
  }

  #withdraw(view: number): void {
    const core = this.#core;
    const isBeyond = configurationOf(view) > core.configuration;
    // What it said in this configuration is forgotten, and the next one is not known here yet: it has no say in this one any more.
    const wanted = isBeyond ? lastViewOf(core.configuration) : view + viewsBeyond;
    if (core.standing === "replaced" && wanted <= core.view) return;
    mark("diskWasPutBack");
    core.view = Math.max(core.view, wanted);
    core.standing = "replaced";
    this.#host.withdraw();
    core.storeState();
  }
}
