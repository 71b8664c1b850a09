/** What would be published: the archive that npm would make holds the product and its documents, every export resolves, no test is in it. */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { z } from "zod";

const manifestShape = z.object({
  bin: z.record(z.string(), z.string()),
  exports: z.record(z.string(), z.union([z.string(), z.record(z.string(), z.string())])),
});
const packShape = z.array(z.object({ files: z.array(z.object({ path: z.string() })) })).min(1);

/** @returns what is wrong with the package, one line each */
export function checkPackage(root: string): string[] {
  const problems: string[] = [];
  const manifest = manifestShape.parse(JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8")));
  const packed = spawnSync("npm", ["pack", "--dry-run", "--json", "--loglevel=error"], { cwd: root, encoding: "utf8" });
  if (packed.status !== 0) return [`npm pack failed: ${packed.stderr}`];
  const files = new Set(
    packShape.parse(JSON.parse(packed.stdout)).flatMap((entry) => entry.files.map((file) => file.path)),
  );

  const targets = Object.values(manifest.exports).flatMap((target) =>
    typeof target === "string" ? [target] : Object.values(target),
  );
  for (const target of [...targets, ...Object.values(manifest.bin)]) {
    const name = target.replace(/^\.\//, "");
    if (!files.has(name)) problems.push(`package.json names ${name}, which the package would not contain`);
  }
  for (const name of Object.values(manifest.bin)) {
    const file = path.join(root, name);
    const begins = fs.existsSync(file) && fs.readFileSync(file, "utf8").startsWith("#!/usr/bin/env node\n");
    if (!begins) problems.push(`${name} does not begin with #!/usr/bin/env node`);
  }
  for (const name of ["README.md", "LICENSE"]) if (!files.has(name)) problems.push(`the package would lack ${name}`);
  for (const name of files) {
    if (/\.test\.|(^|\/)(test|benchmarks)\/|\.tsbuildinfo$/.test(name))
      problems.push(`the package would contain ${name}`);
  }

  const publint = path.join(root, "node_modules", "publint", "src", "cli.js");
  const linted = spawnSync(process.execPath, [publint, "run", "--strict", "--level=warning"], {
    cwd: root,
    encoding: "utf8",
  });
  if (linted.status !== 0) problems.push(`publint: ${linted.stdout}${linted.stderr}`);
  console.log(`${files.size} files would be published`);
  return problems;
}
