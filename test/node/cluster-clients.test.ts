/** Clients of three node processes: whichever node they talk to, and whichever of them dies. */
import test from "ava";
import { connect, type Database } from "../../protocol/sdk/index.js";
import { ClusterRig } from "../admin/cluster-rig.js";

let cluster: ClusterRig;

test.before(async () => {
  cluster = await ClusterRig.make(3);
  await cluster.start(0, 1, 2);
});
test.after.always(() => cluster.remove());

const addressOf = (index: number): string => cluster.addresses[index] ?? "";
/** The nodes' addresses, beginning with one. */
const from = (index: number): string[] => [0, 1, 2].map((step) => addressOf((index + step) % 3));
const others = (index: number): number[] => [0, 1, 2].filter((one) => one !== index);

async function streamOf(db: Database, name: string) {
  return db.tenant("main").streams.create(name, { ifNotExists: true });
}

test.serial(
  "a client of a follower writes and reads, and sees at once what a client of another follower wrote",
  async (t) => {
    const leader = await cluster.leaderOf(1);
    const [one = 0, two = 0] = others(leader);
    await using here = await connect({ addresses: [addressOf(one)] });
    await using there = await connect({ addresses: [addressOf(two)] });
    const written = await streamOf(here, "seen");
    const read = await streamOf(there, "seen");
    for (let number = 0; number < 20; number++) {
      await written.append({ number });
      const { events } = await read.read({ from: number, limit: 2, consistency: "linearizable" });
      t.deepEqual(
        events.map((event) => event.json()),
        [{ number }],
      );
    }
    t.is((await written.read({ from: 0, limit: 100 })).events.length, 20, "a session reads its own writes");
  },
);

test.serial("a subscription goes on without a gap or a double when its node is killed", async (t) => {
  const leader = await cluster.leaderOf(1);
  const [victim = 0, other = 0] = others(leader);
  await using reader = await connect({ addresses: from(victim) });
  await using writer = await connect({ addresses: [addressOf(other)] });
  const stream = await streamOf(writer, "followed");
  const count = 60;
  const seen: number[] = [];
  const reading = (async () => {
    for await (const event of (await streamOf(reader, "followed")).subscribe()) {
      seen.push(Number(event.offset));
      if (seen.length === count) return;
    }
  })();
  for (let number = 0; number < count; number++) {
    await stream.append({ number });
    if (number === 20) await cluster.end(victim, "SIGKILL");
  }
  await reading;
  t.deepEqual(
    seen,
    Array.from({ length: count }, (_, offset) => offset),
  );
  await cluster.start(victim);
});

test.serial("a write is applied once, also when it is asked for again after its leader was killed", async (t) => {
  const leader = await cluster.leaderOf(1);
  const [one = 0, two = 0] = others(leader);
  await using here = await connect({ addresses: [addressOf(one)] });
  await using there = await connect({ addresses: [addressOf(two)] });
  const idempotencyKey = "0123456789abcdef0123456789abcdef";
  const first = await (await streamOf(here, "once")).append({ order: 7 }, { idempotencyKey });
  await cluster.end(leader, "SIGKILL");
  const stream = await streamOf(there, "once");
  const again = await stream.append({ order: 7 }, { idempotencyKey });
  t.is(again.position, first.position);
  t.true(again.replayed);
  t.is((await stream.read({ from: 0, limit: 10, consistency: "linearizable" })).events.length, 1);
});
