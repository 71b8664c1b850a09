/** From the resolved configuration to a node: the one file of the command that knows the SDK. */
import { KimberliteError } from "../../runtime/types/errors.js";
import type { Invocation } from "./command.js";
import type { NodeAccess, TenantAccess } from "./node-access.js";
import type { Address } from "./units.js";

export async function connectNode(address: Address): Promise<NodeAccess> {
  throw new KimberliteError("notSupported", `no client yet for ${address.host}`);
}

/** Runs `work` with a connection to the configured node and closes it whatever happens. */
export async function withNode<T>(invocation: Invocation<unknown>, work: (node: NodeAccess) => Promise<T>): Promise<T> {
  const node = await connectNode(invocation.configuration.require("connect"));
  try {
    return await work(node);
  } finally {
    await node.close();
  }
}

/** As `withNode`, for commands that work in the configured tenant. */
export const withTenant = <T>(
  invocation: Invocation<unknown>,
  work: (tenant: TenantAccess) => Promise<T>,
): Promise<T> =>
  withNode(invocation, async (node) => work(await node.tenant(invocation.configuration.require("tenant"))));
