/** The cluster file that a command works on: it has to be named. */
import { KimberliteError } from "../../../../runtime/types/errors.js";
import type { Invocation } from "../../command.js";

/** As it was given. Throws `configurationInvalid`. */
export function clusterFileOf({ configuration }: Invocation<unknown>): string {
  const file = configuration.get("cluster");
  if (file !== null) return file;
  throw new KimberliteError("configurationInvalid", "which cluster? Set cluster to its file");
}
