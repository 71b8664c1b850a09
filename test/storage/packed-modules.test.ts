/** Which modules a node's threads begin with: the packed ones while they are what the compiler wrote last, and never older ones. */
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import test from "ava";
import { entryModule, isPacked } from "../../protocol/server/entry-modules.js";
import { temporaryDirectory } from "../../runtime/storage/host-files.js";
import { packedModules } from "../../runtime/storage/packed-modules.js";

test("packed modules are taken while the compiler's record is the one they were packed from", (t) => {
  const scratch = temporaryDirectory("kimberlite-packed-");
  t.teardown(() => scratch.remove());
  const place = (name: string): string => path.join(scratch.path, name);
  const found = (asking: string): string | undefined => packedModules(pathToFileURL(place(asking)).href, 2)?.pathname;
  fs.mkdirSync(place("bundle"));
  fs.writeFileSync(place(".tsbuildinfo"), "first");
  t.is(found("protocol/server/asking.js"), undefined, "nothing is packed");

  const { size, mtimeMs } = fs.statSync(place(".tsbuildinfo"));
  fs.writeFileSync(place("bundle/packed-from"), `${size} ${mtimeMs}`);
  t.is(found("protocol/server/asking.js"), `${place("bundle")}/`);
  t.is(found("bundle/asking.js"), `${place("bundle")}/`, "a packed module finds its neighbours");

  fs.writeFileSync(place(".tsbuildinfo"), "second, of another build");
  t.is(found("protocol/server/asking.js"), undefined, "what is packed is older than the build");

  fs.rmSync(place(".tsbuildinfo"));
  t.is(found("protocol/server/asking.js"), `${place("bundle")}/`, "what is published has no record of the compiler's");
});

test("every entry module is where it is said to be", (t) => {
  if (!isPacked) t.log("skipped: modules are not packed (npm run build packs them)");
  for (const name of ["program", "registry", "replica-task", "worker-main"] as const) {
    t.true(fs.existsSync(entryModule(name)), entryModule(name).href);
  }
});
