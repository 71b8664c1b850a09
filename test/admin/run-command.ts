/** Runs the command in this process, with streams, an environment and a directory of the test's own. */
import { PassThrough, Readable } from "node:stream";
import { run } from "../../protocol/admin/program.js";

export { z } from "zod";

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
