/**
 * Who may import whom, as one table. Imports run downwards only (protocol → actors → runtime), inside `runtime/` in the order of
 * the architecture, and each operating-system module is reserved to the rooms that exist to use it.
 */
import path from "node:path";
import { importsOf } from "./scanner.js";
import type { Source } from "./sources.js";

/** For each room the rooms below it, by path prefix. A room may always import itself. */
export const roomTable: Readonly<Record<string, readonly string[]>> = {
  "runtime/types/": [],
  "runtime/crypto/": ["runtime/types/"],
  "runtime/storage/": ["runtime/types/", "runtime/crypto/"],
  "runtime/store/": ["runtime/types/", "runtime/crypto/", "runtime/storage/disk.ts"],
  "runtime/kernel/": ["runtime/types/", "runtime/crypto/", "runtime/store/"],
  "runtime/query/": ["runtime/types/", "runtime/crypto/", "runtime/store/"],
  "runtime/vsr/": [
    "runtime/types/",
    "runtime/crypto/",
    "runtime/storage/frame.ts",
    "runtime/storage/log-geometry.ts",
    "runtime/storage/log-position.ts",
    "runtime/storage/prepare.ts",
    "runtime/storage/recovered-log.ts",
    "runtime/storage/seal-codec.ts",
    "runtime/storage/views.ts",
  ],
  "runtime/actor/": ["runtime/types/"],
  "actors/": ["runtime/"],
  "protocol/wire/": ["runtime/types/", "runtime/crypto/", "runtime/kernel/"],
  "protocol/client/": [
    "runtime/types/",
    "runtime/crypto/",
    "runtime/kernel/",
    "runtime/storage/host-files.ts",
    "protocol/wire/",
  ],
  "protocol/server/": ["runtime/", "actors/", "protocol/wire/", "protocol/postgres/gateway.ts"],
  "protocol/postgres/": [
    "runtime/",
    "actors/",
    "protocol/server/",
    "protocol/wire/scram-",
    "protocol/wire/certificate-hash.ts",
  ],
  "protocol/sdk/": [
    "runtime/types/",
    "runtime/crypto/",
    "runtime/kernel/",
    "protocol/client/",
    "protocol/wire/",
    "protocol/server/",
  ],
  "protocol/admin/": ["runtime/", "actors/", "protocol/"],
};

/** Modules of Node that only the named places may import; those not listed here are free for every room but the pure ones. */
export const nodeTable: Readonly<Record<string, readonly string[]>> = {
  "node:fs": ["runtime/storage/"],
  "node:fs/promises": ["runtime/storage/"],
  "node:worker_threads": ["runtime/actor/"],
  "node:net": ["runtime/actor/", "runtime/storage/directory-claim.ts", "protocol/"],
  "node:tls": ["runtime/actor/", "protocol/"],
  "node:http": ["protocol/"],
  "node:https": ["protocol/"],
  "node:http2": ["protocol/"],
  "node:dgram": [],
  "node:cluster": [],
  "node:child_process": ["protocol/admin/"],
  "node:vm": [],
};

/** Functions of their inputs: they import nothing of Node. */
export const pureRooms = [
  "runtime/types/",
  "runtime/kernel/",
  "runtime/vsr/",
  "runtime/store/",
  "runtime/query/",
] as const;

export interface ImportReport {
  readonly filesRead: number;
  readonly importsRead: number;
  readonly violations: readonly string[];
}

const within = (place: string, prefixes: readonly string[]): boolean =>
  prefixes.some((prefix) => place.startsWith(prefix));

/** Holds every import of the product's sources against the tables. */
export function checkImports(sources: readonly Source[]): ImportReport {
  const violations: string[] = [];
  let importsRead = 0;
  for (const source of sources) {
    const room = Object.keys(roomTable).find((prefix) => source.path.startsWith(prefix));
    if (room === undefined) {
      violations.push(`${source.path}: lies in no room of the import table`);
      continue;
    }
    for (const { specifier, line } of importsOf(source.tokens)) {
      importsRead += 1;
      const reason = refusal(source.path, room, specifier);
      if (reason !== null) violations.push(`${source.path}:${line}: imports ${specifier}: ${reason}`);
    }
  }
  return { filesRead: sources.length, importsRead, violations };
}

function refusal(from: string, room: string, specifier: string): string | null {
  if (specifier.startsWith("node:")) {
    const allowed = nodeTable[specifier];
    if (allowed !== undefined && !within(from, allowed)) {
      return allowed.length === 0 ? "no room may" : `only ${allowed.join(", ")} may`;
    }
    return within(from, pureRooms) ? `${room} is pure and imports nothing of Node` : null;
  }
  if (!specifier.startsWith(".")) {
    return nodeTable[`node:${specifier}`] === undefined ? null : `written without node:`;
  }
  const target = path.posix.join(path.posix.dirname(from), specifier).replace(/\.js$/, ".ts");
  // The workers' entry files and package.json are named by URL from inside the build.
  if (target === "package.json" || target.startsWith("../")) return null;
  if (within(target, [room, ...(roomTable[room] ?? [])])) return null;
  return `${room} may import ${roomTable[room]?.join(", ") || "nothing"} only`;
}
