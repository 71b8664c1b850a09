/**
 * A private PostgreSQL for tests: a fresh cluster in a temporary directory, on 127.0.0.1 and a free port, without fsync, gone with the
 * test. PostgreSQL refuses to run as root, so that root starts it as the user `postgres`, or `nobody`.
 */
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { PostgresClient } from "./client.js";

const serverFolder = "/usr/lib/postgresql/15/bin";

/** Whether there is a PostgreSQL 15 on this machine. */
export const hasPostgres = (): boolean => existsSync(path.join(serverFolder, "postgres"));

/** Runs `work` with a connection to a server that has nothing in it, and ends the server. */
export async function withPostgres<T>(work: (client: PostgresClient, port: number) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "kimberlite-postgres-"));
  const identity = unprivileged();
  if (identity !== null) chownSync(folder, identity.uid, identity.gid);
  chmodSync(folder, 0o700);
  const data = path.join(folder, "data");
  const options = { ...identity, cwd: folder, env: { ...process.env, LC_ALL: "C.UTF-8", TZ: "UTC" } };
  const initdb = ["-D", data, "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8", "-A", "trust"];
  try {
    execFileSync(path.join(serverFolder, "initdb"), initdb, { ...options, stdio: "pipe" });
    const port = await freePort();
    const settings = [
      "fsync=off",
      "listen_addresses=127.0.0.1",
      `unix_socket_directories=${folder}`,
      "shared_buffers=16MB",
    ];
    const server = spawn(
      path.join(serverFolder, "postgres"),
      ["-D", data, "-p", String(port), ...settings.flatMap((setting) => ["-c", setting])],
      { ...options, stdio: "ignore" },
    );
    const ended = new Promise<void>((resolve) => server.once("exit", () => resolve()));
    try {
      const client = await connected(port);
      try {
        await client.query("set timezone to 'UTC'");
        return await work(client, port);
      } finally {
        client.close();
      }
    } finally {
      server.kill("SIGINT");
      await ended;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function unprivileged(): { readonly uid: number; readonly gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  for (const user of ["postgres", "nobody"])
    try {
      const id = (flag: string): number => Number(execFileSync("id", [flag, user], { stdio: "pipe" }).toString());
      return { uid: id("-u"), gid: id("-g") };
    } catch {
      // Not on this machine: the next one.
    }
  throw new Error("PostgreSQL does not run as root, and there is no user postgres or nobody");
}

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === "string") throw new Error("a listening socket has an address");
  return address.port;
}

async function connected(port: number): Promise<PostgresClient> {
  for (let tries = 0; ; tries += 1)
    try {
      return await PostgresClient.connect({ host: "127.0.0.1", port, user: "postgres", database: "postgres" });
    } catch (error) {
      if (tries > 200) throw error;
      await sleep(50);
    }
}
