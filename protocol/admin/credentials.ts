/**
 * Who a command is, to a node that asks. A password never stands among the flags: there it would be in the list of processes and in the
 * history of the shell.
 *
 *   nothing set      local access: whoever may read the node's data directory, on its machine, is the user `local`
 *   a user, or any of the password's places
 *                    that user (admin unless said), and the password from: `--password-file`, KIMBERLITE_PASSWORD, the terminal
 */
import path from "node:path";
import { readSecretFile, readTextFile } from "../../runtime/storage/host-files.js";
import { KimberliteError } from "../../runtime/types/errors.js";
import { type CredentialsSource, localAccess } from "../client/login.js";
import type { Invocation } from "./command.js";

const passwordVariable = "KIMBERLITE_PASSWORD";

type Asked = Pick<Invocation<unknown>, "configuration" | "surroundings">;

/** The first line of a file that nobody else may read. Throws `configurationInvalid`. */
function passwordIn(file: string): string {
  const text = readSecretFile(file);
  if (text === null) {
    const why = readTextFile(file) === null ? "there is no such file" : "others may read it; chmod 600 it";
    throw new KimberliteError("configurationInvalid", `password-file ${file}: ${why}`, { detail: { file } });
  }
  const [line = ""] = text.split(/\r?\n/);
  if (line === "") throw new KimberliteError("configurationInvalid", `password-file ${file}: its first line is empty`);
  return line;
}

/** @param variables of the environment where it may stand. Throws `unauthenticated`, `configurationInvalid`, `cancelled`. */
export async function passwordOf(
  { configuration, surroundings }: Asked,
  user: string,
  variables: readonly string[] = [passwordVariable],
): Promise<string> {
  const file = configuration.get("password-file");
  if (file !== null) return passwordIn(path.resolve(surroundings.directory, file));
  for (const name of variables) {
    const value = surroundings.environment[name];
    if (value !== undefined) return value;
  }
  if (surroundings.stdin.isTTY !== true) {
    throw new KimberliteError(
      "unauthenticated",
      `the password of ${user} is taken from --password-file or ${variables.join(" or ")}`,
    );
  }
  const { isCancel, password } = await import("@clack/prompts");
  const answer = await password({ message: `Password of ${user}:` });
  if (isCancel(answer)) throw new KimberliteError("cancelled", "no password was given");
  return answer;
}

/** Asked once, however often the command connects. */
export function credentialsOf(asked: Asked): CredentialsSource {
  const { configuration, surroundings } = asked;
  const isNamed =
    configuration.isSet("user") ||
    configuration.isSet("password-file") ||
    surroundings.environment[passwordVariable] !== undefined;
  if (!isNamed) return (place) => explained(() => localAccess(place));
  const user = configuration.require("user");
  let password: Promise<string> | null = null;
  return async () => {
    password ??= passwordOf(asked, user);
    return { user, password: await password };
  };
}

function explained<T>(ask: () => T): T {
  try {
    return ask();
  } catch (error) {
    if (!(error instanceof KimberliteError)) throw error;
    throw new KimberliteError(
      "unauthenticated",
      "say who you are: --user, and its password from --password-file, KIMBERLITE_PASSWORD or the terminal; " +
        "without them only whoever may read the node's data directory, on its machine, is let in",
      { cause: error, detail: error.detail },
    );
  }
}
