/** Runs the command: in this process with streams, an environment and a directory of the test's own, or a node as a child process. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";
import { PassThrough, Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { run } from "../../protocol/admin/program.js";
import { projectRoot } from "../project/sources.js";

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function kimberlite(
  commandLine: readonly string[],
  given: { environment?: Record<string, string>; directory?: string; stdin?: string; interrupted?: AbortSignal } = {},
): Promise<Ran> {
  const collect = () => {
    const stream = new PassThrough();
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    return { stream, text: () => Buffer.concat(chunks).toString() };
  };
  const stdout = collect();
  const stderr = collect();
  const code = await run(commandLine, {
    stdin: Readable.from(given.stdin === undefined ? [] : [Buffer.from(given.stdin)]),
    stdout: stdout.stream,
    stderr: stderr.stream,
    environment: given.environment ?? {},
    directory: given.directory ?? "/",
    interrupted: given.interrupted ?? new AbortController().signal,
    now: () => performance.now(),
  });
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

const main = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../protocol/admin/main.js");

const readyShape = z.looseObject({
  event: z.literal("ready"),
  pid: z.number(),
  listen: z.string(),
  addresses: z.object({ native: z.object({ host: z.string(), port: z.number() }) }),
});

export interface RunningNode {
  readonly child: ChildProcess;
  readonly ready: z.output<typeof readyShape>;
  /** Everything that standard output said. */
  readonly lines: readonly string[];
  /** For `kimberlite`: the environment that points at this node. */
  readonly environment: Record<string, string>;
  /** Sends the signal and waits. @returns the exit code, or the signal that ended it */
  end(signal: NodeJS.Signals): Promise<number | string>;
}

/** A process that may become a node. */
export interface SpawnedNode {
  readonly child: ChildProcess;
  /** What it has said on standard error. */
  said(): string;
  /** Rejects with what it said when it ends before. */
  readonly ready: Promise<RunningNode>;
  /** Sends the signal and waits. @returns the exit code, or the signal that ended it */
  end(signal: NodeJS.Signals): Promise<number | string>;
}

/** Starts `kimberlite start --json` over a data directory, on a free port unless the flags say where. */
export function spawnNode(
  data: string,
  flags: readonly string[] = [],
  command: readonly string[] = [process.execPath, main, "start"],
): SpawnedNode {
  const isPlaced = flags.includes("--listen") || flags.includes("--cluster");
  // Beside a chosen port somebody else's may lie.
  const besides = flags.includes("--pg-listen") ? [] : ["--pg-listen", "127.0.0.1:0"];
  const listen = isPlaced ? besides : ["--listen", "127.0.0.1:0"];
  const [program = "", ...words] = command;
  const child = spawn(program, [...words, "--data", data, ...listen, "--json", ...flags], {
    cwd: projectRoot,
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("KIMBERLITE_"))),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: string[] = [];
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const exited = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  const end = async (signal: NodeJS.Signals): Promise<number | string> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    const [code, by] = await exited;
    return code ?? by ?? "";
  };
  const ready = new Promise<RunningNode>((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      lines.push(line);
      if (lines.length > 1) return;
      const first = readyShape.parse(JSON.parse(line));
      resolve({ child, ready: first, lines, environment: { KIMBERLITE_CONNECT: first.listen }, end });
    });
    exited.then(([code, by]) => reject(new Error(`the node ended with ${code ?? by}: ${said}`)), reject);
  });
  // Some are expected to end before; then nobody waits for it.
  ready.catch(() => {});
  return { child, said: () => said, ready, end };
}

/** As `spawnNode`, once it is ready. Throws with what it said when it does not get there. */
export const startNodeProcess = (
  data: string,
  flags: readonly string[] = [],
  command?: readonly string[],
): Promise<RunningNode> => spawnNode(data, flags, command).ready;

/** Runs the command as a process of its own, to its end. */
export async function kimberliteProcess(
  commandLine: readonly string[],
  environment: Record<string, string> = {},
): Promise<Ran> {
  const child = spawn(process.execPath, [main, ...commandLine], {
    env: { PATH: process.env["PATH"], ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code: code ?? -1, stdout, stderr };
}
