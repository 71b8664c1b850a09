/** FETCH and MOVE of portals that the protocol has bound, as asyncpg's cursors use them: the same as PostgreSQL's, where one is installed. */
import { once } from "node:events";
import { connect } from "node:net";
import test from "ava";
import { hasPostgres, withPostgres } from "../query/postgres/server.js";
import { startTarget } from "./clients/target.js";
import { bind, describe, execute, i16, message, parse, query, RawClient, startupPacket, sync } from "./rig.js";

const bindBinary = (portal: string): Uint8Array => message("B", portal, "", i16(0), i16(0), i16(1), i16(1));
const numbers = "SELECT g, 'v' || g AS v FROM generate_series(1, 100) g";

const rounds: readonly (readonly Uint8Array[])[] = [
  [query("BEGIN")],
  [parse("", numbers), bind("p", ""), describe("P", "p"), execute("p", 2), sync],
  [query("MOVE FORWARD 5 p")],
  [execute("p", 2), sync],
  [query("FETCH 2 p")],
  [query("FETCH NEXT FROM p")],
  [query("MOVE RELATIVE 3 p")],
  [execute("p", 1), sync],
  [parse("", "FETCH 1 p"), bind("", ""), describe("P", ""), execute(""), sync],
  [query("SELECT name, is_holdable, is_binary, is_scrollable FROM pg_cursors")],
  [query("MOVE ALL p")],
  [query("FETCH 1 p")],
  [execute("p", 1), sync],
  [query("SAVEPOINT s")],
  [query("FETCH BACKWARD 1 p")],
  [query("ROLLBACK TO s")],
  [query("FETCH 0 p")],
  [query("ROLLBACK TO s")],
  // Nothing has run it before.
  [parse("", numbers), bind("q", ""), sync],
  [query("FETCH ABSOLUTE 4 q")],
  [query("MOVE FORWARD 1 q")],
  [execute("q", 2), sync],
  [query("CLOSE q")],
  [parse("", numbers), bindBinary("b"), sync],
  [query("MOVE 98 b")],
  [query("COMMIT")],
  [query("FETCH 1 p")],
];

async function answersOf(host: string, port: number): Promise<string[][]> {
  const socket = connect({ host, port });
  await once(socket, "connect");
  const client = new RawClient(socket);
  client.send(startupPacket({ user: "admin", database: "main" }));
  await client.untilReady();
  const all: string[][] = [];
  for (const round of rounds) all.push(await client.ask(...round));
  client.close();
  return all;
}

test("a portal of the protocol is moved and fetched from by SQL, and goes on where that has left it", async (t) => {
  t.timeout(120_000);
  const { target, stop } = await startTarget({
    postgres: { listen: { host: "127.0.0.1", port: 0 }, authentication: "trust", tls: null },
  });
  try {
    const ours = await answersOf(target.host, target.port);
    t.deepEqual(ours[3]?.slice(0, 2), ["D 8|v8", "D 9|v9"]);
    t.deepEqual(ours[7]?.[0], "D 16|v16");
    if (!hasPostgres()) {
      t.log("not compared: no PostgreSQL 15 on this machine");
      return;
    }
    await withPostgres(async (postgres, port) => {
      await postgres.query("CREATE ROLE admin SUPERUSER LOGIN");
      await postgres.query("CREATE DATABASE main OWNER admin");
      t.deepEqual(ours, await answersOf("127.0.0.1", port));
    });
  } finally {
    await stop();
  }
});
