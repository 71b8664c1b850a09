/**
 * Some forty ways to break this database on purpose. Each is one expression of the compiled product changed (and, where an assertion would stop
 * it at once, that assertion taken out, so that what is tested is the oracle behind it). The simulator has to notice each within its
 * budget of seeds, by an oracle that is named here. Nothing of this is in the product: `canaries.ts` changes a copy.
 *
 * Numbers are those of the catalogue in the literature on this protocol where there is one; where this design differs, `differs` says how.
 */
import type { OracleName } from "./failure.js";
import { healthyNetwork, noFaults, type SimulationOptions } from "./options.js";
import {
  changes,
  comesRound,
  damagedVoters,
  disks,
  foundedAnew,
  goesRound,
  kernel,
  kernelCuts,
  littleLog,
  longerAndOlder,
  misdirectedPrepares,
  namedAndGone,
  oldHead,
  roundOps,
  slowViews,
  sql,
  sqlLeaders,
  told,
  twoAnswers,
  views,
} from "./rare-runs.js";
import type { FaultEvent } from "./schedule.js";

export interface Edit {
  /** Below `dist/`. */
  readonly file: string;
  /** Stands in it exactly once. */
  readonly find: string;
  readonly replace: string;
}

export interface Canary {
  readonly id: string;
  readonly title: string;
  readonly edits: readonly Edit[];
  /** Who may catch it. */
  readonly oracles: readonly OracleName[];
  /** Seeds within which it has to be caught. */
  readonly budget: number;
  /** What the runs that look for it have more of; without it they are as any other seed's. */
  readonly runs?: Partial<SimulationOptions>;
  /** What happens in each of these runs besides what its seed draws: some mistakes need a coincidence that chance brings once in a week. */
  readonly story?: readonly FaultEvent[];
  readonly differs?: string;
}

const vsr = (name: string): string => `runtime/vsr/${name}.js`;
const storage = (name: string): string => `runtime/storage/${name}.js`;

const without = (file: string, find: string): Edit => ({ file, find, replace: "" });

export const canaries: readonly Canary[] = [
  {
    id: "C0",
    title: "fail always",
    edits: [
      {
        file: vsr("replica"),
        find: "        core.effects = effects;\n",
        replace: '        core.effects = effects;\n        core.halt("a canary sings");\n',
      },
    ],
    oracles: ["assertion"],
    budget: 1,
  },
  {
    id: "C1",
    title: "commit at Qr − 1 acknowledgements",
    edits: [
      {
        file: vsr("normal-operation"),
        find: "const held = sorted[core.quorums.replication - 1] ?? 0;",
        replace: "const held = sorted[core.quorums.replication - 2] ?? 0;",
      },
    ],
    oracles: ["ack durability"],
    budget: 200,
  },
  {
    id: "C2",
    title: "decide a view at Qv − 1 votes",
    edits: [
      {
        file: vsr("view-change"),
        find: "this.#votes.count < core.quorums.viewChange)",
        replace: "this.#votes.count < core.quorums.viewChange - 1)",
      },
      without(
        vsr("decision"),
        'assert(heard.length >= quorums.viewChange, "order: a view is decided by a view-change quorum");',
      ),
      without(
        vsr("decision"),
        'assert(high >= commit, "durability: the canonical log holds everything that is known to be committed");',
      ),
    ],
    oracles: ["commit chain", "head", "ack durability", "assertion"],
    budget: 500,
    runs: views,
  },
  {
    id: "C3",
    title: "count messages, not senders",
    edits: [
      {
        file: vsr("normal-operation"),
        find: "            this.#acked[from] = message.op;",
        replace: "            this.#acked[this.#acked.indexOf(Math.min(...this.#acked))] = message.op;",
      },
    ],
    oracles: ["ack durability"],
    budget: 200,
    runs: { ...views, replicas: 5 },
    differs:
      "here one number a sender says up to where it has the log; the mutant notes it for whoever is furthest behind",
  },
  {
    id: "C4",
    title: "acknowledgements survive the entry into a view",
    edits: [{ file: vsr("normal-operation"), find: "        this.#acked.fill(0);\n", replace: "" }],
    oracles: ["ack durability", "commit chain", "assertion"],
    budget: 2_000,
    runs: { ...told, replicas: 5 },
    story: comesRound,
  },
  {
    id: "C5",
    title: "acknowledge before the prepare is durable",
    edits: [
      {
        file: vsr("normal-operation"),
        find: "        const op = core.journal.durableOp;\n",
        replace: "        const op = core.journal.appended.op;\n",
      },
      {
        file: vsr("normal-operation"),
        find: "        for (let next = this.#take(); next !== null && !core.isHalted; next = this.#take())\n            this.#extend(next);\n        this.advance();\n",
        replace:
          "        for (let next = this.#take(); next !== null && !core.isHalted; next = this.#take())\n            this.#extend(next);\n        this.advance();\n        this.acknowledge();\n",
      },
    ],
    oracles: ["ack durability", "head"],
    budget: 200,
  },
  {
    id: "C6",
    title: "vote before the view is durable",
    edits: [
      {
        file: vsr("view-change"),
        find: "core.send(core.primary, vote, core.stateWrites);",
        replace: "core.send(core.primary, vote, []);",
      },
    ],
    oracles: ["promises"],
    budget: 50,
  },
  {
    id: "C7",
    title: "forget the log view at a restart",
    edits: [{ file: vsr("core"), find: "        this.logView = state.logView;", replace: "        this.logView = 0;" }],
    oracles: ["promises"],
    budget: 50,
  },
  {
    id: "C8",
    title: "the log view is that of the log's last entry",
    edits: [
      {
        file: vsr("core"),
        find: "        this.logView = state.logView;",
        replace: "        this.logView = Math.min(state.view, log.headers.at(-1)?.header.view ?? 0);",
      },
    ],
    oracles: ["promises"],
    budget: 200,
  },
  {
    id: "C9",
    title: "the longest log wins, whatever its log view",
    edits: [
      {
        file: vsr("decision"),
        find: "const canonical = heard.filter((vote) => vote.logView === logView);",
        replace:
          "const longest = Math.max(...heard.map(headOf));\n    const canonical = heard.filter((vote) => headOf(vote) === longest).slice(0, 1);",
      },
    ],
    oracles: ["commit chain", "head", "ack durability", "assertion", "liveness"],
    budget: 3_000,
    runs: { ...told, replicas: 3, requestMicros: 60_000 },
    story: longerAndOlder,
  },
  {
    id: "C10",
    title: "take the startView of one's own view again",
    edits: [
      {
        file: vsr("view-change"),
        find: "else if (message.view === core.logView) {",
        replace: "else if (message.view === core.logView && core.primary === core.self) {",
      },
    ],
    oracles: ["head", "promises", "assertion", "commit chain"],
    budget: 1_000,
    runs: views,
  },
  {
    id: "C11",
    title: "cut the log at the first entry that does not verify",
    edits: [
      {
        file: storage("recovery-table"),
        find: '        label: "known and damaged",\n        ring: ["same"],\n        log: ["bad"],\n        alone: "corrupt",\n        replicated: "faulty",',
        replace:
          '        label: "known and damaged",\n        ring: ["same"],\n        log: ["bad"],\n        alone: "corrupt",\n        replicated: "cut",',
      },
    ],
    oracles: ["WAL", "head", "ack durability"],
    budget: 300,
    runs: disks,
  },
  {
    id: "C12",
    title: "a damaged entry is a vote against itself",
    edits: [
      {
        file: vsr("journal-votes"),
        find: "const nack = !isFaulty && !isHere;",
        replace: "const nack = isFaulty || !isHere;",
      },
    ],
    oracles: ["promises", "ack durability", "head", "commit chain", "assertion"],
    budget: 2_000,
    runs: {
      ...told,
      faultMs: 8_500,
      requestMicros: 8_000,
      segmentBytes: 1024 * 1024,
      checkpointEvery: 0,
      network: { ...healthyNetwork, latencyMeanMicros: 20_000 },
    },
    story: damagedVoters,
  },
  {
    id: "C13",
    title: "a nack quorum of Qn − 1",
    edits: [
      {
        file: vsr("decision"),
        find: "if (op > commit && nacks >= quorums.nack) {",
        replace: "if (op > commit && nacks >= quorums.nack - 1) {",
      },
    ],
    oracles: ["ack durability", "head", "commit chain", "assertion", "log order"],
    budget: 1_000,
    runs: views,
  },
  {
    id: "C14",
    title: "an empty disk in the place of a lost one takes part",
    edits: [
      {
        file: vsr("core"),
        find: '        this.standing = state.standing ?? "member";',
        replace: '        this.standing = "member";',
      },
    ],
    oracles: ["ack durability", "head", "commit chain", "log order", "promises", "assertion"],
    budget: 500,
    runs: {
      ...views,
      fresh: true,
      faultMs: 4_000,
      requestsMax: 300,
      faults: { ...noFaults, wipes: 1, kills: 4, partitions: 8 },
    },
  },
  {
    id: "C15",
    title: "acknowledgements count by number, whatever view and prepare they are of",
    edits: [
      {
        file: vsr("normal-operation"),
        find: "if (message.view !== core.view || !core.hasInstalled) {",
        replace: "if (!core.hasInstalled) {",
      },
      {
        file: vsr("normal-operation"),
        find: "        if (known !== null && !sameIdentity(known, message.identity)) {\n            core.halt(`replica ${from} acknowledges",
        replace: "        if (known !== null && core.ticks < 0) {\n            core.halt(`replica ${from} acknowledges",
      },
    ],
    oracles: ["ack durability", "commit chain", "assertion"],
    budget: 5_000,
    runs: { ...told, replicas: 5, network: { ...healthyNetwork, latencyMeanMicros: 2_000, replay: 0.4 } },
    story: comesRound,
    differs: "an acknowledgement names its view and its prepare; the mutant looks at neither",
  },
  {
    id: "C16",
    title: "a prepare of an older view moves the head",
    edits: [
      {
        file: vsr("normal-operation"),
        find: 'if (header.view !== core.view || core.status !== "normal" || core.primary !== from || core.self === from) {',
        replace: 'if (core.status !== "normal" || core.self === from) {',
      },
    ],
    oracles: ["head", "commit chain", "ack durability", "assertion"],
    budget: 1_000,
    runs: slowViews,
    differs: "repaired entries come as prepares of their own view; the mutant lets them extend the log",
  },
  {
    id: "C17",
    title: "repair asks, gives and takes by number alone",
    edits: [
      {
        file: vsr("journal"),
        find: "        if (!sameIdentity(slot.header.identity, prepare.header.identity))\n            return false;\n        this.#slots.hold(slot, prepare.frame);",
        replace: "        this.#slots.hold(slot, prepare.frame);",
      },
      {
        file: vsr("repair"),
        find: "        if (slot.header.identity.some((byte, index) => byte !== message.identity[index]))\n            return;\n",
        replace: "",
      },
    ],
    oracles: ["commit chain", "ack durability", "head", "WAL", "assertion"],
    budget: 5_000,
    runs: { ...told, replicas: 5 },
    story: twoAnswers,
    differs: "bodies are asked for by identity here, which includes the parent",
  },
  {
    id: "C18",
    title: "tell as committed what is only durable",
    edits: [
      {
        file: vsr("core"),
        find: "const op = Math.min(this.commitMax, this.journal.durableOp);",
        replace: "const op = this.journal.durableOp;",
      },
    ],
    oracles: ["ack durability", "commit chain"],
    budget: 200,
  },
  {
    id: "C19",
    title: "the header ring goes round over what is newer",
    edits: [
      {
        file: storage("header-ring"),
        find: "        if (op + this.slots <= newestOp) {",
        replace: "        if (op + this.slots <= newestOp - 2 ** 30) {",
      },
    ],
    oracles: ["WAL", "head", "ack durability", "assertion"],
    budget: 3_000,
    runs: { ...told, ...littleLog, standbys: 0, requestsMax: roundOps },
    story: goesRound,
    differs:
      "the log is written once and never wraps; what wraps is the ring of header copies, and a prepare that was damaged a turn ago is written again",
  },
  {
    id: "C20",
    title: "a fetched segment is acknowledged and not put in its place",
    edits: [
      {
        file: storage("log-writer"),
        find: "            installFetched(this.#disk, this.#directory, this.geometry, segment);\n",
        replace: "",
      },
    ],
    oracles: ["head", "ack durability", "assertion"],
    budget: 2_000,
    runs: { ...views, headerSlots: 16, segmentBytes: 32 * 1024, bodyBytesMax: 6_000 },
    differs: "state sync fetches segments of the log itself",
  },
  {
    id: "C21",
    title: "truncate first, then ask: a new view takes back what it does not name",
    edits: [
      {
        file: vsr("journal"),
        find: '            if (slot.state === "durable" || slot.state === "writing")\n                slot.state = "kept";',
        replace:
          '            if (slot.state === "durable" || slot.state === "writing")\n                slot.state = "wanted";',
      },
      {
        file: vsr("journal"),
        find: "            keeps = Math.max(keeps, named.header.op);\n",
        replace: "",
      },
    ],
    oracles: ["promises", "head", "ack durability", "commit chain", "liveness", "assertion"],
    budget: 2_000,
    runs: views,
  },
  {
    id: "C22",
    title: "answer a retry before what it repeats is committed",
    edits: [
      {
        file: "actors/shard/unrecorded.js",
        find: "            newest.follow(proposal);",
        replace: "            this.#send(proposal);",
      },
    ],
    oracles: ["ack durability", "sessions"],
    budget: 500,
    runs: kernel,
  },
  {
    id: "C23",
    title: "how many sessions are evicted depends on the replica",
    edits: [
      {
        file: "runtime/kernel/commands/session.js",
        find: "    for (let i = 0; i < evicted; i += 1)\n        removeSession(step, oldestSession(step));",
        replace:
          "    globalThis.canary = ((globalThis.canary ?? 0) + 1) % 3;\n    for (let i = 0; i < evicted - (globalThis.canary === 0 ? 1 : 0); i += 1)\n        removeSession(step, oldestSession(step));",
      },
    ],
    oracles: ["state", "assertion"],
    budget: 500,
    runs: kernel,
  },
  {
    id: "C24",
    title: "a leader decides without what it inherited: a retry of that is decided again (T42)",
    edits: [
      {
        file: "actors/shard/applier.js",
        find: "        if (head.op > position.op) {",
        replace: "        if (head.op > position.op && this.#replayed < 0) {",
      },
    ],
    oracles: ["sessions", "state", "assertion", "ack durability", "commit chain", "log order"],
    budget: 500,
    runs: kernel,
    differs: "sessions end in the kernel by key order, so their reuse has no counterpart; T42 takes its place",
  },
  {
    id: "C25",
    title: "a deposed primary confirms that it leads",
    edits: [
      {
        file: vsr("normal-operation"),
        find: "            if (confirmation.round > round) {",
        replace: "            if (core.ticks < 0) {",
      },
    ],
    oracles: ["log order"],
    budget: 500,
    runs: views,
  },
  {
    id: "C26",
    title: "a read before what was inherited is committed",
    edits: [
      {
        file: vsr("normal-operation"),
        find: "        if (core.commitMax < this.#inheritedHead)\n            return;\n        const waiting = [];",
        replace: "        const waiting = [];",
      },
      {
        file: vsr("normal-operation"),
        find: "const commit = Math.max(confirmation.commit, this.#inheritedHead);",
        replace: "const commit = confirmation.commit;",
      },
    ],
    oracles: ["log order"],
    budget: 2_000,
    runs: views,
  },
  {
    id: "C27",
    title: "one copy of the superblock is enough, to write it and to believe it: the newest wins",
    edits: [
      {
        file: storage("superblock-quorum"),
        find: "export const copiesToOpen = 2;",
        replace: "export const copiesToOpen = 1;",
      },
      {
        file: storage("superblock-quorum"),
        find: "if (left.content.sequence > right.content.sequence + 1)",
        replace: "if (left.content.sequence < 0)",
      },
      { file: storage("superblock"), find: "const copiesToWrite = 3;", replace: "const copiesToWrite = 1;" },
      without(
        storage("superblock"),
        'assert(copiesToOpen + copiesToWrite > superblockCopies, "every open meets every finished write");',
      ),
      {
        file: storage("superblock"),
        find: "const copies = Array.from({ length: superblockCopies }, (_, copy) => copy);",
        replace: "const copies = [content.sequence % superblockCopies];",
      },
      {
        file: storage("superblock"),
        find: "        if (wrong.length > 0) {",
        replace: "        if (wrong.length > 3) {",
      },
      {
        file: storage("superblock"),
        find: "            if (stale.length > 0) {",
        replace: "            if (stale.length > 3) {",
      },
    ],
    oracles: ["promises"],
    budget: 200,
    runs: disks,
    differs:
      "to believe the newest single copy changes nothing here as long as each write makes three: nothing was said in the name of an unfinished one, and an open makes all copies equal before it says anything",
  },
  {
    id: "C28",
    title: "go on after a sync that failed",
    edits: [
      {
        file: storage("segment-writer"),
        find: "        file.sync();",
        replace: "        try {\n            file.sync();\n        }\n        catch { }",
      },
    ],
    oracles: ["ack durability", "head", "WAL"],
    budget: 2_000,
    runs: disks,
  },
  {
    id: "C29",
    title: "recovery believes a prepare that landed in another's place",
    edits: [
      {
        file: storage("log-window"),
        find: '    if (header.address !== address)\n        return { kind: "misplaced", header };\n',
        replace: "",
      },
      {
        file: storage("log-places"),
        find: 'if (finding.kind === "misplaced" || header.op !== op || !isChild)',
        replace: 'if (finding.kind === "misplaced")',
      },
    ],
    oracles: ["WAL"],
    budget: 1_000,
    runs: { ...told, ...littleLog, atlas: false },
    story: misdirectedPrepares,
    differs:
      "a header in another's slot of the ring is never worse than none: that it belongs elsewhere shows in its number, and what it says of a damaged prepare takes a second fault",
  },
  {
    id: "C30",
    title: "the state depends on something else than the log",
    edits: [
      {
        file: "runtime/kernel/commands/stream-create.js",
        find: "setU64(rowView, streamField.createdTime, record.time);",
        replace:
          "globalThis.canary = (globalThis.canary ?? 0) + 1;\n    setU64(rowView, streamField.createdTime, record.time + globalThis.canary);",
      },
    ],
    oracles: ["state", "assertion"],
    budget: 50,
    runs: kernel,
  },
  {
    id: "C31",
    title: "an exception in `apply` is swallowed on one replica",
    edits: [
      {
        file: "actors/shard/replay.js",
        find: "                this.#kernel.apply(this.#state, bytes, view, from, to, blocks.tenant, blocks.position, address);",
        replace:
          "                globalThis.canary = ((globalThis.canary ?? 0) + 1) % 40;\n                if (globalThis.canary !== 0)\n                    this.#kernel.apply(this.#state, bytes, view, from, to, blocks.tenant, blocks.position, address);",
      },
    ],
    oracles: ["state", "assertion", "log order"],
    budget: 500,
    runs: kernel,
  },
  {
    id: "C32",
    title: "a replica unsure of its head takes an old startView",
    edits: [
      {
        file: vsr("view-change"),
        find: "const isNewer = message.view > core.view || message.nonce === this.#nonce;",
        replace: "const isNewer = message.view >= core.view;",
      },
    ],
    oracles: ["head", "promises", "ack durability", "commit chain"],
    budget: 1_000,
    runs: { ...told, ...littleLog },
    story: oldHead,
  },
  {
    id: "C33",
    title: "free pages when a version is published, not when the checkpoint that drops them is durable",
    edits: [
      {
        file: "runtime/store/store.js",
        find: "        if (this.#durableVersion >= 0 && !kept.includes(this.#durableVersion))\n            kept.push(this.#durableVersion);\n",
        replace: "",
      },
    ],
    oracles: ["storage", "assertion"],
    budget: 1_000,
    runs: kernelCuts,
    differs:
      "a page that was overwritten while it was needed reads as a sound one, so that who follows a branch to it may stop first; to complete a checkpoint before the superblock names it changes nothing here: pages are written by checkpoints alone, and the next one waits for the superblock",
  },
  {
    id: "C34",
    title: "no tenant in the lookup of a session",
    edits: [
      {
        file: "runtime/kernel/kernel.js",
        find: "        if (!state.get(tree.sessions, keys.session(tenant, session))) {",
        replace:
          "        if (!state.get(tree.sessions, keys.session(1, session)) && !state.get(tree.sessions, keys.session(2, session))) {",
      },
    ],
    oracles: ["tenancy", "sessions", "assertion"],
    budget: 300,
    runs: kernel,
  },
  {
    id: "C35",
    title: "never send a prepare again",
    edits: [
      {
        file: vsr("normal-operation"),
        find: "        this.#resentAt[to] = core.ticks;\n        const from",
        replace:
          "        this.#resentAt[to] = core.ticks;\n        if (core.ticks >= 0)\n            return;\n        const from",
      },
      {
        file: vsr("normal-operation"),
        find: "return core.ticks - this.#progressAt > abdicateTicks;",
        replace: "return false;",
      },
    ],
    oracles: ["liveness"],
    budget: 500,
    runs: views,
    differs:
      "a primary whose prepare nobody acknowledges gives up its view, and the next one brings that prepare or drops it: the mutant keeps its view as well",
  },
  {
    id: "C36",
    title: "no abdication",
    edits: [
      {
        file: vsr("normal-operation"),
        find: "return core.ticks - this.#progressAt > abdicateTicks;",
        replace: "return false;",
      },
    ],
    oracles: ["liveness"],
    budget: 2_000,
    runs: { ...views, muteReplica: 1, bodyBytesMax: 1_000, faults: noFaults },
  },
  {
    id: "C37",
    title: "a vote's headers from the journal alone, as recovery finds it (T41)",
    edits: [
      {
        file: vsr("votes"),
        find: "voteOf({ journal, suffix, view, logView, commitMax }) {\n",
        replace: "voteOf({ journal, view, logView, commitMax }) {\n    const suffix = journal.suffix(commitMax);\n",
      },
      {
        file: vsr("journal-recovery"),
        find: "    for (const stored of state.suffix)\n        layStored(slots, stored);\n",
        replace:
          "    for (const stored of state.suffix)\n        if (stored.header.op <= state.commitMax)\n            layStored(slots, stored);\n",
      },
      {
        file: vsr("journal-recovery"),
        find: "let head = state.suffix[0]?.header.op ?? 0;",
        replace: "let head = Math.min(state.commitMax, state.suffix[0]?.header.op ?? 0);",
      },
      without(
        vsr("decision"),
        'assert(high >= commit, "durability: the canonical log holds everything that is known to be committed");',
      ),
    ],
    oracles: ["promises", "ack durability", "commit chain", "head", "log order"],
    budget: 1_000,
    runs: { ...told, replicas: 5, requestMicros: 10_000 },
    story: namedAndGone,
    differs:
      "recovery lays the stored headers over what the disk shows, and the journal keeps them: to ask the journal alone changes nothing before that is left out too",
  },
  {
    id: "C38",
    title: "a lost prepare's place is skipped: a gap in the log is acknowledged",
    edits: [
      {
        file: vsr("normal-operation"),
        find: "        if (header.op > journal.head + 1) {",
        replace: "        if (header.op > journal.head + 1 && core.ticks < 0) {",
      },
    ],
    oracles: ["assertion", "head", "commit chain"],
    budget: 100,
    runs: views,
    differs: "T42 is C24; this is the gap that a pipeline with loss leaves",
  },
  {
    id: "C39",
    title: "sessions are evicted over tenants, without a quota of one's own (T39)",
    edits: [
      {
        file: "runtime/kernel/commands/session.js",
        find: "const open = draft.sessions - (earlier === 0 ? 0 : 1);",
        replace: "const open = draft.sessions + 1 - (earlier === 0 ? 0 : 1);",
      },
      without(
        "runtime/kernel/commands/session.js",
        'assert(evicted <= open, "no more sessions are evicted than there are");',
      ),
    ],
    oracles: ["tenancy", "assertion"],
    budget: 500,
    runs: kernel,
    differs:
      "quotas are of tenants by construction (keys begin with the tenant); the mutant evicts one session too many",
  },
  {
    id: "C40",
    title: "an even cluster with half as its quorum (T31)",
    edits: [
      {
        file: vsr("quorums"),
        find: "const replicationOf = [0, 1, 2, 2, 2, 3, 3];",
        replace: "const replicationOf = [0, 1, 1, 2, 2, 3, 3];",
      },
    ],
    oracles: ["ack durability"],
    budget: 200,
    runs: { replicas: 2 },
    differs: "1 + 2 intersect, so the laws hold; what is lost is the second copy that two replicas are for",
  },
  {
    id: "C42",
    title: "a standby that is promoted speaks at once, before it holds what its predecessor had acknowledged",
    edits: [
      {
        file: "runtime/storage/superblock.js",
        find: 'members, standing: "replaced"',
        replace: 'members, standing: "member"',
      },
    ],
    oracles: ["ack durability", "head", "commit chain", "log order", "promises", "assertion"],
    budget: 500,
    runs: {
      ...views,
      standbys: 1,
      fresh: true,
      faultMs: 4_000,
      requestsMax: 300,
      faults: { ...noFaults, promotes: 1, kills: 4, partitions: 8 },
    },
  },
  {
    id: "C43",
    title: "a primary goes on behind the end of its configuration: quorums of two epochs both decide (T31)",
    edits: [
      {
        file: vsr("core"),
        find: "return head !== null && configurationBehind(head) > this.configuration;",
        replace: "return head !== null && configurationBehind(head) > this.configuration + 1;",
      },
    ],
    oracles: ["commit chain", "ack durability"],
    budget: 300,
    runs: changes,
  },
  {
    id: "C44",
    title: "a configuration begins with what is stored, before it is committed (T31)",
    edits: [
      {
        file: vsr("configurations"),
        find: "const slot = core.isSingle ? null : core.journal.slot(core.commitMin);",
        replace: "const slot = core.isSingle ? null : core.journal.slot(core.journal.durableOp);",
      },
    ],
    oracles: ["promises", "commit chain", "ack durability"],
    budget: 100,
    runs: changes,
  },
  {
    id: "C45",
    title: "acknowledgements are counted as in the configuration before (T31)",
    edits: [
      {
        file: vsr("core"),
        find: "this.quorums = quorumsOf(voters);",
        replace: "this.quorums = { ...quorumsOf(voters), replication: this.quorums.replication };",
      },
    ],
    oracles: ["ack durability"],
    budget: 300,
    runs: changes,
  },
  {
    id: "C46",
    title:
      "founders go on in the view of the log that they begin with, and look at no prepare's epoch: what was said there for another log counts",
    edits: [
      { file: "runtime/storage/superblock.js", find: "const refoundViews = 2;", replace: "const refoundViews = 0;" },
      { file: vsr("normal-operation"), find: "if (header.epoch !== (core.config.epoch ?? 0))", replace: "if (false)" },
    ],
    oracles: ["ack durability", "head", "commit chain", "promises", "assertion"],
    budget: 1_000,
    runs: foundedAnew,
  },
  {
    id: "C47",
    title: "answers that rest on what is under way do not wait until it is committed",
    edits: [
      {
        file: "actors/shard/unrecorded.js",
        find: "newest.follow(proposal);",
        replace: "this.#send(proposal);",
      },
    ],
    oracles: ["sql"],
    budget: 20,
    runs: sql,
  },
  {
    id: "C48",
    title: "a row lock is in nobody's way",
    edits: [
      {
        file: "actors/shard/sql/lock-table.js",
        find: "return this.#locks.get(name)?.heldIn(modes, self) ?? none;",
        replace: "return none;",
      },
    ],
    oracles: ["sql"],
    budget: 20,
    runs: sql,
  },
  {
    id: "C49",
    title: "ROLLBACK TO SAVEPOINT leaves what was written since",
    edits: [without("actors/shard/sql/transaction.js", "this.overlay.rollbackTo(savepoint.writes);")],
    oracles: ["sql"],
    budget: 20,
    runs: sql,
  },
  {
    id: "C50",
    title: "a repeatable read writes over what was committed behind its snapshot",
    edits: [
      {
        file: "runtime/query/write/table-writer.js",
        find: "if (row.from > snapshot)",
        replace: "if (false)",
      },
    ],
    oracles: ["sql"],
    budget: 20,
    runs: sql,
  },
  {
    id: "C51",
    title: "a transaction that a new leader does not know goes on as a new one",
    edits: [
      {
        file: "actors/shard/sql/decider.js",
        find: "if (known === null)\n                throw transactionLost();\n            return known;",
        replace: "if (known !== null) return known;",
      },
    ],
    oracles: ["sql"],
    budget: 50,
    runs: sqlLeaders,
  },
];
