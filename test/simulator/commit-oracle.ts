/**
 * What is committed, and where it lies. One log for all: each operation is committed with one prepare, each names its parent, and each is
 * something that a client sent, once. When an operation is committed for the first time a replication quorum has it on its media; what a
 * replica said to hold, as a commit or an acknowledgement, is there after every crash. Only what a disk fault took is forgiven.
 */

import { nodeProvider } from "../../runtime/crypto/node-provider.js";
import { headerBytes, rootIdentity } from "../../runtime/storage/frame.js";
import type { LogPosition } from "../../runtime/storage/log-position.js";
import { sectorBytes } from "../../runtime/types/limits.js";
import { expectedQuorums } from "./expected-quorums.js";
import { expect } from "./failure.js";
import { hexOf, type LogImage, type RawHeader } from "./log-image.js";

export interface Committed {
  readonly op: number;
  readonly identity: string;
  readonly header: RawHeader;
  /** Header and body. */
  readonly frame: Uint8Array;
}

export interface Holder {
  readonly image: LogImage;
}

const checksumHalf = 16;
/** As the specification has them, a second time. */
const reconfiguration = 3;
const viewsOfConfiguration = 2 ** 22;
export const configurationOf = (view: number): number => Math.floor(view / viewsOfConfiguration);
/** Views of one configuration are numbered from 0 on. */
export const numberInConfiguration = (view: number): number => view % viewsOfConfiguration;
/** Nobody leads it: that a configuration begins with it may be told by anybody. */
export const isBaseView = (view: number): boolean => view > 0 && view % viewsOfConfiguration === 0;

/** Header and body verify. */
function isSound(frame: Uint8Array): boolean {
  const identity = nodeProvider.sha256(frame, checksumHalf, headerBytes);
  if (!same(identity.subarray(0, checksumHalf), frame.subarray(0, checksumHalf))) return false;
  const body = nodeProvider.sha256(frame, headerBytes, frame.length);
  return same(body.subarray(0, checksumHalf), frame.subarray(checksumHalf, 2 * checksumHalf));
}

const same = (left: Uint8Array, right: Uint8Array): boolean => Buffer.compare(left, right) === 0;

/** Of what was committed nothing can be said any more. */
const forgotten = Number.MAX_SAFE_INTEGER;

export class CommitOracle {
  readonly #holders: readonly Holder[];
  /** By configuration: how many vote, the first of the holders; the copies of the others count for nothing. */
  readonly #voters: number[];
  readonly #root: string;
  readonly #firstCommitted: (committed: Committed) => void;
  /** Whether a disk has lost so much that its replica may honestly deny what it has acknowledged. */
  readonly #mayForget: () => boolean;
  /** The newest op that was said to be committed and could not be looked at. */
  #hidden = 0;
  /** By op - 1. */
  readonly commits: Committed[] = [];
  /** By replica: newest op that it said to be committed and durable there. */
  readonly #told: number[];
  /** By replica: newest op that it had acknowledged when its disk was lost. */
  readonly #lostUpTo: number[];
  /** By replica: acknowledged ops and what they were. */
  readonly #acked: Map<number, string>[];

  constructor(
    holders: readonly Holder[],
    voters: number,
    clusterId: Uint8Array,
    firstCommitted: (committed: Committed) => void,
    mayForget: () => boolean = () => false,
  ) {
    this.#holders = holders;
    this.#voters = [voters];
    this.#root = hexOf(rootIdentity(clusterId));
    this.#firstCommitted = firstCommitted;
    this.#mayForget = mayForget;
    this.#told = holders.map(() => 0);
    this.#lostUpTo = holders.map(() => 0);
    this.#acked = holders.map(() => new Map<number, string>());
  }

  /** A fault hides on every disk what was committed last: what rests on it cannot be judged. */
  get isBlind(): boolean {
    return this.#hidden > this.newest;
  }

  /** A disk has lost both copies of something committed: what was answered before may be denied. */
  get hasForgotten(): boolean {
    return this.#hidden === forgotten;
  }

  get newest(): number {
    return this.commits.length;
  }

  /** How many vote in the newest configuration that is known to have begun. */
  get voters(): number {
    return this.#voters.at(-1) ?? 0;
  }

  /** How many vote in a configuration; null for one that has not begun. */
  votersOf(configuration: number): number | null {
    return this.#voters[configuration] ?? null;
  }

  identityOf(op: number): string | null {
    return op === 0 ? this.#root : (this.commits[op - 1]?.identity ?? null);
  }

  /** A replica says that everything up to there is committed, and durable where it is. */
  committed(replica: number, position: LogPosition): void {
    const identity = hexOf(position.parent);
    if (this.#hidden === forgotten) return;
    if (position.op > this.commits.length && !this.#learn(replica, position)) {
      this.#hidden = Math.max(this.#hidden, position.op);
      return;
    }
    const known = this.identityOf(position.op);
    if (known !== identity && this.#mayForget()) {
      // A prepare and its header's copy, both lost, look as if they had never been written (seed 90054920).
      this.#hidden = forgotten;
      return;
    }
    expect(
      known === identity,
      "commit chain",
      () =>
        `op ${position.op} is committed as ${known?.slice(0, 12)} and, by replica ${replica}, as ${identity.slice(0, 12)}`,
    );
    const before = this.#told[replica] ?? 0;
    if (position.op <= before) return;
    this.#told[replica] = position.op;
    for (let op = Math.max(before, 0) + 1; op <= position.op; op++) this.#checkHeld(replica, op, "says to hold");
  }

  /** False when what it says cannot be looked at: a fault of a disk is in the way. */
  #learn(replica: number, position: LogPosition): boolean {
    const found = this.#chain(replica, position, {
      op: this.newest,
      end: this.commits.at(-1)?.header.end ?? 0,
      identity: this.identityOf(this.newest) ?? this.#root,
    });
    if (found === null) return false;
    for (const committed of found) {
      this.commits.push(committed);
      const voters = this.#countsIn(committed);
      const copies = this.#copies(committed, voters);
      const { replication } = expectedQuorums(voters);
      expect(
        copies >= replication,
        "ack durability",
        () =>
          `op ${committed.op} is committed by replica ${replica} and lies on ${copies} media; ${replication} are needed`,
      );
      this.#firstCommitted(committed);
    }
    return true;
  }

  /**
   * The prepares behind what is known, up to the one that the replica says is committed: in its log, or where a fault hides one there, in another's. Others may
   * hold some that were discarded, even children of the same parent; the end, which the replica has named, tells which are meant.
   */
  #chain(
    replica: number,
    position: LogPosition,
    before: { readonly op: number; readonly end: number; readonly identity: string },
  ): Committed[] | null {
    const op = before.op + 1;
    const own = this.#holders[replica]?.image;
    for (const image of [own, ...this.#holders.map((holder) => holder.image)]) {
      const header = image?.next(before.end, op) ?? null;
      // Padding counts: a replica takes nothing for whole that has a bit too many (seed 80065388).
      const isWhole = header !== null && image?.isDamaged(header.address, header.end) === false;
      const frame = isWhole ? (image?.frame(header)?.slice() ?? null) : null;
      if (header !== null && frame !== null && header.parent === before.identity && isSound(frame)) {
        const identity = hexOf(nodeProvider.sha256(frame, checksumHalf, headerBytes));
        const committed = { op, identity, header, frame };
        if (op === position.op && identity === hexOf(position.parent)) return [committed];
        const rest = op < position.op ? this.#chain(replica, position, { op, end: header.end, identity }) : null;
        if (rest !== null) return [committed, ...rest];
      }
      const isHidden = image?.isDamaged(before.end, before.end + sectorBytes) === true;
      expect(
        isHidden || image !== own || own?.hasDamage === true,
        "ack durability",
        () => `replica ${replica} says that op ${op} is committed and has it not, or with another parent`,
      );
    }
    return null;
  }

  /**
   * How many vote where an operation is committed: in the configuration of its view, and only there, since the one that ends a configuration has
   * nothing behind it.
   */
  #countsIn({ op, header }: Committed): number {
    const configuration = configurationOf(header.view);
    const voters = this.#voters[configuration];
    expect(
      voters !== undefined && configuration === this.#voters.length - 1,
      "commit chain",
      () =>
        `op ${op} is committed in configuration ${configuration}; ${this.#voters.length - 1} is the newest that began`,
    );
    if (header.operation !== reconfiguration) return voters ?? 0;
    expect(
      Math.abs(header.voters - (voters ?? 0)) === 1,
      "commit chain",
      () => `op ${op} changes the voters from ${voters} to ${header.voters}: one at a time`,
    );
    this.#voters.push(header.voters);
    return voters ?? 0;
  }

  #copies(committed: Committed, voters: number): number {
    return this.#holders.filter(
      ({ image }, replica) =>
        replica < voters && (committed.op <= (this.#lostUpTo[replica] ?? 0) || this.#holds(image, committed)),
    ).length;
  }

  #holds(image: LogImage, { header, frame }: Committed): boolean {
    const found = image.frame(header);
    return (found !== null && same(found, frame)) || image.isDamaged(header.address, header.end);
  }

  #checkHeld(replica: number, op: number, how: string): void {
    const committed = this.commits[op - 1];
    const holder = this.#holders[replica];
    if (committed === undefined || holder === undefined) return;
    expect(
      this.#holds(holder.image, committed),
      "head",
      () => `replica ${replica} ${how} op ${op}, which is committed, and has it not on its medium`,
    );
  }

  /** Its disk was lost: it is asked for nothing that it said before. */
  replaced(replica: number): void {
    const acked = [...(this.#acked[replica]?.keys() ?? [])];
    this.#lostUpTo[replica] = Math.max(this.#told[replica] ?? 0, ...acked, 0);
    this.#told[replica] = 0;
    this.#acked[replica]?.clear();
  }

  /**
   * The cluster is founded anew from one replica's log: what that had promised is kept, the same on each founder's disk, and nothing else is
   * asked for. Where it holds something that was never committed in the place of what the others had committed, that is committed now.
   *
   * @param kept by founder: newest op of its disk
   */
  refounded(survivor: number, kept: readonly number[]): void {
    const [newest = 0] = kept;
    const promised = this.#promised(survivor);
    expect(
      newest >= promised && kept.every((op) => op === newest),
      "head",
      () => `replica ${survivor} had promised op ${promised}, and founders begin with ops ${kept.join(", ")}`,
    );
    for (const replica of kept.keys()) {
      for (let op = 1; op <= promised; op++) this.#checkHeld(replica, op, "is a founder and lacks");
    }
    const image = this.#holders[survivor]?.image;
    const isKept = (committed: Committed | undefined): boolean =>
      committed === undefined || (committed.op <= newest && image !== undefined && this.#holds(image, committed));
    while (!isKept(this.commits.at(-1))) this.commits.pop();
    this.#told.fill(0);
    this.#lostUpTo.fill(0);
    for (const acked of this.#acked) acked.clear();
  }

  /** A replica tells others that it holds everything up to there. */
  acknowledged(replica: number, op: number, identity: string): void {
    this.#acked[replica]?.set(op, identity);
  }

  /** Newest committed op that a replica has promised to hold. */
  #promised(replica: number): number {
    let newest = this.#told[replica] ?? 0;
    for (const [op, identity] of this.#acked[replica] ?? []) {
      if (op <= newest || identity !== this.identityOf(op)) continue;
      newest = op;
    }
    return newest;
  }

  /** What a replica promised is on its medium. */
  checkPromises(replica: number, recentOnly: boolean): void {
    const newest = this.#promised(replica);
    for (let op = recentOnly ? Math.max(1, newest - 40) : 1; op <= newest; op++)
      this.#checkHeld(replica, op, "has acknowledged");
  }

  /** Copies of an op that can be read now. */
  soundCopies(op: number, replicas: readonly number[]): number {
    const committed = this.commits[op - 1];
    if (committed === undefined) return 0;
    return replicas.filter((replica) => {
      const image = this.#holders[replica]?.image;
      const found = image?.frame(committed.header) ?? null;
      return found !== null && same(found, committed.frame);
    }).length;
  }
}

/** The request that a prepare of workload `bytes` carries: the first eight bytes of its body. */
export function requestOf(frame: Uint8Array): number {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  return view.getUint32(headerBytes, true) + view.getUint32(headerBytes + 4, true) * 2 ** 32;
}
