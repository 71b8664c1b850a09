/**
 * A node in a process of its own, driven over IPC by `node-child.ts`: what the tests kill, starve and damage. The first argument is
 * its options as JSON. It ends when its parent does.
 */

import { type Node, type NodeOptions, startNode } from "../../protocol/server/node.js";
import type { Logger } from "../../runtime/actor/definition.js";
import { toErrorRecord } from "../../runtime/types/errors.js";
import type { ChildOptions, NodeReport, NodeRequest } from "./node-child.js";

const say = (report: NodeReport): void => {
  process.send?.(report);
};

const line =
  (level: string) =>
  (message: string, fields: object = {}): void =>
    say({ event: "log", level, message, fields: JSON.parse(JSON.stringify(fields)) as Record<string, unknown> });

const logger: Logger = { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };

async function answer(node: Node, { method, argument }: NodeRequest): Promise<unknown> {
  switch (method) {
    case "status":
      return node.status();
    case "inspect":
      return node.inspect();
    case "workers":
      return node.workers();
    case "terminateWorker":
      return node.terminateWorker(argument);
    case "stop":
      return node.stop();
    default:
      throw new Error(`no method ${String(method)}`);
  }
}

try {
  const began = performance.now();
  const { cluster, ...given } = JSON.parse(process.argv[2] ?? "{}") as ChildOptions;
  const plan =
    cluster === undefined ? null : { ...cluster, clusterId: Uint8Array.from(Buffer.from(cluster.clusterId, "hex")) };
  const node = await startNode({ ...(given as NodeOptions), cluster: plan, logger });
  const port = node.addresses.native?.port ?? 0;
  say({ event: "ready", port, isNew: node.isNew, readyMs: performance.now() - began });
  node.failed.then(
    (error) => say({ event: "failed", error: toErrorRecord(error) }),
    () => {},
  );
  process.on("message", (request: NodeRequest) => {
    answer(node, request).then(
      (result) => say({ event: "answer", id: request.id, result: result ?? null, error: null }),
      (error: unknown) => say({ event: "answer", id: request.id, result: null, error: toErrorRecord(error) }),
    );
  });
  process.on("disconnect", () => process.exit(0));
} catch (error) {
  say({ event: "refused", error: toErrorRecord(error) });
  setTimeout(() => process.exit(1), 50);
}
