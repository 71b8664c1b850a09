/** All subcommands, in the order in which `--help` lists them. */
import type { Subcommand } from "../command.js";
import { appendCommand } from "./append.js";
import { benchCommand } from "./bench.js";
import { clusterCommands } from "./cluster/all.js";
import { configCommand } from "./config.js";
import { groupCommands } from "./group.js";
import { initCommand } from "./init.js";
import { readCommands } from "./read.js";
import { sqlCommand } from "./sql.js";
import { devCommand, startCommand } from "./start.js";
import { streamCommands } from "./stream.js";
import { tenantCommands } from "./tenant.js";
import { topCommands } from "./top.js";
import { userCommands } from "./user.js";
import { verifyCommand } from "./verify.js";

export const subcommands: readonly Subcommand[] = [
  startCommand,
  devCommand,
  initCommand,
  ...topCommands,
  ...tenantCommands,
  ...userCommands,
  sqlCommand,
  ...streamCommands,
  appendCommand,
  ...readCommands,
  ...groupCommands,
  ...clusterCommands,
  verifyCommand,
  benchCommand,
  configCommand,
];
