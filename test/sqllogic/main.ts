/** `npm run sqllogic -- FILES`: runs sqllogictest files, each on a database of its own, on a node of this process. */
import { readFileSync } from "node:fs";
import { withNode } from "../query/fuzz/programs/target.js";
import { runScript } from "./run.js";

const files = process.argv.slice(2);
if (files.length === 0) {
  console.error("usage: npm run sqllogic -- FILES");
  process.exitCode = 2;
}
let failed = 0;
for (const file of files) {
  const { records, failures } = await withNode(async (connect) => {
    const client = await connect();
    try {
      return await runScript(client, readFileSync(file, "utf8"));
    } finally {
      client.close();
    }
  });
  failed += failures.length;
  for (const failure of failures) console.log(`${file}, ${failure}`);
  console.log(`${file}: ${records} records, ${failures.length} otherwise than expected`);
}
if (failed > 0) process.exitCode = 1;
