import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { Client } from "../../protocol/client/client.js";
import { Database, type LocalNode, open } from "../../protocol/sdk/index.js";
import { startNode } from "../../protocol/server/node.js";
import { sdkContract } from "./sdk-contract.js";

const directory = mkdtempSync(join(tmpdir(), "kimberlite-embedded-"));
const opened: Database[] = [];
let node: LocalNode | undefined;
let db: Database | undefined;

test.before(async () => {
  db = await open(directory, {
    startNode: async (options) => {
      node = await startNode(options);
      return node;
    },
  });
});

test.after.always(async () => {
  for (const one of opened) await one.close(0);
  await db?.close();
  rmSync(directory, { recursive: true, force: true });
});

sdkContract(test, {
  db: () => {
    if (db === undefined) throw new Error("the node has not started");
    return db;
  },
  another: () => {
    const local = node;
    if (local === undefined) throw new Error("the node has not started");
    const connector = () => Promise.resolve(local.connectLocal());
    const other = new Database(new Client({ address: "local", connector }));
    opened.push(other);
    return Promise.resolve(other);
  },
});
