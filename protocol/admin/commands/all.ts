/** All subcommands, in the order in which `--help` lists them. */
import type { Subcommand } from "../command.js";
import { configCommand } from "./config.js";

export const subcommands: readonly Subcommand[] = [configCommand];
