import fs from "node:fs";
import path from "node:path";
import test from "ava";
import { errorRegistry } from "../../runtime/types/errors.js";
import { inventory, readInventory } from "./assertions.js";
import { checkImports } from "./imports.js";
import { importsOf, scan, type Token } from "./scanner.js";
import { productFolders, projectRoot, readSources } from "./sources.js";

const asSource = (name: string, text: string) => ({ path: name, text, tokens: scan(text) });

test("every import of the product goes downwards, and the check read files and imports", (t) => {
  const report = checkImports(readSources(projectRoot, productFolders));
  t.true(report.filesRead > 5);
  t.true(report.importsRead > 0);
  t.deepEqual(report.violations, []);
});

test("the import check refuses an upward import, a foreign room, a reserved module and an unknown folder", (t) => {
  const bad = [
    asSource("runtime/types/a.ts", 'import { x } from "../crypto/b.js";'),
    asSource("runtime/kernel/a.ts", 'const x = await import("../query/plan.js");'),
    asSource("actors/shard/a.ts", 'export * from "../../protocol/wire/frame.js";'),
    asSource("actors/shard/b.ts", 'import fs from "node:fs";'),
    asSource("runtime/store/a.ts", 'import os from "node:os";'),
    asSource("runtime/oddments/a.ts", ""),
  ];
  const report = checkImports(bad);
  t.is(report.violations.length, bad.length, report.violations.join("\n"));
  t.deepEqual(
    checkImports([asSource("actors/shard/c.ts", 'import { x } from "../../runtime/kernel/x.js";')]).violations,
    [],
  );
});

test("the scanner is not misled by comments, strings, templates and regular expressions", (t) => {
  const source = [
    "// import 'a'",
    "/* from 'b' */ const text = \"from 'c'\";",
    "const template = `${wrap(`}` + \"d\")} from 'e'`;",
    "const quotient = 6 / 3; const pattern = /[/\"']+/g.test(text) ? 1 / 2 : 0;",
    'import { real } from "./real.js";',
    'new Worker(new URL("./worker.js", import.meta.url));',
    'new URL("https://example.org");',
  ].join("\n");
  t.deepEqual(importsOf(scan(source)), [
    { specifier: "./real.js", line: 5 },
    { specifier: "./worker.js", line: 6 },
  ]);
  t.throws(() => scan("const open = 'never closed"), { message: /does not end/ });
});

test("each critical assertion is tripped by a test that quotes it, and the inventory is not empty", (t) => {
  const found = readInventory(projectRoot);
  t.true(found.assertions.length > 0);
  t.true(found.testsRead > 0);
  t.deepEqual(found.problems, []);
});

test("the inventory refuses an untripped critical assertion, a computed text and an empty product", (t) => {
  // The prefixes stand apart from their texts, or this file itself would count as the test that trips them.
  const critical = ["order", "made up for this test"].join(": ");
  const product = asSource(
    "runtime/storage/a.ts",
    `assert(a < f(b, "c"), ${JSON.stringify(critical)}); assert(d, \`e \${f}\`);`,
  );
  const untripped = inventory([product], []);
  t.deepEqual(
    untripped.assertions.map(({ mustHold, class: kind }) => [mustHold, kind]),
    [[critical, "order"]],
  );
  t.is(untripped.problems.length, 2);
  const tripped = inventory(
    [product],
    [asSource("test/a.test.ts", `test(${JSON.stringify(`trips "${critical}"`)}, () => {});`)],
  );
  t.deepEqual(tripped.assertions[0]?.trippedBy, ["test/a.test.ts"]);
  t.is(tripped.problems.length, 1);
  t.is(inventory([asSource("runtime/a.ts", "")], []).problems.length, 1);
});

/** Codes that no test can provoke yet, each with the reason why it is in the registry all the same. */
const unprovoked: Readonly<Record<string, string>> = {
  tenantNotEmpty: "a drop takes a tenant with its data; the number is kept for a drop that insists on an empty one",
};

test("every error code has a SQLSTATE of five characters and a wire number of its own", (t) => {
  const entries = Object.entries(errorRegistry);
  t.true(entries.length > 0);
  t.is(new Set(entries.map(([, entry]) => entry.wire)).size, entries.length);
  for (const [code, entry] of entries) {
    t.regex(entry.sqlState, /^[0-9A-Z]{5}$/, code);
    t.true(Number.isInteger(entry.wire) && entry.wire > 0 && entry.wire < 65_536, code);
    t.true(entry.message.length > 0, code);
  }
});

/** `new KimberliteError("code")` in a test makes the error; it does not provoke it. */
const isMade = (tokens: readonly Token[], index: number): boolean =>
  tokens[index - 1]?.text === "(" && tokens[index - 2]?.text === "KimberliteError";

test("every error code is provoked by some test", (t) => {
  const texts = new Set(
    readSources(projectRoot, ["test"])
      .filter((source) => source.path !== "test/project/source.test.ts")
      .flatMap(({ tokens }) => tokens.filter((token, index) => token.kind === "string" && !isMade(tokens, index)))
      .map((token) => token.text),
  );
  t.true(texts.size > 0);
  for (const [code, reason] of Object.entries(unprovoked)) t.log(`not provoked: ${code}: ${reason}`);
  const missing = Object.keys(errorRegistry).filter((code) => !texts.has(code) && unprovoked[code] === undefined);
  t.deepEqual(missing, []);
});

test("versions in package.json are exact", (t) => {
  const manifest: unknown = JSON.parse(fs.readFileSync(path.join(projectRoot, "package.json"), "utf8"));
  const { dependencies, devDependencies } = manifest as Record<
    "dependencies" | "devDependencies",
    Record<string, string>
  >;
  const versions = Object.entries({ ...dependencies, ...devDependencies });
  t.true(versions.length > 0);
  for (const [name, version] of versions) t.regex(version, /^\d+\.\d+\.\d+$/, name);
});
