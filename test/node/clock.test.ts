/** The machine's clock is stepped under a running node: the times of its log go on strictly upwards, and nothing waits for the clock. */
import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { connect } from "../../protocol/sdk/index.js";
import { decodeWelcome } from "../../protocol/wire/handshake.js";
import { ByteReader } from "../../runtime/types/byte-reader.js";
import { scratch, startChild } from "./node-child.js";
import { RawClient } from "./raw-client.js";

const hourMs = 3_600_000;

/** Loaded before everything else in the process and in each of its threads: `Date.now` is off by what stands in a file. */
const preload = (control: string): string => `
const fs = require("node:fs");
const real = Date.now;
const fd = fs.openSync(${JSON.stringify(control)}, "r");
const bytes = Buffer.alloc(8);
Date.now = () => { fs.readSync(fd, bytes, 0, 8, 0); return real() + bytes.readDoubleLE(0); };
`;

class SteppingClock {
  readonly environment: Readonly<Record<string, string>>;
  readonly #fd: number;

  constructor(t: ExecutionContext) {
    const directory = scratch(t);
    const control = join(directory, "offset");
    const script = join(directory, "clock.cjs");
    writeFileSync(control, new Uint8Array(8));
    writeFileSync(script, preload(control));
    const fd = openSync(control, "r+");
    t.teardown(() => closeSync(fd));
    this.#fd = fd;
    this.environment = { NODE_OPTIONS: `--require ${script}` };
  }

  step(offsetMs: number): void {
    writeSync(this.#fd, new Uint8Array(Float64Array.of(offsetMs).buffer), 0, 8, 0);
  }
}

test.serial(
  "a clock that steps back or ahead by an hour leaves times strictly increasing, also over a restart",
  async (t) => {
    const clock = new SteppingClock(t);
    const dataDirectory = scratch(t);
    let node = await startChild(t, { dataDirectory }, clock.environment);
    const { port } = node;
    const db = await connect(node.target);
    const stream = await db.tenant("main").streams.create("s");
    const times: number[] = [];
    const append = async (count: number): Promise<void> => {
      const acks = await Promise.all(Array.from({ length: count }, () => stream.append("x", { timeoutMs: 5_000 })));
      for (const { time } of acks) times.push(time);
    };
    /** What the gateway takes for the time: proof that the step reached its thread. */
    const offMs = async (): Promise<number> => {
      const { body } = (await RawClient.open(t, node.port)).welcome;
      return decodeWelcome(new ByteReader(body, 0, body.length)).serverTime / 1_000 - Date.now();
    };
    await append(20);
    t.true(Math.abs(await offMs()) < 10_000);
    clock.step(-hourMs);
    t.true(Math.abs((await offMs()) + hourMs) < 10_000, "the clock was stepped back");
    await append(20);
    const then = await stream.read({ consistency: { atTimestamp: times[25] ?? 0 }, timeoutMs: 5_000 });
    t.is(then.events.length, 26, "what the log has passed is no future for a clock that is behind");
    await node.kill();
    node = await startChild(t, { dataDirectory, listen: { host: "127.0.0.1", port } }, clock.environment);
    t.true(Math.abs((await offMs()) + hourMs) < 10_000, "the clock is still behind after the restart");
    await append(20);
    clock.step(hourMs);
    t.true(Math.abs((await offMs()) - hourMs) < 10_000, "the clock was stepped ahead");
    await append(20);
    t.true((times.at(-1) ?? 0) > (Date.now() + hourMs / 2) * 1_000, "a step ahead is followed");
    clock.step(0);
    await append(20);
    t.is(times.length, 100);
    t.deepEqual(
      times,
      [...new Set(times)].sort((a, b) => a - b),
    );
    const { events } = await stream.read({ limit: 1_000 });
    t.deepEqual(
      events.map((event) => event.time),
      times,
    );
    t.is((await node.status())["restarts"], 0);
    await db.close();
  },
);
