import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import test from "ava";
import { claimDirectory } from "../../runtime/storage/directory-claim.js";
import { RealDisk } from "../../runtime/storage/real-disk.js";
import { removeTemporary, temporary } from "./temporary.js";

test.after.always(removeTemporary);

const disk = new RealDisk();
const claimer = `
  const claim = await import(${JSON.stringify(new URL("../../runtime/storage/directory-claim.js", import.meta.url).href)});
  const real = await import(${JSON.stringify(new URL("../../runtime/storage/real-disk.js", import.meta.url).href)});
  const attempt = async (directory, platform) => {
    try { await claim.claimDirectory(new real.RealDisk(), directory, platform); return "claimed"; } catch (error) { return error.code; }
  };
`;

async function inProcess(directory: string, platform: string): Promise<string> {
  const script = `${claimer} console.log(await attempt(${JSON.stringify(directory)}, ${JSON.stringify(platform)}));`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += String(chunk);
  });
  await once(child, "close");
  return output.trim();
}

function inWorker(directory: string, platform: string): Promise<string> {
  const script = `${claimer} import("node:worker_threads").then(async ({ parentPort }) =>
    parentPort.postMessage(await attempt(${JSON.stringify(directory)}, ${JSON.stringify(platform)})));`;
  const url = new URL(`data:text/javascript,${encodeURIComponent(script)}`);
  return new Promise((resolve, reject) => {
    const worker = new Worker(url);
    worker.once("message", (message: string) => {
      void worker.terminate().then(() => resolve(message));
    });
    worker.once("error", reject);
  });
}

test("two nodes on one data directory: the second is refused, from the same process, a worker and another process", async (t) => {
  const directory = temporary();
  const claim = await claimDirectory(disk, directory);
  await t.throwsAsync(claimDirectory(disk, directory), {
    code: "directoryLocked",
    message: /is held by another running node/,
  });
  await t.throwsAsync(
    claimDirectory(disk, `${directory}/.`),
    { code: "directoryLocked" },
    "another spelling of the path",
  );
  t.is(await inWorker(directory, process.platform), "directoryLocked");
  t.is(await inProcess(directory, process.platform), "directoryLocked");
  await claim.release();
  t.is(await inWorker(directory, process.platform), "claimed", "a released directory is free, also for a worker");
  t.is(await inProcess(directory, process.platform), "claimed", "a worker's end frees it");
  await (await claimDirectory(disk, directory)).release();
});

test("a directory that was removed under its node does not make another one seem to be in use", async (t) => {
  const directory = temporary();
  const claim = await claimDirectory(disk, directory);
  const inode = disk.status(directory)?.inode;
  rmSync(directory, { recursive: true });
  for (let attempt = 0; attempt < 200; attempt++) {
    const other = temporary();
    t.not(disk.status(other)?.inode, inode, "the claimed inode is not given away");
    await (await claimDirectory(disk, other)).release();
  }
  await claim.release();
});

test("different directories are claimed side by side; one that is missing is named", async (t) => {
  const claims = [await claimDirectory(disk, temporary()), await claimDirectory(disk, temporary())];
  for (const claim of claims) await claim.release();
  await t.throwsAsync(claimDirectory(disk, "/nowhere/at/all"), { code: "dataMissing", message: /nowhere/ });
});

test("without abstract sockets a lock file does it, and a dead owner's is taken over", async (t) => {
  const directory = temporary();
  const claim = await claimDirectory(disk, directory, "darwin");
  await t.throwsAsync(claimDirectory(disk, directory, "darwin"), { code: "directoryLocked", message: /this process/ });
  t.is(await inProcess(directory, "darwin"), "directoryLocked");
  await claim.release();
  t.is(await inProcess(directory, "darwin"), "claimed");
  const afterDeath = await claimDirectory(disk, directory, "darwin");
  await afterDeath.release();
  writeFileSync(join(directory, "lock"), "no number");
  await (await claimDirectory(disk, directory, "darwin")).release();
});
