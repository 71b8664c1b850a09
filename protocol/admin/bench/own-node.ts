/** A node of the benchmark's own: a child process over a temporary directory, started with the same command as any node. */
import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { z } from "zod";
import { temporaryDirectory } from "../../../runtime/storage/host-files.js";
import { KimberliteError } from "../../../runtime/types/errors.js";
import { mainModule } from "../../server/release.js";
import { type Address, parseAddress } from "../units.js";

const startTimeoutMs = 30_000;
const stopTimeoutMs = 30_000;
const readyShape = z.looseObject({ event: z.literal("ready"), listen: z.string() });

export interface OwnNode {
  readonly address: Address;
  readonly pid: number;
  readonly directory: string;
  /** Stops it in order; throws when it did not end with 0. Its directory stays until `remove`. */
  stop(): Promise<void>;
  remove(): void;
}

/** @param flags of `kimberlite start`, besides data directory, address and output */
export async function startOwnNode(flags: readonly string[], dataRoot?: string): Promise<OwnNode> {
  const directory = temporaryDirectory("kimberlite-bench-", dataRoot);
  const data = path.join(directory.path, "data");
  const child = spawn(
    process.execPath,
    [mainModule, "start", "--data", data, "--listen", "127.0.0.1:0", "--json", "--log-level", "warn", ...flags],
    {
      // A directory of its own: no kimberlite.toml of the caller's takes part. The environment does not either.
      cwd: directory.path,
      env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("KIMBERLITE_"))),
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  // However this process ends, the node does not outlive it.
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.off("exit", kill));
  const address = await ready(child).catch((error: unknown) => {
    child.kill("SIGKILL");
    directory.remove();
    throw error;
  });
  return {
    address,
    pid: child.pid ?? 0,
    directory: data,
    stop: () => ended(child),
    remove: () => directory.remove(),
  };
}

function ready(child: ChildProcess): Promise<Address> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void =>
      reject(new KimberliteError("internal", `the benchmark's node did not start: ${why}`));
    const timer = setTimeout(() => fail(`not ready after ${startTimeoutMs / 1000} s`), startTimeoutMs);
    child.once("exit", (code, signal) => fail(`it ended with ${code ?? signal}`));
    child.once("error", (error) => fail(error.message));
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on("line", (line) => {
      const found = readyShape.safeParse(parsed(line));
      if (!found.success) return;
      clearTimeout(timer);
      resolve(parseAddress(found.data.listen));
    });
  });
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    if (child.exitCode !== null) {
      resolve();
      return;
    }
    const timer = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
    child.once("exit", (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve();
      else reject(new KimberliteError("internal", `the benchmark's node ended with ${code ?? signal}`));
    });
    child.kill("SIGTERM");
  });
}
