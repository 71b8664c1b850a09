/** What the command sees of the world, as one value: a test hands in streams and an environment of its own. */
import type { Readable, Writable } from "node:stream";

export interface TerminalOutput extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

export interface Surroundings {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: TerminalOutput;
  readonly stderr: TerminalOutput;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly directory: string;
  /** Aborted by SIGINT or SIGTERM: whatever runs stops in order, and the command ends. */
  readonly interrupted: AbortSignal;
  /** Milliseconds from an arbitrary start; never goes back. */
  readonly now: () => number;
}

/** The real process. The first SIGINT or SIGTERM asks to stop; a second one ends the process at once. */
export function processSurroundings(): Surroundings {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(130);
      controller.abort(signal);
    });
  }
  // `kimberlite read … | head` ends when its reader does, and that is no error.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: Error & { code?: string }) => {
      process.exit(error.code === "EPIPE" ? 0 : 1);
    });
  }
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
    directory: process.cwd(),
    interrupted: controller.signal,
    now: () => performance.now(),
  };
}
