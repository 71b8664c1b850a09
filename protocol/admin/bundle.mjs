/**
 * Packs what the compiler wrote into the few files that processes and threads of a node load (runtime/storage/packed-modules.ts says why):
 * the second half of `npm run build`. Packages stay outside. Names and lines stay readable, for stack traces; comments go.
 *
 * Where that fails, as on a platform for which the bundler has no program, a node starts more slowly and is otherwise the same.
 */
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const distribution = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../dist");
const bundle = path.join(distribution, "bundle");
const stamp = path.join(bundle, "packed-from");
const actors = ["directory", "keeper", "projection", "replica", "shard"];

const input = {
  program: "protocol/admin/program.js",
  registry: "protocol/server/registry.js",
  "replica-task": "protocol/admin/verify/replica-task.js",
  "worker-main": "runtime/actor/worker-main.js",
  node: "protocol/server/node.js",
  gateway: "protocol/server/gateway.js",
  postgres: "protocol/postgres/gateway.js",
  ...Object.fromEntries(actors.map((name) => [name, `actors/${name}/actor.js`])),
};

/** Which output of the compiler is packed: its record changes with each file that it writes. */
function compiled() {
  const record = fs.statSync(path.join(distribution, ".tsbuildinfo"), { throwIfNoEntry: false });
  return record === undefined ? "" : `${record.size} ${record.mtimeMs}`;
}

/** Whether what is packed is what the compiler wrote last. */
export function packedIsCurrent() {
  return fs.existsSync(stamp) && fs.readFileSync(stamp, "utf8") === compiled();
}

async function pack() {
  fs.rmSync(bundle, { recursive: true, force: true });
  const { rolldown } = await import("rolldown");
  const from = compiled();
  const build = await rolldown({
    input: Object.fromEntries(Object.entries(input).map(([name, file]) => [name, path.join(distribution, file)])),
    platform: "node",
    external: (id) => !id.startsWith(".") && !path.isAbsolute(id),
    logLevel: "warn",
  });
  await build.write({
    dir: bundle,
    format: "es",
    comments: false,
    sourcemap: true,
    entryFileNames: "[name].js",
    chunkFileNames: "[name]-[hash].js",
  });
  await build.close();
  // Last, so that what was packed in part is never taken.
  fs.writeFileSync(stamp, from);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await pack();
