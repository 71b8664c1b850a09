/** Every kind of actor that a worker thread of this node can run; loaded by URL in each of them. */
import { directoryDefinition } from "../../actors/directory/actor.js";
import { keeperDefinition } from "../../actors/keeper/actor.js";
import { projectionDefinition } from "../../actors/projection/actor.js";
import { replicaDefinition } from "../../actors/replica/actor.js";
import { shardDefinition } from "../../actors/shard/actor.js";
import type { AnyActorDefinition } from "../../runtime/actor/definition.js";
import { gatewayDefinition } from "./gateway.js";

export const definitions: Readonly<Record<string, AnyActorDefinition>> = {
  directory: directoryDefinition as unknown as AnyActorDefinition,
  gateway: gatewayDefinition as unknown as AnyActorDefinition,
  keeper: keeperDefinition as unknown as AnyActorDefinition,
  projection: projectionDefinition as unknown as AnyActorDefinition,
  replica: replicaDefinition as unknown as AnyActorDefinition,
  shard: shardDefinition as unknown as AnyActorDefinition,
};
