/** Mailboxes against a deliberately stupid queue, and the small pure pieces beside them. */
import test from "ava";
import fc from "fast-check";
import { DeadLetters } from "../../runtime/actor/dead-letters.js";
import type { MailboxPolicy } from "../../runtime/actor/definition.js";
import { type Packet, packetTypes } from "../../runtime/actor/envelope.js";
import { type EpochEntry, EpochRegister } from "../../runtime/actor/epoch-register.js";
import { Letter } from "../../runtime/actor/letter.js";
import { Mailbox } from "../../runtime/actor/mailbox.js";
import { backoffMs, RestartBudget } from "../../runtime/actor/restart-policy.js";
import { Ring } from "../../runtime/actor/ring.js";
import { ActorVitals, actorVitalsMemory } from "../../runtime/actor/vitals.js";
import type { Epoch } from "../../runtime/types/ids.js";

const packet: Packet = {
  type: packetTypes.tell,
  correlation: 0,
  deadline: 0,
  traceparent: null,
  tenant: 0,
  epoch: 1,
  body: null,
};
const letter = (body: unknown, bytes: number, bounded = true): Letter =>
  new Letter(packetTypes.tell, "n", packet, null, "s", body, bytes, 0, bounded);

const countMax = 4;
const bytesMax = 40;

type Step =
  | { readonly do: "put"; readonly key: number; readonly bytes: number }
  | { readonly do: "timer" }
  | { readonly do: "system" }
  | { readonly do: "take" };

const steps = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ do: fc.constant("put" as const), key: fc.nat(3), bytes: fc.integer({ min: 1, max: 15 }) }),
    },
    { weight: 1, arbitrary: fc.constant({ do: "timer" as const }) },
    { weight: 1, arbitrary: fc.constant({ do: "system" as const }) },
    { weight: 3, arbitrary: fc.constant({ do: "take" as const }) },
  ),
  { maxLength: 60 },
);

interface Body {
  readonly key: number;
  readonly serial: number;
}

interface Entry {
  body: Body;
  bytes: number;
  readonly bounded: boolean;
}

/** What a mailbox is to do, said as simply as possible. */
class StupidQueue {
  system: Entry[] = [];
  user: Entry[] = [];
  dropped: number[] = [];
  readonly #overflow: "reject" | "dropOldest" | "coalesce";
  constructor(overflow: "reject" | "dropOldest" | "coalesce") {
    this.#overflow = overflow;
  }
  #fits(bytes: number): boolean {
    const bounded = this.user.filter((entry) => entry.bounded);
    return bounded.length < countMax && bounded.reduce((sum, entry) => sum + entry.bytes, 0) + bytes <= bytesMax;
  }
  put(entry: Entry): void {
    if (this.#overflow === "coalesce") {
      const waiting = this.user.find((other) => other.bounded && other.body.key === entry.body.key);
      if (waiting !== undefined) {
        const sum = this.user
          .filter((other) => other.bounded && other !== waiting)
          .reduce((total, other) => total + other.bytes, 0);
        if (sum + entry.bytes > bytesMax) {
          this.dropped.push(entry.body.serial);
          return;
        }
        this.dropped.push(waiting.body.serial);
        waiting.body = entry.body;
        waiting.bytes = entry.bytes;
        return;
      }
      if (!this.#fits(entry.bytes)) {
        this.dropped.push(entry.body.serial);
        return;
      }
    }
    while (this.#overflow === "dropOldest" && !this.#fits(entry.bytes)) {
      const at = this.user.findIndex((other) => other.bounded);
      this.dropped.push(...this.user.splice(at, 1).map((other) => other.body.serial));
    }
    this.user.push(entry);
  }
  take(): Entry | undefined {
    return this.system.shift() ?? this.user.shift();
  }
}

for (const overflow of ["reject", "dropOldest", "coalesce"] as const) {
  test(`a mailbox with overflow ${overflow} behaves as a stupid queue and stays within its bounds`, (t) => {
    const policy: MailboxPolicy<Body> = {
      countMax,
      bytesMax,
      overflow: overflow === "coalesce" ? { coalesceBy: (body) => String(body.key) } : overflow,
    };
    let refusals = 0;
    let drops = 0;
    fc.assert(
      fc.property(steps, (script: Step[]) => {
        const vitals = new ActorVitals(actorVitalsMemory());
        const dropped: number[] = [];
        const mailbox = new Mailbox(
          policy as MailboxPolicy,
          vitals,
          (one) => void dropped.push((one.body as Body).serial),
        );
        const stupid = new StupidQueue(overflow);
        let serial = 0;
        for (const step of script) {
          const body = { key: step.do === "put" ? step.key : -1, serial: serial++ };
          if (step.do === "put") {
            if (vitals.reserve(step.bytes)) {
              mailbox.put(letter(body, step.bytes));
              stupid.put({ body, bytes: step.bytes, bounded: true });
            } else refusals++;
          } else if (step.do === "take") {
            const taken = mailbox.take();
            if (taken !== undefined) vitals.release(taken.bytes);
            const expected = stupid.take();
            if ((taken?.body as Body | undefined)?.serial !== expected?.body.serial) return false;
          } else {
            vitals.add(1);
            if (step.do === "timer") mailbox.put(letter(body, 1, false));
            else mailbox.putSystem(letter(body, 1, false));
            (step.do === "timer" ? stupid.user : stupid.system).push({ body, bytes: 1, bounded: false });
          }
          if (mailbox.boundedCount > countMax || mailbox.boundedBytes > bytesMax) return false;
          if (mailbox.length !== stupid.user.length + stupid.system.length) return false;
          const bytes = [...stupid.user, ...stupid.system].reduce((sum, entry) => sum + entry.bytes, 0);
          if (vitals.count !== mailbox.length || vitals.bytes !== bytes) return false;
        }
        drops += dropped.length;
        return JSON.stringify(dropped) === JSON.stringify(stupid.dropped);
      }),
      { numRuns: 400 },
    );
    t.true(overflow === "reject" ? refusals > 0 : drops > 0, "the bound was met");
  });
}

test("a ring keeps order while it grows and wraps", (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 300 }), (puts) => {
        const ring = new Ring<number>();
        const model: number[] = [];
        let next = 0;
        for (const put of puts) {
          if (put) {
            ring.push(next);
            model.push(next++);
          } else if (ring.shift() !== model.shift()) return false;
          if (ring.length !== model.length || ring.peek() !== model[0]) return false;
        }
        return true;
      }),
    ),
  );
});

test("room reserved by several senders never exceeds the bound and all comes back", (t) => {
  const memory = actorVitalsMemory();
  const owner = new ActorVitals(memory);
  owner.setLimits(3, 100);
  const senders = [new ActorVitals(memory), new ActorVitals(memory)];
  t.deepEqual(
    [40, 40, 40, 20, 1].map((bytes, at) => senders[at % 2]?.reserve(bytes)),
    [true, true, false, true, false],
  );
  t.is(owner.refused, 2);
  for (const bytes of [40, 40, 20]) owner.release(bytes);
  t.deepEqual([owner.count, owner.bytes], [0, 0]);
  t.throws(() => owner.release(1), { message: /what is released was reserved/ });
});

test("a restart budget counts its window and the next failure ends it", (t) => {
  const budget = new RestartBudget({ restartsMax: 3, windowMs: 1000 });
  t.deepEqual(
    [0, 100, 200, 1150, 1160, 1170].map((now) => budget.record(now)),
    [1, 2, 3, 2, 3, null],
  );
  t.is(budget.total, 6);
});

test("back-off doubles up to its bound, with jitter of at most a half", (t) => {
  const limits = { baseMs: 10, maxMs: 100 };
  t.deepEqual(
    [1, 2, 3, 4, 5, 50].map((attempt) => backoffMs(attempt, 0.999999, limits) > 0),
    [true, true, true, true, true, true],
  );
  t.deepEqual(
    [1, 2, 3, 4, 5, 50].map((attempt) => backoffMs(attempt, 0, limits)),
    [5, 10, 20, 40, 50, 50],
  );
  t.true(backoffMs(50, 0.999, limits) <= 100);
});

test("the highest epoch owns a key, whatever is claimed, released, compacted or restored", (t) => {
  let refused = 0;
  let compacted = 0;
  fc.assert(
    fc.property(
      fc.array(fc.record({ key: fc.nat(2), owner: fc.nat(2), epoch: fc.integer({ min: 1, max: 6 }), act: fc.nat(4) }), {
        maxLength: 40,
      }),
      (script) => {
        let register = new EpochRegister();
        const highest = new Map<string, number>();
        for (const { key: number, owner, epoch, act } of script) {
          const key = `shard-${number}`;
          if (act === 0) register.release(key, epoch as Epoch);
          else if (act === 1) compacted += register.compact();
          else if (act === 2) register = new EpochRegister(register.entries());
          else {
            const before = highest.get(key) ?? 0;
            const repeated = register.isCurrent(key, epoch as Epoch) && register.owner(key) === `node-${owner}`;
            const { granted } = register.claim(key, `node-${owner}`, epoch as Epoch);
            if (granted !== (epoch > before || repeated)) return false;
            if (!granted) refused++;
            highest.set(key, Math.max(before, granted ? epoch : 0));
          }
          if (register.highest(key) !== (highest.get(key) ?? 0)) return false;
        }
        const entries: EpochEntry[] = register.entries();
        return entries.every((entry) => entry.epoch === highest.get(entry.key));
      },
    ),
    {
      numRuns: 500,
      // Chance may leave out what is counted below.
      examples: [
        [
          [
            { key: 0, owner: 0, epoch: 3, act: 3 },
            { key: 0, owner: 1, epoch: 2, act: 3 },
            { key: 0, owner: 0, epoch: 3, act: 0 },
            { key: 0, owner: 0, epoch: 1, act: 1 },
          ],
        ],
      ],
    },
  );
  t.true(refused > 0 && compacted > 0);
});

test("order: a key has one highest epoch", (t) => {
  const entry = { key: "shard-1", epoch: 3 as Epoch, owner: "a" };
  t.throws(() => new EpochRegister([entry, { ...entry, epoch: 2 as Epoch }]), {
    message: /order: a key has one highest epoch/,
  });
});

test("dead letters are counted by kind, the newest kept, and kinds are bounded", (t) => {
  const letters = new DeadLetters(4);
  for (let at = 0; at < 1000; at++) {
    letters.record({ at, kind: `kind-${at}`, sender: "a", target: "b", reason: "portClosed" });
  }
  t.is(letters.total, 1000);
  t.deepEqual(
    letters.recent().map((one) => one.at),
    [996, 997, 998, 999],
  );
  t.is(letters.countOf("(other)"), 1000 - 256);
  t.is(letters.countFor("b"), 1000);
  t.true(Object.keys(letters.byKind()).length <= 257);
});
