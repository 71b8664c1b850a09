/** The project's own source files, read once: what the checks on the source itself look at. */
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { scan, type Token } from "./scanner.js";

/** The root of the checkout: compiled, this file lies at dist/test/project/. */
export const projectRoot = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");

export interface Source {
  /** Relative to the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly tokens: readonly Token[];
}

export const productFolders = ["runtime", "actors", "protocol"] as const;

/** All TypeScript files below the given top-level folders, sorted by path. */
export function readSources(root: string, folders: readonly string[]): Source[] {
  const names = folders.flatMap((folder) =>
    fs.existsSync(path.join(root, folder))
      ? fs
          .readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
          .map((name) => path.join(folder, name))
      : [],
  );
  return names
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))
    .map((name) => name.split(path.sep).join("/"))
    .sort()
    .map((name) => {
      const text = fs.readFileSync(path.join(root, name), "utf8");
      try {
        return { path: name, text, tokens: scan(text) };
      } catch (error) {
        throw new Error(`${name}: cannot be read as TypeScript`, { cause: error });
      }
    });
}
