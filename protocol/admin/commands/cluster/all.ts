/** The commands about a cluster, in the order in which they are needed. */
import type { Subcommand } from "../../command.js";
import { clusterAddCommand } from "./add.js";
import { clusterBalanceCommand } from "./balance.js";
import { clusterHandoverCommand } from "./handover.js";
import { clusterInitCommand } from "./init.js";
import { clusterKeysCommand } from "./keys.js";
import { clusterPromoteCommand } from "./promote.js";
import { clusterRecoverCommand } from "./recover.js";
import { clusterReloadCommand } from "./reload.js";
import { clusterRemoveCommand } from "./remove.js";
import { clusterRescueCommand } from "./rescue.js";
import { clusterStatusCommand } from "./status.js";

export const clusterCommands: readonly Subcommand[] = [
  clusterInitCommand,
  clusterKeysCommand,
  clusterStatusCommand,
  clusterHandoverCommand,
  clusterBalanceCommand,
  clusterAddCommand,
  clusterReloadCommand,
  clusterPromoteCommand,
  clusterRemoveCommand,
  clusterRecoverCommand,
  clusterRescueCommand,
];
