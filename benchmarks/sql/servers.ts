/** The two servers of a comparison: this node, and PostgreSQL 15 where it is installed. Both sync to disk before they acknowledge. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const run = promisify(execFile);
export const binaries = "/usr/lib/postgresql/15/bin";
const password = "benchmark";
const program = fileURLToPath(new URL("../../protocol/admin/main.js", import.meta.url));

export interface Server {
  readonly name: string;
  readonly environment: NodeJS.ProcessEnv;
  /** µs that its own processes have worked; null where that cannot be found out. */
  cpuMicros(): number | null;
  stop(): Promise<void>;
}

export const hasPostgres = (): boolean => existsSync(path.join(binaries, "postgres"));

interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

/** PostgreSQL refuses to run as root: the account that its package made. */
export async function postgresAccount(): Promise<Account> {
  if (process.getuid?.() !== 0) return {};
  const [uid, gid] = await Promise.all(
    ["-u", "-g"].map(async (what) => Number((await run("id", [what, "postgres"])).stdout)),
  );
  if (uid === undefined || gid === undefined || !Number.isInteger(uid)) throw new Error("there is no user postgres");
  return { uid, gid };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

export async function startPostgres(folder: string): Promise<Server> {
  const data = path.join(folder, "postgres");
  const account = await postgresAccount();
  chmodSync(folder, 0o777);
  // Its users prove themselves as they do here.
  const passwordFile = path.join(folder, "password");
  writeFileSync(passwordFile, password);
  const authentication = ["-A", "scram-sha-256", "--pwfile", passwordFile];
  await run(path.join(binaries, "initdb"), ["-D", data, ...authentication, "-U", "admin", "--no-sync"], account);
  const port = await freePort();
  const settings = ["listen_addresses=127.0.0.1", "max_connections=200", "fsync=on", "synchronous_commit=on"];
  const given = ["-D", data, "-p", String(port), "-k", "", ...settings.flatMap((setting) => ["-c", setting])];
  const child = spawn(path.join(binaries, "postgres"), given, { stdio: "ignore", ...account });
  const environment = {
    ...process.env,
    PGHOST: "127.0.0.1",
    PGPORT: String(port),
    PGUSER: "admin",
    PGDATABASE: "postgres",
    PGPASSWORD: password,
  };
  for (let tries = 0; ; tries++) {
    try {
      await run("psql", ["-XAtc", "SELECT 1"], { env: environment });
      break;
    } catch (error) {
      if (tries > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  const stop = async (): Promise<void> => {
    const ended = once(child, "exit");
    child.kill("SIGINT");
    await ended;
  };
  const { pid } = child;
  return { name: "PostgreSQL 15", environment, cpuMicros: () => (pid === undefined ? null : cpuOfTree(pid)), stop };
}

/** A clock tick of /proc. */
const tickMicros = 10_000;

/** What a process has worked, its children that have ended and been waited for, and those that are there. Null where there is no /proc. */
export function cpuOfTree(root: number): number | null {
  if (!existsSync("/proc/self/stat")) return null;
  let ticks = 0;
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    let stat: string;
    try {
      stat = readFileSync(`/proc/${name}/stat`, "latin1");
    } catch {
      // It has ended since.
      continue;
    }
    const fields = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .map(Number);
    const [, parent = 0] = fields;
    if (Number(name) !== root && parent !== root) continue;
    // utime, stime, and of the root also those of its children that ended.
    const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15);
    ticks += user + system + (Number(name) === root ? childUser + childSystem : 0);
  }
  return ticks * tickMicros;
}

interface Ready {
  readonly addresses: { readonly postgres: { readonly host: string; readonly port: number } };
}

/** A node as `kimberlite start` runs it: in a process of its own, as PostgreSQL is, so that its clients are not started out of its memory. */
export async function startOurs(folder: string): Promise<Server> {
  const listen = ["--listen", "127.0.0.1:0", "--pg-listen", "127.0.0.1:0"];
  const given = ["start", "--data", path.join(folder, "kimberlite"), ...listen, "--log-level", "error", "--json"];
  const child = spawn(process.execPath, [program, ...given], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, KIMBERLITE_ADMIN_PASSWORD: password },
  });
  const ended = once(child, "exit");
  const [line] = (await Promise.race([once(createInterface(child.stdout), "line"), ended])) as unknown[];
  if (typeof line !== "string") throw new Error("the node ended before it was ready");
  const { host, port } = (JSON.parse(line) as Ready).addresses.postgres;
  const environment = {
    ...process.env,
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: "admin",
    PGDATABASE: "main",
    PGPASSWORD: password,
  };
  const { pid } = child;
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await ended;
  };
  return { name: "Kimberlite", environment, cpuMicros: () => (pid === undefined ? null : cpuOfTree(pid)), stop };
}

export async function psql(server: Server, ...commands: readonly string[]): Promise<string> {
  const given = commands.flatMap((command) => ["-c", command]);
  const { stdout } = await run("psql", ["-XAtq", "-v", "ON_ERROR_STOP=1", ...given], {
    env: server.environment,
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout.trim();
}
