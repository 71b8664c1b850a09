/**
 * What one append costs a node without system calls: `node --cpu-prof dist/benchmarks/pipeline.js [connections] [depth] [seconds]`.
 *
 * Frames as clients send them go through the same code as in a node, in one thread: decoder, batch, queue, decide, apply, store
 * version, reply batch, frames of the answer. Left out are the sockets, the disk and the actor system. CPU time is measured, not
 * wall time, so that neighbours on the machine disturb less. Each stage is timed in a run of its own (`--stages`).
 */
import { ReplyBatchReader } from "../actors/messages/reply-batch.js";
import { RequestBatchReader, RequestBatchWriter } from "../actors/messages/request-batch.js";
import { Proposal } from "../actors/shard/proposal.js";
import { Proposer } from "../actors/shard/proposer.js";
import { type QueuedRequest, RequestQueue } from "../actors/shard/request-queue.js";
import { VersionHeaderWriter } from "../actors/shard/version-header.js";
import { RequestTable } from "../protocol/server/request-table.js";
import { FrameDecoder } from "../protocol/wire/frame-decoder.js";
import { FrameWriter } from "../protocol/wire/frame-writer.js";
import { requestKinds, responseKinds } from "../protocol/wire/kinds.js";
import type { ActorContext, Port } from "../runtime/actor/definition.js";
import { encodeTenantAdopt } from "../runtime/kernel/codecs/control-requests.js";
import { encodeAppend, encodeStreamCreate } from "../runtime/kernel/codecs/write-requests.js";
import { genesis, Kernel } from "../runtime/kernel/kernel.js";
import { requestKind } from "../runtime/kernel/kinds.js";
import { quotasDefault } from "../runtime/kernel/tenant-row.js";
import { defaultGeometry } from "../runtime/storage/log-geometry.js";
import { createTail, LogTail } from "../runtime/storage/log-tail.js";
import { ByteWriter } from "../runtime/types/byte-writer.js";
import { logTailBytes } from "../runtime/types/limits.js";
import { makeStore } from "../test/kernel/store-under-test.js";

const [connections = 64, depth = 16, seconds = 5, batch = 1] = process.argv
  .slice(2)
  .filter((word) => /^\d/.test(word))
  .map(Number);
const tenant = 1;
const principal = new TextEncoder().encode("local");

const tail = new LogTail(
  createTail({ buffer: new SharedArrayBuffer(logTailBytes), from: 0, bytes: logTailBytes, mode: "fdatasync" }),
);
const store = makeStore(512 * 1024 * 1024);
genesis(store);
store.publish(store.seal(new Uint8Array(32)));
const proposer = new Proposer(new Kernel(store), store, tail, defaultGeometry, 0, 0);
const queue = new RequestQueue();
const proposal = new Proposal();
const header = new VersionHeaderWriter();
const table = new RequestTable<FrameWriter>();
const batchWriter = new RequestBatchWriter();
const batchReader = new RequestBatchReader();
const replyReader = new ReplyBatchReader();
const replies: Uint8Array[] = [];
let op = 0;
let commands = 0;

const port = { neighbour: "gateway-0", isOpen: true } as unknown as Port;
const context = {
  tell: (_port: Port, message: { readonly bytes: Uint8Array }) => {
    replies.push(message.bytes);
    return "accepted";
  },
} as unknown as ActorContext;
const queued: QueuedRequest = {
  bytes: principal,
  view: new DataView(principal.buffer),
  port,
  envelope: null,
  correlation: 0,
  deadline: 0,
  kind: 0,
  principalFrom: 0,
  principalTo: 0,
  bodyFrom: 0,
  bodyTo: 0,
};

function enqueue(bytes: Uint8Array): void {
  const reader = batchReader.open(bytes);
  queued.bytes = bytes;
  queued.view = reader.view;
  while (reader.next()) {
    queued.correlation = reader.correlation;
    queued.deadline = reader.deadline;
    queued.kind = reader.kind;
    queued.principalFrom = reader.principalFrom;
    queued.principalTo = reader.principalTo;
    queued.bodyFrom = reader.bodyFrom;
    queued.bodyTo = reader.bodyTo;
    queue.push(reader.view.getUint32(reader.bodyFrom, true), queued);
  }
}

function commit(answer: boolean): void {
  while (queue.count > 0) {
    proposer.fill(queue, proposal, 1_000_000 + op);
    op += 1;
    const version = store.seal(header.encode(op, proposer.nextAddress, proposal.time));
    tail.publishCommittedEnd(proposer.nextAddress);
    store.publish(version);
    commands += proposal.recordCount;
    if (answer) proposal.send(context);
    else proposal.reset();
    if (store.cachePressure > 0.8) {
      console.log("the cache is full: give fewer seconds");
      process.exit(1);
    }
  }
}

function single(kind: number, body: Uint8Array): void {
  batchWriter.add(0, 0, kind, principal, body, 0, body.length);
  enqueue(batchWriter.take());
  commit(false);
}

single(requestKind.tenantAdopt, encodeTenantAdopt(new ByteWriter(), tenant, 1, "fresh", quotasDefault).finish());
const events = Array.from({ length: batch }, () => ({ payload: new Uint8Array(128).fill(65), format: 0 }));
const templates: Uint8Array[] = [];
const writers: FrameWriter[] = [];
for (let c = 0; c < connections; c++) {
  single(requestKind.streamCreate, encodeStreamCreate(new ByteWriter(), { tenant }, `s-${c}`, false).finish());
  const requestKey = new Uint8Array(16);
  new DataView(requestKey.buffer).setUint32(0, 0x9e3779b9 * (c + 1));
  templates.push(encodeAppend(new ByteWriter(), { tenant, requestKey }, c + 1, "any", events).finish());
  writers.push(new FrameWriter());
}

const client = new FrameWriter();
let current: FrameWriter = client;
const decoder = new FrameDecoder((kind, requestId, _timeoutMs, bytes, from, to, view) => {
  const correlation = table.open(current, requestId, kind, 1, 0);
  batchWriter.add(correlation, 0, kind, principal, bytes, from, to, view);
});
let counter = 0;
let answered = 0;

function round(): void {
  for (let c = 0; c < connections; c++) {
    const template = templates[c];
    const view = new DataView(template.buffer);
    for (let d = 0; d < depth; d++) {
      counter += 1;
      view.setUint32(20, counter);
      client.frame(requestKinds.append.kind, counter, 0, template);
    }
    const chunk = client.take();
    current = writers[c];
    decoder.push(chunk);
    client.recycle(chunk);
  }
  enqueue(batchWriter.take());
  commit(true);
  for (const bytes of replies) {
    const reader = replyReader.open(bytes);
    while (reader.next()) {
      if (reader.status !== 0) throw new Error("an append was refused");
      const slot = table.find(reader.correlation);
      const writer = table.owner(slot);
      writer.frame(responseKinds.ok, table.requestId(slot), 0, bytes, reader.bodyFrom, reader.bodyTo);
      table.close(slot);
      answered += 1;
    }
  }
  replies.length = 0;
  for (const writer of writers) writer.recycle(writer.take());
}

for (let i = 0; i < 20; i++) round();
answered = 0;
const before = process.cpuUsage();
const until = performance.now() + seconds * 1000;
let rounds = 0;
while (performance.now() < until) {
  round();
  rounds += 1;
}
const { user, system } = process.cpuUsage(before);
if (answered !== rounds * connections * depth) throw new Error("not every request was answered");
console.log(
  `${connections} × ${depth} × ${batch}: ${((user + system) / answered).toFixed(2)} µs CPU an append (client's framing included), ${answered} appends, ${commands} commands`,
);
