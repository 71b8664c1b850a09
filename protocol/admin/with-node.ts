/** What a command does with a running node. The client and SDK are loaded when a command connects: most of a start is loading modules. */
import { hasCode } from "../../runtime/types/errors.js";
import type { Invocation } from "./command.js";
import { fileText } from "./file-text.js";
import type { NodeAccess, TenantAccess } from "./node-access.js";
import type { Address } from "./units.js";

/** How the node's certificate is checked; undefined without TLS. Throws `configurationInvalid`. */
export function clientTls({ configuration, surroundings }: Invocation<unknown>): { readonly ca?: string } | undefined {
  const authorities = configuration.get("tls-ca");
  if (authorities === null) return undefined;
  return authorities === "system" ? {} : { ca: fileText(surroundings.directory, authorities, "tls-ca") };
}

/** Runs `work` with a connection to a configured node, or to one of those given, and closes it whatever happens. */
export async function withNode<T>(
  invocation: Invocation<unknown>,
  work: (node: NodeAccess) => Promise<T>,
  addresses: readonly Address[] = invocation.configuration.require("connect"),
): Promise<T> {
  const [{ connectNode }, { credentialsOf }] = await Promise.all([import("./connect.js"), import("./credentials.js")]);
  const node = await connectNode(addresses, credentialsOf(invocation), clientTls(invocation));
  try {
    return await work(node);
  } catch (error) {
    // An interrupted command ends what it waits for by closing; that is no failure.
    if (invocation.surroundings.interrupted.aborted && hasCode(error, "cancelled"))
      throw invocation.surroundings.interrupted.reason;
    throw error;
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
