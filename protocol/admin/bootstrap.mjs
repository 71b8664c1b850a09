/**
 * What `npm start`, `npm test` and `npm run check` run: plain JavaScript that works on a fresh clone with nothing but Node and npm.
 *
 *   1. `npm ci`, when what is installed is not what package-lock.json says;
 *   2. `tsc`, when a source is newer than the build, and away with the outputs of sources that no longer exist;
 *   3. packing, when that is not what is packed (bundle.mjs);
 *   4. the job itself, in this process (so that signals, flags and standard streams are the program's own).
 *
 * Invariants: (1) nothing is installed or built when nothing changed: the price of looking is some ten milliseconds; (2) of two
 * that start together on a fresh clone one installs and builds while the other waits, also when the first is killed and its `npm ci` goes on
 * (bootstrap-lock.mjs); (3) nothing but the job writes to standard
 * output, so that `npm start --silent -- --json` can be read by a program.
 */
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { alone } from "./bootstrap-lock.mjs";
import { packedIsCurrent } from "./bundle.mjs";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const distribution = path.join(root, "dist");
const buildStamp = path.join(distribution, ".built");
/** What breaks an installation is mostly somebody else at the same files or a moment without network. */
const installAttemptsMax = 2;
const sourceFolders = ["runtime", "actors", "protocol", "test", "benchmarks"];

const say = (line) => process.stderr.write(`${line}\n`);

/** Every file below a folder, as paths relative to the root; a folder that does not exist has none. */
function filesBelow(folder) {
  const found = [];
  const waiting = [folder];
  while (waiting.length > 0) {
    const current = waiting.pop();
    const entries = fs.existsSync(path.join(root, current))
      ? fs.readdirSync(path.join(root, current), { withFileTypes: true })
      : [];
    for (const entry of entries) {
      const name = path.join(current, entry.name);
      if (entry.isDirectory()) waiting.push(name);
      else found.push(name);
    }
  }
  return found;
}

/** npm writes node_modules/.package-lock.json last; packages that are optional (other platforms) may be missing from it. */
function installedIsCurrent() {
  const hidden = path.join(root, "node_modules", ".package-lock.json");
  if (!fs.existsSync(hidden)) return false;
  const wanted = JSON.parse(fs.readFileSync(path.join(root, "package-lock.json"), "utf8")).packages;
  const installed = JSON.parse(fs.readFileSync(hidden, "utf8")).packages;
  for (const [name, entry] of Object.entries(wanted)) {
    if (name === "" || (entry.optional === true && installed[name] === undefined)) continue;
    if (installed[name]?.version !== entry.version || installed[name]?.integrity !== entry.integrity) return false;
  }
  return true;
}

/**
 * Runs a program and waits for it. `started` is told its process id, so that it counts as ours even when we are killed; a polite
 * request to end takes the program with us.
 */
async function run(started, command, args, options = {}) {
  const child = spawn(command, args, { cwd: root, stdio: ["ignore", 2, 2], ...options });
  if (child.pid !== undefined) started(child.pid);
  let asked = false;
  const end = (signal) => {
    asked = true;
    child.kill(signal);
  };
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, end);
  const ran = await new Promise((resolve) => {
    child.once("error", (error) => resolve({ ok: false, reason: error.message }));
    child.once("close", (code, signal) => resolve({ ok: code === 0, reason: `exit code ${code ?? signal}` }));
  });
  for (const signal of ["SIGINT", "SIGTERM"]) process.off(signal, end);
  if (asked) process.exit(1);
  return ran;
}

async function install(started) {
  if (installedIsCurrent()) return;
  if (fs.lstatSync(path.join(root, "node_modules"), { throwIfNoEntry: false })?.isSymbolicLink() === true) {
    say("node_modules is a link and differs from package-lock.json: left alone, since it belongs to somebody else");
    return;
  }
  // `npm run` tells its children where npm itself is; started by hand, npm is found on the path.
  const npm = process.env.npm_execpath;
  const flags = ["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"];
  for (let attempt = 1; ; attempt += 1) {
    say("installing dependencies (npm ci) …");
    const ran =
      npm?.endsWith(".js") === true
        ? await run(started, process.execPath, [npm, ...flags])
        : await run(started, "npm", flags, { shell: process.platform === "win32" });
    if (ran.ok) return;
    if (attempt === installAttemptsMax) {
      say(`npm ci failed (${ran.reason}); nothing was built`);
      process.exit(1);
    }
    say(`npm ci failed (${ran.reason}); trying once more …`);
  }
}

const outputsOf = (source) => {
  const stem = path.join("dist", source.slice(0, -".ts".length));
  return [`${stem}.js`, `${stem}.js.map`, `${stem}.d.ts`];
};

const sourceOf = (output) => path.relative(distribution, path.resolve(root, output)).replace(/\.js$/u, ".ts");

/** The build as one line of text: it is current when the line is the one that the last successful build left. */
function fingerprint(sources) {
  const lines = [...sources, "tsconfig.json", "package-lock.json"].map((name) => {
    const status = fs.statSync(path.join(root, name));
    return `${name} ${status.size} ${status.mtimeMs}`;
  });
  return lines.sort().join("\n");
}

/** @returns {Promise<boolean>} whether the compiler was content; its output is written and packed either way, so that a check can go on */
async function build(started) {
  const compiled = await compile(started);
  if (!packedIsCurrent()) {
    const ran = await run(started, process.execPath, [path.join(root, "protocol", "admin", "bundle.mjs")]);
    if (!ran.ok) say(`modules are not packed (${ran.reason}): nodes start more slowly`);
  }
  return compiled;
}

async function compile(started) {
  const sources = sourceFolders.flatMap(filesBelow).filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"));
  const outputs = new Set(sources.flatMap(outputsOf));
  for (const name of sourceFolders.flatMap((folder) => filesBelow(path.join("dist", folder)))) {
    if (!outputs.has(name)) fs.rmSync(path.join(root, name));
  }
  const missing = [...outputs].some((name) => !fs.existsSync(path.join(root, name)));
  const current = fingerprint(sources);
  if (!missing && fs.existsSync(buildStamp) && fs.readFileSync(buildStamp, "utf8") === current) return true;
  // The compiler's own record would make it skip outputs that somebody deleted.
  if (missing) fs.rmSync(path.join(distribution, ".tsbuildinfo"), { force: true });
  say("building (tsc) …");
  const compiler = path.join(root, "node_modules", "typescript", "bin", "tsc");
  const ran = await run(started, process.execPath, [compiler, "-p", "tsconfig.json"]);
  if (ran.ok) {
    // npm makes a command executable when it links it, which it does not do again for a folder that it has met before.
    fs.chmodSync(path.join(distribution, "protocol", "admin", "main.js"), 0o755);
    fs.writeFileSync(buildStamp, current);
  }
  return ran.ok;
}

/** Runs ava, shows its output as it comes, counts what it reports. */
async function test(selected) {
  const tests = filesBelow(path.join("dist", "test")).filter((name) => name.endsWith(".test.js"));
  const chosen = selected.map((name) =>
    name.endsWith(".ts") ? outputsOf(path.relative(root, path.resolve(name)))[0] : name,
  );
  const ava = path.join(root, "node_modules", "ava", "entrypoints", "cli.mjs");
  const colours = process.stdout.isTTY === true ? { FORCE_COLOR: "1" } : {};
  const child = spawn(process.execPath, [ava, ...(chosen.length > 0 ? chosen : tests)], {
    cwd: root,
    env: { ...process.env, ...colours },
    stdio: ["ignore", "pipe", "inherit"],
  });
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
  let output = "";
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (text) => {
    output += text;
    process.stdout.write(text);
  });
  const code = await new Promise((resolve) => child.on("close", (status) => resolve(status ?? 1)));
  const lines = output.replace(/\u001b\[[0-9;]*[A-Za-z]/g, "").split("\n");
  const counts = countTests(lines, code);
  for (const reason of counts.reasons) console.log(`skipped: ${reason}`);
  for (const file of failedFiles(lines, (chosen.length > 0 ? chosen : tests).map(sourceOf)))
    console.log(`failed: ${file}`);
  console.log(
    `${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ""}`,
  );
  return counts.failed === 0 && code === 0 ? 0 : 1;
}

/**
 * Ava's closing lines as numbers. A test that cannot run in its surroundings logs `skipped: REASON`: it counts as skipped, not as
 * passed. Whatever makes ava fail without a failed test (an uncaught exception, a file that ends early, no file at all) counts
 * as failed.
 */
function countTests(lines, code) {
  const closing = lines.slice(lines.findLastIndex((line) => line.trim() === "─") + 1);
  const number = (pattern) => closing.reduce((sum, line) => sum + Number(pattern.exec(line)?.[1] ?? 0), 0);
  const reasons = lines.map((line) => /^\s*ℹ skipped: (.*)$/.exec(line)?.[1]).filter((reason) => reason !== undefined);
  // Ava states how many passed only when none failed; otherwise the ticks are counted.
  const ticks = lines.filter((line) => /^\s*(?:✔|√) /.test(line)).length;
  const passed = (number(/^\s*(\d+) tests? passed/) || ticks) - reasons.length;
  const skipped = number(/^\s*(\d+) tests? (?:skipped|todo)/) + reasons.length;
  const failed = number(
    /^\s*(\d+) (?:tests? failed|hooks? failed|known failures?|unhandled rejections?|uncaught exceptions?)/,
  );
  return { passed, skipped, reasons, failed: failed === 0 && (code !== 0 || passed <= 0) ? 1 : failed };
}

/**
 * Sources of the tests that ava calls failed, as `npm test -- FILE` takes them. A test is named by its file's path below the folder that all
 * files have in common (`✘ [fail]: room › file › title`); what ended otherwise (an exception nobody caught, a timeout) names the file itself.
 */
function failedFiles(lines, files) {
  const failed = lines.filter((line) => /^ *✘ |Uncaught exception in|Unhandled rejection in|pending in/u.test(line));
  if (files.length === 1) return failed.length > 0 ? files : [];
  const folders = files.map((file) => file.split("/").slice(0, -1));
  const common = folders.reduce((shared, own) => {
    const differs = shared.findIndex((name, at) => name !== own[at]);
    return differs < 0 ? shared : shared.slice(0, differs);
  });
  const titleOf = (file) =>
    file
      .split("/")
      .slice(common.length)
      .join(" › ")
      .replace(/\.test\.ts$/u, "");
  return files.filter((file) => {
    const output = `dist/${file.replace(/\.ts$/u, ".js")}`;
    return failed.some((line) => line.includes(output) || line.includes(`✘ [fail]: ${titleOf(file)} › `));
  });
}

async function start(flags) {
  process.argv = [process.argv[0], path.join(distribution, "protocol", "admin", "main.js"), "start", ...flags];
  await import(pathToFileURL(process.argv[1]).href);
}

async function check(flags) {
  const { runChecks } = await import(pathToFileURL(path.join(distribution, "test", "project", "check.js")).href);
  return runChecks(root, flags);
}

async function tool(name, flags) {
  const module = await import(pathToFileURL(path.join(distribution, "test", "project", `${name}.js`)).href);
  return module.main(root, flags);
}

const [job, ...flags] = process.argv.slice(2);
const built = await alone(distribution, say, async (started) => {
  await install(started);
  return await build(started);
});
if (!built && job !== "check") process.exit(1);
if (job === "start") await start(flags);
else if (job === "test") process.exitCode = await test(flags);
else if (job === "check") process.exitCode = await check(flags);
else if (job === "assertions") process.exitCode = await tool("assertions", flags);
else {
  say(`usage: bootstrap.mjs start|test|check|assertions [flags]; got ${JSON.stringify(job ?? "")}`);
  process.exitCode = 2;
}
