/**
 * Several first starts of one checkout, as processes of their own. What npm and the compiler do is played by small programs, so that
 * no test needs a network.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import test, { type ExecutionContext } from "ava";
import { projectRoot } from "./sources.js";

const lockUrl = pathToFileURL(path.join(projectRoot, "protocol", "admin", "bootstrap-lock.mjs")).href;

/** A process that prepares: it works for `workMs` where only one may be, or starts a program that outlives it and is killed. */
const preparing = `
import { spawn } from "node:child_process";
import fs from "node:fs";
const { alone } = await import(process.env.LOCK_URL);
const folder = process.env.FOLDER;
await alone(folder, (line) => console.error(line), async (started) => {
  fs.mkdirSync(folder + "/busy");
  if (process.env.LEAVES === "yes") {
    const wait = "setTimeout(() => require('fs').rmdirSync(process.env.FOLDER + '/busy'), 1500)";
    const child = spawn(process.execPath, ["-e", wait], { detached: true, stdio: "ignore" });
    started(child.pid);
    console.log("left " + child.pid);
    process.kill(process.pid, "SIGKILL");
  }
  await new Promise((resolve) => setTimeout(resolve, 30));
  fs.rmdirSync(folder + "/busy");
});
console.log("done");
`;

interface Prepared {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly ended: Promise<unknown>;
}

function prepare(folder: string, leaves: "yes" | "no" = "no"): Prepared {
  const child = spawn(process.execPath, ["--input-type=module", "-e", preparing], {
    env: { ...process.env, LOCK_URL: lockUrl, FOLDER: folder, LEAVES: leaves },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const texts = { stdout: "", stderr: "" };
  child.stdout.on("data", (text: Buffer) => (texts.stdout += text.toString()));
  child.stderr.on("data", (text: Buffer) => (texts.stderr += text.toString()));
  return { child, stdout: () => texts.stdout, stderr: () => texts.stderr, ended: once(child, "close") };
}

function folderFor(t: ExecutionContext): string {
  const folder = fs.mkdtempSync(path.join(tmpdir(), "kimberlite-bootstrap-"));
  t.teardown(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("of many first starts at once each prepares, never two at the same time, and no sign is left", async (t) => {
  const folder = folderFor(t);
  const all = Array.from({ length: 6 }, () => prepare(folder));
  await Promise.all(all.map(({ ended }) => ended));
  // A second one inside would have failed to make the folder that is there already.
  for (const one of all) t.is(one.stdout().trim(), "done", one.stderr());
  t.true(all.some((one) => one.stderr().includes("prepares this checkout; waiting")));
  t.deepEqual(fs.readdirSync(folder), []);
});

test("while what a killed start left running still writes, the next one waits and says so", async (t) => {
  const folder = folderFor(t);
  const killed = prepare(folder, "yes");
  await killed.ended;
  t.is(killed.child.signalCode, "SIGKILL");
  const left = /left (\d+)/.exec(killed.stdout())?.[1] ?? "nobody";
  t.true(fs.existsSync(path.join(folder, "busy")), "the program goes on without its owner");
  const next = prepare(folder);
  await next.ended;
  t.is(next.stdout().trim(), "done", next.stderr());
  t.regex(next.stderr(), new RegExp(`was ended while it prepared.*\\(${left}\\) still runs`));
  t.deepEqual(fs.readdirSync(folder), []);
});

test("signs of the dead, of earlier releases and of long ago hold nobody up", async (t) => {
  const folder = folderFor(t);
  const gone = spawn(process.execPath, ["-e", ""]);
  await once(gone, "close");
  fs.writeFileSync(path.join(folder, `.bootstrap.${gone.pid}`), "");
  fs.writeFileSync(path.join(folder, ".bootstrap.lock"), "12345");
  // A process id that lives, and belongs to somebody else since the machine was started again.
  const old = path.join(folder, `.bootstrap.${process.pid}`);
  fs.writeFileSync(old, "");
  fs.utimesSync(old, new Date(Date.now() - 3_600_000), new Date(Date.now() - 3_600_000));
  const next = prepare(folder);
  await next.ended;
  t.is(next.stdout().trim(), "done", next.stderr());
  t.is(next.stderr(), "");
  t.deepEqual(fs.readdirSync(folder), []);
});
