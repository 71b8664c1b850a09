/**
 * Finds the files into which the build packed the program's modules (protocol/admin/bundle.mjs).
 *
 * The compiler writes one file for each module, and a thread of a node needs some hundreds of them, each of which it resolves, reads and
 * compiles by itself: two thirds of what its start costs. Packed modules are taken when they were packed from what the compiler wrote last.
 * When they were not, as while a developer runs `tsc` alone, modules are loaded one by one: slower, and never of another age than the
 * program's.
 */
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { readTextFile } from "./host-files.js";

/** Beside the packed files: which output of the compiler they were made of. */
const stampName = "packed-from";

/** The compiler's own record of its last output, as the stamp tells of it; "" where it is missing, as in a package that was published. */
function compiledAs(record: string): string {
  const found = fs.statSync(record, { throwIfNoEntry: false });
  return found === undefined ? "" : `${found.size} ${found.mtimeMs}`;
}

/**
 * The folder of the packed modules, or null when they are to be loaded one by one.
 *
 * @param asking URL of the module that asks, which may be packed itself
 * @param depth folders between it and the compiler's output when it is not
 */
export function packedModules(asking: string, depth: number): URL | null {
  const here = path.dirname(fileURLToPath(asking));
  if (fs.existsSync(path.join(here, stampName))) return new URL("./", asking);
  const compiled = path.join(here, ...Array<string>(depth).fill(".."));
  const folder = path.join(compiled, "bundle");
  const stamp = readTextFile(path.join(folder, stampName));
  if (stamp === null) return null;
  const record = compiledAs(path.join(compiled, ".tsbuildinfo"));
  return record === "" || stamp === record ? pathToFileURL(`${folder}${path.sep}`) : null;
}
