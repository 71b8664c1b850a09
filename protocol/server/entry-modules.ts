/** Where the modules lie that a process or a thread begins with: among the packed ones, or as the compiler wrote them. */
import { packedModules } from "../../runtime/storage/packed-modules.js";

/** The command line's program, the actors of worker threads, the task of `kimberlite verify`, and what each worker thread runs first. */
export type EntryModule = "program" | "registry" | "replica-task" | "worker-main";

const modules: Readonly<Record<EntryModule, string>> = {
  program: "../admin/program.js",
  registry: "./registry.js",
  "replica-task": "../admin/verify/replica-task.js",
  "worker-main": "../../runtime/actor/worker-main.js",
};

const packed = packedModules(import.meta.url, 2);

/** Whether modules are loaded from the packed files. */
export const isPacked: boolean = packed !== null;

export function entryModule(name: EntryModule): URL {
  return packed === null ? new URL(modules[name], import.meta.url) : new URL(`${name}.js`, packed);
}
