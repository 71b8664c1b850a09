/**
 * Files that are no part of a data directory: configuration, the input of a command, scratch space. They go past the disk port
 * on purpose: nothing about them must be durable, ordered or injected with faults.
 */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

/** The text of a file, or null when there is none. Throws what the system says for any other failure. */
export function readTextFile(file: string | URL): string | null {
  try {
    return fs.readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

export function writeTextFile(file: string, text: string): void {
  fs.writeFileSync(file, text);
}

/** A file that only its owner may read; it must not exist yet. */
export function writeSecretFile(file: string, text: string): void {
  fs.writeFileSync(file, text, { mode: 0o600, flag: "wx" });
}

/** Makes a directory and those above it, where they are missing. */
export function makeDirectory(directory: string): void {
  fs.mkdirSync(directory, { recursive: true });
}

/** Opens a file for reading from its start; its size in bytes tells a progress bar how far there is to go. */
export function openForReading(file: string): { readonly stream: NodeJS.ReadableStream; readonly bytes: number } {
  const descriptor = fs.openSync(file, "r");
  const status = fs.fstatSync(descriptor);
  return {
    stream: fs.createReadStream(file, { fd: descriptor, highWaterMark: 1024 * 1024 }),
    bytes: status.isFile() ? status.size : 0,
  };
}

/** A new empty directory that `remove` deletes with all that is in it. @param parent the system's own place when left out */
export function temporaryDirectory(prefix: string, parent = os.tmpdir()): { readonly path: string; remove(): void } {
  const made = fs.mkdtempSync(path.join(parent, prefix));
  return { path: made, remove: () => fs.rmSync(made, { recursive: true, force: true }) };
}
