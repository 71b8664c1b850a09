/** PostgreSQL 15 and two standbys on loopback; a commit waits until one of them has it on its disk. The load is pgbench's, prepared. */
import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pgbench } from "../sql/pgbench.js";
import { binaries, cpuOfTree, freePort, postgresAccount, run } from "../sql/servers.js";
import {
  CpuWatch,
  endServer,
  endsWithThis,
  type Load,
  type Measured,
  median,
  pause,
  type Rival,
  warmUpMs,
} from "./rival.js";

const host = "127.0.0.1";
const startMsMax = 30_000;
const settings = `
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = on
synchronous_commit = on
max_connections = 1100
shared_buffers = 256MB
max_wal_size = 8GB
`;

export class PostgresQuorum implements Rival {
  readonly name = "PostgreSQL 15 ×3";
  readonly #directory = mkdtempSync(path.join(tmpdir(), "kimberlite-postgres-"));
  readonly #servers: ChildProcess[] = [];
  #port = 0;

  static async start(): Promise<PostgresQuorum> {
    const quorum = new PostgresQuorum();
    const account = await postgresAccount();
    chmodSync(quorum.#directory, 0o777);
    const command = (name: string, ...words: readonly string[]): Promise<unknown> =>
      run(path.join(binaries, name), [...words], { ...account, cwd: quorum.#directory });
    const first = path.join(quorum.#directory, "s0");
    await command("initdb", "-D", first, "-A", "trust", "-U", "admin", "--no-sync");
    appendFileSync(path.join(first, "postgresql.conf"), settings);
    quorum.#port = await quorum.#spawn(first, account);
    for (const standby of ["s1", "s2"]) {
      const data = path.join(quorum.#directory, standby);
      const connection = `host=${host} port=${quorum.#port} user=admin application_name=${standby}`;
      await command("pg_basebackup", "-D", data, "-R", "-c", "fast", "-X", "stream", "-d", connection);
      await quorum.#spawn(data, account);
    }
    await quorum.#psql("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (s1, s2)'");
    await quorum.#psql("SELECT pg_reload_conf()");
    await quorum.#psql(
      "CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload text NOT NULL)",
    );
    for (const until = performance.now() + startMsMax; ; await pause(100)) {
      const standing = await quorum.#psql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'");
      if (standing === "2") return quorum;
      if (performance.now() > until) throw new Error(`${standing} of 2 standbys take part in the quorum`);
    }
  }

  async #spawn(data: string, account: { readonly uid?: number; readonly gid?: number }): Promise<number> {
    const port = await freePort();
    const words = ["-D", data, "-p", String(port)];
    const child = spawn(path.join(binaries, "postgres"), words, { stdio: "ignore", detached: true, ...account });
    endsWithThis(child);
    this.#servers.push(child);
    for (const until = performance.now() + startMsMax; ; await pause(100)) {
      try {
        await this.#psql("SELECT 1", port);
        return port;
      } catch (error) {
        if (performance.now() > until) throw error;
      }
    }
  }

  #environment(port: number): NodeJS.ProcessEnv {
    return { ...process.env, PGHOST: host, PGPORT: String(port), PGUSER: "admin", PGDATABASE: "postgres" };
  }

  async #psql(text: string, port = this.#port): Promise<string> {
    const { stdout } = await run("psql", ["-XAtqc", text], { env: this.#environment(port) });
    return stdout.trim();
  }

  /** A session has one transaction at a time, so more in flight are more sessions. */
  async measure(load: Load, seconds: number): Promise<Measured> {
    const connections = load.connections * load.inFlight;
    const script = path.join(this.#directory, "insert.sql");
    writeFileSync(script, `INSERT INTO events (payload) VALUES ('${"a".repeat(128)}');\n`);
    const environment = this.#environment(this.#port);
    await pgbench({ environment }, ["-f", script], warmUpMs / 1_000, { connections });
    const watch = new CpuWatch(() => this.#servers.map(({ pid }) => cpuOfTree(pid ?? 0)));
    watch.lap();
    const log = path.join(this.#directory, "latency");
    const more = ["-l", `--log-prefix=${log}`];
    const { rate, count } = await pgbench({ environment }, ["-f", script], seconds, { connections, more });
    const cpu = watch.lap();
    const names = readdirSync(this.#directory).filter((name) => name.startsWith("latency"));
    const micros = names.flatMap((name) => latenciesOf(path.join(this.#directory, name)));
    return {
      perSecond: rate,
      p50Ms: median(micros) / 1_000,
      cpuMicros: cpu === null ? null : cpu.map((worked) => worked / count),
    };
  }

  async stop(): Promise<void> {
    for (const child of this.#servers) await endServer(child, "SIGINT");
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** The third column of pgbench's log of transactions; what was read is removed. */
function latenciesOf(file: string): number[] {
  const lines = readFileSync(file, "latin1").trimEnd().split("\n");
  rmSync(file);
  return lines.map((line) => Number(line.split(" ")[2]));
}
