/**
 * One at a time in this checkout: of several first starts one installs and builds, the others wait. Plain JavaScript, since it runs
 * before anything is built.
 *
 * Each who wants to prepare puts up a sign, a file `.bootstrap.PID` that names the programs it started (npm, the compiler), looks
 * for other signs, and works only if it sees none that counts; else it takes its sign down, waits, and tries again. Two that see one
 * another both step back and come again after different times.
 *
 * Invariants: (1) two never work at once: each puts its own sign up before it looks, so at least one of them sees the other;
 * (2) a sign counts while its owner *or a program that the owner started* lives: an `npm ci` outlives a killed start and goes on
 * writing; (3) only signs that count for nothing are removed by others, so nobody's standing claim is taken away; (4) a sign that was
 * not renewed for ten minutes counts for nothing: its process id belongs to somebody else by then.
 */
import fs from "node:fs";
import path from "node:path";

const prefix = ".bootstrap.";
const renewMs = 5_000;
const staleMs = 600_000;
const saidEveryMs = 30_000;

function isAlive(id) {
  try {
    process.kill(id, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** The processes for which a sign counts: none when all are gone. */
function livingBehind(file) {
  try {
    const owner = Number(path.basename(file).slice(prefix.length));
    if (Date.now() - fs.statSync(file).mtimeMs > staleMs) return [];
    const started = fs.readFileSync(file, "utf8").split("\n").filter(Boolean).map(Number);
    return [owner, ...started].filter((id) => Number.isSafeInteger(id) && id > 0 && isAlive(id));
  } catch (error) {
    if (error.code === "ENOENT") return [];
    throw error;
  }
}

/** Who stands in the way; signs of the dead are removed in passing. */
function others(folder, own) {
  const living = [];
  for (const name of fs.readdirSync(folder)) {
    const file = path.join(folder, name);
    if (!name.startsWith(prefix) || file === own) continue;
    const behind = livingBehind(file);
    if (behind.length === 0) fs.rmSync(file, { force: true });
    else living.push({ owner: Number(name.slice(prefix.length)), behind });
  }
  return living;
}

/** One line for the person who waits: who works, or what a killed start left running. */
function explain({ owner, behind }) {
  return behind.includes(owner)
    ? `process ${owner} prepares this checkout; waiting for it …`
    : `process ${owner} was ended while it prepared this checkout, and what it started (${behind.join(", ")}) still runs; waiting for that …`;
}

/**
 * Runs `work` while no other process prepares this checkout. `work` is given `started(pid)`, to be called for each program it starts.
 *
 * @param {string} folder where the signs stand; made when missing
 * @param {(line: string) => void} say told why it waits: at once, and every half minute
 * @param {(started: (pid: number) => void) => Promise<Result>} work
 * @template Result
 */
export async function alone(folder, say, work) {
  fs.mkdirSync(folder, { recursive: true });
  const own = path.join(folder, `${prefix}${process.pid}`);
  const takeDown = () => fs.rmSync(own, { force: true });
  // On exit too: a failed install ends the process.
  process.once("exit", takeDown);
  let renewal;
  try {
    await claim(folder, own, say);
    // The time of the sign is renewed, not its text; it may be missing when somebody deleted the folder.
    renewal = setInterval(() => fs.existsSync(own) && fs.utimesSync(own, new Date(), new Date()), renewMs);
    return await work((pid) => fs.appendFileSync(own, `${pid}\n`));
  } finally {
    clearInterval(renewal);
    takeDown();
    process.off("exit", takeDown);
  }
}

async function claim(folder, own, say) {
  let said = { line: "", at: 0 };
  for (;;) {
    if (others(folder, own).length === 0) {
      fs.writeFileSync(own, "");
      if (others(folder, own).length === 0) return;
      fs.rmSync(own, { force: true });
    }
    const [first] = others(folder, own);
    const line = first === undefined ? said.line : explain(first);
    if (line !== said.line || Date.now() - said.at > saidEveryMs) {
      if (line !== "") say(line);
      said = { line, at: Date.now() };
    }
    await new Promise((resolve) => setTimeout(resolve, 50 + Math.random() * 250));
  }
}
