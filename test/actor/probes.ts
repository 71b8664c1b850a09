/** Trees of probe actors (see `registry.ts`) on real threads. */
import type { Logger } from "../../runtime/actor/definition.js";
import type { TreeEvent } from "../../runtime/actor/supervisor.js";
import { startTree, type Tree, type TreeOptions } from "../../runtime/actor/tree.js";
import type { ChildSpec, GroupSpec } from "../../runtime/actor/tree-spec.js";
import type { ProbeArgs } from "./registry.js";

export const registry = new URL("./registry.js", import.meta.url);

export function probe(
  id: string,
  more: Partial<ChildSpec<never>> & { readonly probeArgs?: ProbeArgs } = {},
): ChildSpec<never> {
  const { probeArgs = {}, ...spec } = more;
  return { id, kind: "probe", args: () => probeArgs, worker: id, restart: "permanent", ...spec };
}

export function group(children: GroupSpec<never>["children"], more: Partial<GroupSpec<never>> = {}): GroupSpec<never> {
  return { id: "node", strategy: "one-for-one", children, ...more };
}

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface ProbeTree {
  readonly tree: Tree;
  readonly events: TreeEvent[];
  readonly logs: LogLine[];
}

export async function startProbes(spec: GroupSpec<never>, more: Partial<TreeOptions> = {}): Promise<ProbeTree> {
  const events: TreeEvent[] = [];
  const logs: LogLine[] = [];
  const at =
    (level: string) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}) =>
      void logs.push({ level, message, fields });
  const log: Logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  const tree = await startTree(spec, {
    registry,
    log,
    onEvent: (event) => void events.push(event),
    onFailed: (error) => {
      throw error;
    },
    ...more,
  });
  return { tree, events, logs };
}
