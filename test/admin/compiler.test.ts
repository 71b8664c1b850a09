/** A node asks V8 only for what the V8 that runs it knows: anything else would be a complaint on stderr at each start. */
import { spawnSync } from "node:child_process";
import test from "ava";

test("V8 is told nothing that it does not know", (t) => {
  const compiler = new URL("../../protocol/admin/compiler.js", import.meta.url).href;
  const program = `const { compileSooner } = await import(${JSON.stringify(compiler)}); compileSooner();`;
  const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", program], {
    encoding: "utf8",
  });
  t.deepEqual({ status, stderr }, { status: 0, stderr: "" });
});
