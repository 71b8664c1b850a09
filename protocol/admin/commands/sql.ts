/** `kimberlite sql`: statements, from a terminal, a file or a flag. */
import path from "node:path";
import { z } from "zod";
import { readTextFile } from "../../../runtime/storage/host-files.js";
import { KimberliteError } from "../../../runtime/types/errors.js";
import { defineCommand, type Invocation } from "../command.js";
import { passwordOf } from "../credentials.js";
import { exitCodes } from "../exit-codes.js";
import { formatAddress } from "../units.js";

interface SqlOptions {
  readonly command?: string | undefined;
  readonly file?: string | undefined;
}

const passwordNames = ["KIMBERLITE_PASSWORD", "PGPASSWORD"] as const;

async function run(invocation: Invocation<SqlOptions>): Promise<number> {
  const { configuration, output, surroundings, options } = invocation;
  const { host, port } = configuration.require("pg-connect");
  const user = configuration.require("user");
  const database = configuration.require("tenant");
  const password = await passwordOf(invocation, user, passwordNames);
  const { SqlConnection } = await import("../../client/sql/sql-connection.js");
  const { SqlShell } = await import("../sql/shell.js");
  const settings = { application_name: "kimberlite sql" };
  const connection = await SqlConnection.connect({ host, port, user, password, database, settings });
  try {
    const title = `tenant ${database} at ${formatAddress({ host, port })} as user ${user}`;
    const shell = new SqlShell(connection, output, surroundings, title);
    if (options.command !== undefined) {
      if (options.command.trimStart().startsWith("\\")) await shell.command(options.command);
      else await shell.statement(options.command);
    } else if (options.file !== undefined) {
      const file = path.resolve(surroundings.directory, options.file);
      const text = readTextFile(file);
      if (text === null) throw new KimberliteError("invalidArgument", `there is no file ${file}`);
      const { StatementReader } = await import("../sql/statement-reader.js");
      const reader = new StatementReader();
      for (const statement of [...reader.push(text), ...reader.finish()]) {
        await shell.statement(statement);
        if (shell.failures > 0) break;
      }
    } else {
      if (surroundings.stdin.isTTY === true) await output.note(`${title}; \\? for help`);
      await shell.run();
    }
    return shell.failures === 0 || surroundings.stdin.isTTY === true ? exitCodes.ok.code : exitCodes.failed.code;
  } finally {
    await connection.close();
  }
}

export const sqlCommand = defineCommand({
  usage: "sql",
  summary: "run SQL: a shell on a terminal, or statements from standard input, a file or a flag",
  details:
    "Speaks the PostgreSQL protocol. The password is taken from --password-file, KIMBERLITE_PASSWORD or PGPASSWORD, or asked for. A statement ends with a semicolon; " +
    "commands of the shell begin with a backslash (\\? lists them). With --json each row is one JSON line.",
  settings: ["pg-connect", "user", "password-file", "tenant"],
  flags: [
    ["-c, --command <text>", "run this, and end"],
    ["-f, --file <file>", "run the statements of a file, up to the first that fails, and end"],
  ],
  shape: z.object({ command: z.string().optional(), file: z.string().optional() }),
  examples: [
    ["kimberlite sql", "a shell in the tenant main"],
    ['kimberlite sql -c "SELECT 1" --json', "one statement, its rows as JSON lines"],
    ["kimberlite sql --tenant clinic -f schema.sql", "a file"],
  ],
  run,
});
