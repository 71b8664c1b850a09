/** Directories on the real file system for one test file; it removes them at its end with `test.after.always(removeTemporary)`. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const made: string[] = [];

export function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), "kimberlite-storage-"));
  made.push(directory);
  return directory;
}

export function removeTemporary(): void {
  for (const directory of made) rmSync(directory, { recursive: true, force: true });
}
