/** Every kind of actor that a worker thread of this node can run. Loaded by URL in each thread, which then loads its own kinds only. */
import type { ActorRegistry, AnyActorDefinition } from "../../runtime/actor/definition.js";

const known = (definition: object): AnyActorDefinition => definition as AnyActorDefinition;

export const definitions: ActorRegistry = {
  directory: async () => known((await import("../../actors/directory/actor.js")).directoryDefinition),
  gateway: async () => known((await import("./gateway.js")).gatewayDefinition),
  keeper: async () => known((await import("../../actors/keeper/actor.js")).keeperDefinition),
  postgres: async () => known((await import("../postgres/gateway.js")).postgresGatewayDefinition),
  projection: async () => known((await import("../../actors/projection/actor.js")).projectionDefinition),
  replica: async () => known((await import("../../actors/replica/actor.js")).replicaDefinition),
  shard: async () => known((await import("../../actors/shard/actor.js")).shardDefinition),
};
