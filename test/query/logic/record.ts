/** Writes the recordings anew. */
import { writeFileSync } from "node:fs";
import { withPostgres } from "../postgres/server.js";
import { type Answer, logicFiles, recordingOf, rowText, settled, statementsOf } from "./recording.js";

for (const file of logicFiles()) {
  await withPostgres(async (client) => {
    const answers: Answer[] = [];
    for (const text of statementsOf(file)) {
      const answer = await client.query(text);
      answers.push(
        settled(
          text,
          answer.kind === "failed"
            ? { sqlState: answer.sqlState, message: answer.message }
            : {
                names: answer.columns.map(({ name }) => name),
                types: answer.columns.map(({ type }) => type),
                rows: answer.rows.map(rowText),
              },
        ),
      );
    }
    writeFileSync(recordingOf(file), `[\n${answers.map((answer) => JSON.stringify(answer)).join(",\n")}\n]\n`);
    process.stdout.write(`${file}: ${answers.length} answers\n`);
  });
}
