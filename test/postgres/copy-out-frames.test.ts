/** COPY … TO STDOUT: which messages its bytes come in. Drivers split rows by messages (psycopg), and have no message for what comes before them. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { startNodeProcess } from "../admin/run-command.js";
import { query, RawClient, startupPacket } from "./rig.js";

const signature = Buffer.from("PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", "latin1");
/** A row of one int. */
const row = (value: number): Buffer => Buffer.from([0, 1, 0, 0, 0, 4, 0, 0, 0, value]);
const trailer = Buffer.from([0xff, 0xff]);

test("each row is one message; what the binary format begins with comes with the first, or with the end", async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), "kimberlite-copy-"));
  const node = await startNodeProcess(path.join(directory, "data"), ["--pg-auth", "trust"]);
  try {
    const { addresses } = JSON.parse(node.lines[0] ?? "{}") as { addresses: { postgres: { port: number } } };
    const socket = connect({ host: "127.0.0.1", port: addresses.postgres.port });
    await once(socket, "connect");
    const client = new RawClient(socket);
    client.send(startupPacket({ user: "admin", database: "main" }));
    await client.untilReady();
    const frames = async (sql: string): Promise<readonly string[]> => {
      client.send(query(sql));
      const answers = await client.untilReady();
      return answers.filter(({ type }) => type === "d").map(({ body }) => Buffer.from(body).toString("latin1"));
    };
    const latin1 = (...parts: readonly Buffer[]): string => Buffer.concat(parts).toString("latin1");
    t.deepEqual(await frames("copy (values (1), (2)) to stdout (format binary)"), [
      latin1(signature, row(1)),
      latin1(row(2)),
      latin1(trailer),
    ]);
    t.deepEqual(await frames("copy (select 1 where false) to stdout (format binary)"), [latin1(signature, trailer)]);
    t.deepEqual(await frames("copy (values (1), (2)) to stdout (format csv, header)"), ["column1\n", "1\n", "2\n"]);
    client.close();
  } finally {
    await node.end("SIGTERM");
    rmSync(directory, { recursive: true, force: true });
  }
});
