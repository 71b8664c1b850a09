/** Names, types, rows and errors are PostgreSQL's, whether a statement is planned or run as it was bound. */
import { readFileSync } from "node:fs";
import test from "ava";
import { SqlError } from "../../runtime/query/error.js";
import { type Answer, logicFiles, recordingOf, settled, statementsOf } from "./logic/recording.js";
import { MemoryDatabase } from "./memory-database.js";

function answerOf(database: MemoryDatabase, text: string): Answer {
  try {
    const result = database.run(text);
    const rows = database.texts(result).map((row) => row.join("|"));
    return settled(text, { names: result.names, types: result.types, rows });
  } catch (error) {
    if (error instanceof SqlError) return { sqlState: error.sqlState, message: error.message };
    throw error;
  }
}

/** Messages that say the same in other words, or more. */
const otherWords: ReadonlySet<string> = new Set(["0A000", "42601", "42P01", "42P10"]);

for (const file of logicFiles()) {
  for (const isPlanned of [true, false]) {
    test(`${file} has PostgreSQL's answers${isPlanned ? "" : " without a planner"}`, (t) => {
      const recorded = JSON.parse(readFileSync(recordingOf(file), "utf8")) as readonly Answer[];
      const statements = statementsOf(file);
      t.is(statements.length, recorded.length, "record the file anew");
      const database = new MemoryDatabase();
      database.isPlanned = isPlanned;
      for (const [index, text] of statements.entries()) {
        const wanted = recorded[index];
        if (wanted === undefined) throw new Error("no recording");
        const given = answerOf(database, text);
        if ("sqlState" in wanted && otherWords.has(wanted.sqlState)) {
          t.is("sqlState" in given ? given.sqlState : "none", wanted.sqlState, text);
        } else t.deepEqual(given, wanted, text);
      }
      t.true(statements.length > 20);
    });
  }
}
