/**
 * What any server in one thread of Node could reach at most where each statement is a message of its own: a server without a database, which
 * reads PostgreSQL's messages as far as to find where a round ends, and answers each with bytes that were made before. Rounds of an INSERT that
 * have come together share one synchronous write of 4 KiB to a file that was filled with zeros. pgbench drives it, and PostgreSQL 15, in turns.
 *
 *   node dist/benchmarks/sql-floor.js [--seconds 4] [--rounds 3] [--out FILE]
 *
 * What a database costs comes on top: a figure of `sql.js` is to be read against both.
 */
import { closeSync, constants, fsyncSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { createServer, type Server as NetServer, type Socket } from "node:net";
import { cpus, tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { cases } from "./sql/cases.js";
import { pgbench } from "./sql/pgbench.js";
import { hasPostgres, type Server, startPostgres } from "./sql/servers.js";

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "4" },
    rounds: { type: "string", default: "3" },
    out: { type: "string" },
  },
});
const seconds = Number(options.seconds);
const rounds = Number(options.rounds);
const connections = 64;

// ------------------------------------------------------------------ the server

const letters = { parse: 0x50, sync: 0x53, terminate: 0x58 } as const;

function message(letter: string, body: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(5);
  head.write(letter, "latin1");
  head.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}

const int16 = (value: number): Buffer => Buffer.of(value >> 8, value & 0xff);
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const ready = message("Z", Buffer.from("I"));
const greeting = Buffer.concat([
  message("R", int32(0)),
  message("S", Buffer.from("server_version\0" + "15.0\0")),
  message("S", Buffer.from("client_encoding\0UTF8\0")),
  ready,
]);
const prepared = Buffer.concat([message("1"), ready]);
const inserted = Buffer.concat([message("2"), message("n"), message("C", Buffer.from("INSERT 0 1\0")), ready]);
const column = Buffer.concat([Buffer.from("v\0"), int32(0), int16(0), int32(25), int16(-1), int32(-1), int16(0)]);
const selected = Buffer.concat([
  message("2"),
  message("T", Buffer.concat([int16(1), column])),
  message("D", Buffer.concat([int16(1), int32(11), Buffer.from("value 12345")])),
  message("C", Buffer.from("SELECT 1\0")),
  ready,
]);

const sectorBytes = 4_096;
const fileBytes = 64 * 1024 * 1024;

/** Rounds that came together, and one write to the disk for all of them. */
class Group {
  readonly #file: number;
  readonly #bytes = Buffer.alloc(sectorBytes, 1);
  #waiting: Socket[] = [];
  #at = 0;

  constructor(file: number) {
    this.#file = file;
  }

  add(socket: Socket): void {
    if (this.#waiting.length === 0) setImmediate(() => this.#commit());
    this.#waiting.push(socket);
  }

  #commit(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    writeSync(this.#file, this.#bytes, 0, sectorBytes, this.#at);
    this.#at = (this.#at + sectorBytes) % fileBytes;
    for (const socket of waiting) socket.write(inserted);
  }
}

/** @param group null: each round is answered with a row, at once */
function serve(socket: Socket, group: Group | null): void {
  let hasStarted = false;
  let rest: Buffer = Buffer.alloc(0);
  let isPrepare = false;
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    for (;;) {
      const lengthAt = hasStarted ? at + 1 : at;
      if (lengthAt + 4 > bytes.length) break;
      const end = lengthAt + bytes.readInt32BE(lengthAt);
      if (end > bytes.length) break;
      if (!hasStarted) {
        // A request to encrypt has no more than its number.
        if (end - at === 8) socket.write("N");
        else {
          hasStarted = true;
          socket.write(greeting);
        }
      } else if (bytes[at] === letters.parse) isPrepare = true;
      else if (bytes[at] === letters.terminate) socket.end();
      else if (bytes[at] === letters.sync) {
        if (isPrepare) socket.write(prepared);
        else if (group === null) socket.write(selected);
        else group.add(socket);
        isPrepare = false;
      }
      at = end;
    }
    rest = at === bytes.length ? Buffer.alloc(0) : Buffer.from(bytes.subarray(at));
  });
}

async function listening(group: Group | null): Promise<{ readonly server: NetServer; readonly port: number }> {
  const server = createServer({ noDelay: true }, (socket) => serve(socket, group));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return { server, port: typeof address === "object" && address !== null ? address.port : 0 };
}

// ------------------------------------------------------------------ the comparison

const environmentOf = (port: number): NodeJS.ProcessEnv => ({
  ...process.env,
  PGHOST: "127.0.0.1",
  PGPORT: String(port),
  PGUSER: "admin",
  PGDATABASE: "main",
  PGSSLMODE: "disable",
});

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

const folder = mkdtempSync(path.join(tmpdir(), "kimberlite-sql-floor-"));
const file = path.join(folder, "log");
writeFileSync(file, Buffer.alloc(fileBytes));
const log = openSync(file, constants.O_RDWR | constants.O_DSYNC);
fsyncSync(log);
const postgres: Server | null = hasPostgres() ? await startPostgres(folder) : null;
const results: Record<string, { readonly bare: number[]; readonly postgres: number[] }> = {};
try {
  for (const [name, group] of [
    ["insert", new Group(log)],
    ["select", null],
  ] as const) {
    const bare = await listening(group);
    const one = cases.find((each) => each.name === name);
    if (one === undefined) throw new Error(`there is no case ${name}`);
    // It writes the case's script, which the bare server gets, too.
    const script = path.join(folder, `${name}.sql`);
    if (postgres !== null) {
      await one.setUp(postgres, folder);
      await one.measure(postgres, folder, 2);
    } else writeFileSync(script, "\\set k random(1, 100000)\nSELECT v FROM points WHERE k = :k;\n");
    const environment = environmentOf(bare.port);
    await pgbench({ environment }, ["-f", script], 2, { connections });
    const found = { bare: [] as number[], postgres: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      found.bare.push((await pgbench({ environment }, ["-f", script], seconds, { connections })).rate);
      if (postgres !== null) found.postgres.push((await one.measure(postgres, folder, seconds)).rate);
    }
    results[name] = found;
    const ratio = median(found.bare) / median(found.postgres);
    const beside =
      postgres === null ? "no PostgreSQL here" : `PostgreSQL 15 ${median(found.postgres).toPrecision(4)}/s`;
    process.stdout.write(
      `${name}, ${connections} connections: a server without a database ${median(found.bare).toPrecision(4)}/s, ${beside}: ${ratio.toFixed(2)}× at most\n`,
    );
    await new Promise<void>((resolve) => bare.server.close(() => resolve()));
  }
} finally {
  await postgres?.stop();
  closeSync(log);
  rmSync(folder, { recursive: true, force: true });
}
if (options.out !== undefined) {
  const [cpu] = cpus();
  const machine = { cpu: cpu?.model ?? "", cores: cpus().length, node: process.version };
  writeFileSync(options.out, `${JSON.stringify({ machine, seconds, rounds, connections, results }, null, 2)}\n`);
}
process.exit(0);
