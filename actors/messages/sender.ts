/** Who sent a message, as the neighbour that it is. */
import type { ActorContext, Port } from "../../runtime/actor/definition.js";
import type { Envelope } from "../../runtime/actor/envelope.js";

/** Where the sender of a message is answered; null when it is gone: its successor's correlations mean other requests. */
export function senderPort(context: Pick<ActorContext, "port">, { sender, epoch }: Envelope): Port | null {
  // The last part of a path is the id under which neighbours know an actor.
  const port = context.port(sender.slice(sender.lastIndexOf("/") + 1));
  return port !== null && port.epoch === epoch ? port : null;
}
