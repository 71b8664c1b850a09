/**
 * A disk that fails under a running node. Failing calls come from a shim between the node and libc (`failing-disk.c`), a full disk
 * from a small file system in memory. Where the machine has no compiler, or may not mount, the test says so and counts itself as
 * not run; everywhere else it proves by a counter that its fault happened.
 */
import { execFileSync } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { connect, hasCode } from "../../protocol/sdk/index.js";
import { miB } from "../../runtime/types/limits.js";
import { sum } from "../faults/load.js";
import { checkStreams } from "../faults/stream-check.js";
import { verifyDirectory } from "../faults/verify-directory.js";
import { loadFor } from "./load-for.js";
import { eventually, pause, scratch, startChild } from "./node-child.js";

const fault = { logWrite: 1, sync: 2, pageWrite: 4 } as const;
const errno = { EIO: 5, ENOSPC: 28 } as const;

/** The control page that the shim maps; null where it cannot be compiled. */
class FailingDisk {
  readonly environment: Readonly<Record<string, string>>;
  readonly #fd: number;

  private constructor(environment: Readonly<Record<string, string>>, fd: number) {
    this.environment = environment;
    this.#fd = fd;
  }

  static make(t: ExecutionContext): FailingDisk | null {
    const directory = scratch(t);
    const library = join(directory, "failing-disk.so");
    const source = join(directory, "failing-disk.c");
    copyFileSync(new URL("../../../test/node/failing-disk.c", import.meta.url), source);
    try {
      execFileSync("cc", ["-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], { stdio: "pipe" });
    } catch (error) {
      t.log(`skipped: the shim cannot be compiled here (${String(error).split("\n")[0]})`);
      return null;
    }
    const control = join(directory, "control");
    writeFileSync(control, new Uint8Array(4_096));
    const fd = openSync(control, "r+");
    t.teardown(() => closeSync(fd));
    return new FailingDisk({ LD_PRELOAD: library, FAILING_DISK_CONTROL: control }, fd);
  }

  #words(): DataView {
    const bytes = new Uint8Array(24);
    readSync(this.#fd, bytes, 0, bytes.length, 0);
    return new DataView(bytes.buffer);
  }

  arm(which: number, code: number, count: number): void {
    const words = new DataView(new ArrayBuffer(12));
    words.setUint32(0, count, true);
    words.setUint32(4, which, true);
    words.setUint32(8, code, true);
    // What to fail with before how often: the shim looks at the count first.
    writeSync(this.#fd, new Uint8Array(words.buffer, 4), 0, 8, 4);
    writeSync(this.#fd, new Uint8Array(words.buffer), 0, 4, 0);
  }

  disarm(): void {
    writeSync(this.#fd, new Uint8Array(4), 0, 4, 0);
  }

  /** Calls that the shim has failed. */
  get failed(): number {
    return this.#words().getUint32(12, true);
  }
}

for (const [name, which] of [
  ["write of the log", fault.logWrite],
  ["sync or write of a checkpoint", fault.sync | fault.pageWrite],
] as const) {
  test.serial(`a failing ${name} restarts its shard, and nothing acknowledged is lost`, async (t) => {
    const disk = FailingDisk.make(t);
    if (disk === null) {
      // The runner counts the logged reason as a skip, not as a pass.
      t.is(disk, null);
      return;
    }
    const dataDirectory = scratch(t);
    const options = { dataDirectory, checkpointBytes: 64 * 1024, checkpointMs: 100 };
    const node = await startChild(t, options, disk.environment);
    const writers = await loadFor(t, () => node.port, { tenant: "main", writers: 3, depth: 4 });
    for (let round = 0; round < 3; round++) {
      const before = sum(writers, (writer) => writer.acknowledged);
      await eventually("load", () => sum(writers, (writer) => writer.acknowledged) > before + 200);
      const failed = disk.failed;
      disk.arm(which, errno.EIO, 1);
      await eventually("the fault happened", () => disk.failed > failed);
      const at = performance.now();
      await eventually("served again", () => writers.every((writer) => writer.acknowledgedAt > at));
    }
    disk.disarm();
    t.is(disk.failed, 3, "three calls were failed");
    t.true(Number((await node.status())["restarts"]) >= 3, "the shard was started again each time");
    for (const writer of writers) await writer.settle();
    const db = await connect(node.target);
    t.deepEqual((await checkStreams(db, "main", writers)).violations, []);
    await db.close();
    await node.kill();
    const again = await startChild(t, options);
    await using after = await connect(again.target);
    const check = await checkStreams(after, "main", writers);
    t.deepEqual(check.violations, []);
    t.true(check.compared > 600);
    await again.stop();
    t.deepEqual(verifyDirectory(dataDirectory).damage, []);
  });
}

/** A file system of its own, small enough to be filled; null where this process may not mount. */
function smallDisk(t: ExecutionContext, bytes: number): string | null {
  const path = join(scratch(t), "disk");
  mkdirSync(path);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", path], { stdio: "pipe" });
  } catch (error) {
    t.log(`skipped: no file system can be mounted here (${String(error).split("\n")[0]})`);
    return null;
  }
  t.teardown(() => void execFileSync("umount", ["-l", path], { stdio: "pipe" }));
  return path;
}

/** Leaves less free than anything durable needs. */
function fill(path: string): string {
  const neighbour = join(path, "neighbour");
  const fd = openSync(neighbour, "w");
  try {
    const chunk = new Uint8Array(miB).fill(1);
    for (;;) writeSync(fd, chunk);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
  } finally {
    closeSync(fd);
  }
  return neighbour;
}

test.serial(
  "a full disk refuses writes with diskFull, goes on reading, and takes writes again by itself when there is space",
  async (t) => {
    const path = smallDisk(t, 320 * miB);
    if (path === null) {
      t.is(path, null);
      return;
    }
    const dataDirectory = join(path, "data");
    const node = await startChild(t, { dataDirectory, checkpointBytes: 8 * miB, checkpointMs: 500 });
    await using db = await connect(node.target);
    const stream = await db.tenant("main").streams.create("s");
    const payload = new Uint8Array(200_000);
    const append = (index: number) => {
      payload.fill(index % 251);
      return stream.append([payload, payload, payload, payload, payload], { timeoutMs: 2_500 });
    };
    let written = 0;
    for (; written < 5; written++) await append(written);
    const neighbour = fill(path);
    const { bavail } = statfsSync(path);
    t.true(bavail < 1024, `${bavail} blocks are left`);
    // What is preallocated may still be filled; then the next segment does not fit.
    let refusal: unknown = null;
    const firstRefused = await (async () => {
      for (let i = 0; i < 120; i++) {
        try {
          await append(written);
          written += 1;
        } catch (error) {
          refusal = error;
          return true;
        }
      }
      return false;
    })();
    t.true(firstRefused, "the disk was full in the end");
    t.true(hasCode(refusal, "diskFull"), String(refusal));
    t.is(String(refusal).split("the disk is full").length, 2, `it is said once: ${String(refusal)}`);
    const position = await db.tenant("main").position({ consistency: "linearizable" });
    await t.throwsAsync(append(written), { code: "diskFull" });
    t.is(await db.tenant("main").position({ consistency: "linearizable" }), position, "nothing was written");
    const page = await stream.read({ from: 0, limit: 3 });
    t.is(page.events.length, 3, "reads go on");
    t.is(page.events[0]?.data[0], 0);
    rmSync(neighbour);
    const resumed = await eventually(
      "writes go on by themselves",
      async () => {
        try {
          await append(written);
          return true;
        } catch (error) {
          if (!hasCode(error, "diskFull")) throw error;
          await pause(100);
          return false;
        }
      },
      15_000,
    );
    written += 1;
    t.log(`full after ${written} MB, writes resumed ${Math.round(resumed)} ms after space returned`);
    const { nextOffset } = await stream.read({ from: 0, limit: 1, consistency: "linearizable" });
    t.is(nextOffset, BigInt(written * 5), "each append that was acknowledged is there, and no other");
    await db.close();
    await node.kill();
    const again = await startChild(t, { dataDirectory });
    await using after = await connect(again.target);
    t.is((await after.tenant("main").stream("s").info()).nextOffset, BigInt(written * 5));
    await again.stop();
    t.deepEqual(verifyDirectory(dataDirectory).damage, []);
  },
);
