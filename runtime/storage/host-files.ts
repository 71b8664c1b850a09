/**
 * Files that are no part of a data directory: configuration, the input of a command, scratch space. They go past the disk port
 * on purpose: nothing about them must be durable, ordered or injected with faults.
 */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

const secretBytesMax = 64 * 1024;

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

/** As `writeSecretFile`, in the place of one that may exist: whoever reads it meets the old text or the new one. */
export function replaceSecretFile(file: string, text: string): void {
  const temporary = `${file}.new`;
  fs.rmSync(temporary, { force: true });
  writeSecretFile(temporary, text);
  fs.renameSync(temporary, file);
}

/** The text of a file that is this process's user's and that nobody else may read; null for any other, or none. */
export function readSecretFile(file: string): string | null {
  const user = process.getuid?.();
  let descriptor: number;
  try {
    descriptor = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK);
  } catch {
    return null;
  }
  try {
    const status = fs.fstatSync(descriptor);
    const isPrivate = (status.mode & 0o077) === 0 && (user === undefined || status.uid === user);
    if (!status.isFile() || !isPrivate || status.size > secretBytesMax) return null;
    return fs.readFileSync(descriptor, "utf8");
  } finally {
    fs.closeSync(descriptor);
  }
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
