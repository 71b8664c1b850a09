/** Faults of the network: between nodes, and between nodes and clients. Each proves that nothing came through, and heals what it did. */
import { pause } from "../node/node-child.js";
import { flowing, leader, nodeName, note, others, pick, prove, type Scene } from "./scene.js";

const cutMs = 3_000;

type Way = readonly [from: number, to: number];

/** Cuts ways for a time; proves that nothing came through. */
async function cut(scene: Scene, fault: string, ways: readonly Way[], untouched: readonly number[]): Promise<void> {
  const { cluster, timeline } = scene;
  const links = ways.map(([from, to]) => cluster.link(from, to));
  const at = performance.now();
  for (const link of links) link.isCut = true;
  const passed = links.reduce((sum, link) => sum + link.passed, 0);
  const held = links.reduce((sum, link) => sum + link.held, 0);
  timeline.say(`${fault}: ${ways.map(([from, to]) => `${from + 1} ↛ ${to + 1}`).join(", ")}`);
  await Promise.all([flowing(scene, performance.now() + 20), pause(cutMs + scene.random() * cutMs)]);
  const isTight = links.reduce((sum, link) => sum + link.passed, 0) === passed;
  if (isTight && links.reduce((sum, link) => sum + link.held, 0) > held) prove(scene, "cuts that held bytes back");
  cluster.healNetwork();
  note(scene, fault, at, untouched);
  await pause(500);
}

export async function isolateLeader(scene: Scene): Promise<void> {
  const victim = await leader(scene);
  const rest = others(scene, victim);
  const ways = rest.flatMap((other): Way[] => [
    [victim, other],
    [other, victim],
  ]);
  await cut(scene, "isolate-leader", ways, rest);
}

/** The leader hears nobody, or nobody hears it. */
export async function oneWay(scene: Scene): Promise<void> {
  const victim = await leader(scene);
  const rest = others(scene, victim);
  const isDeaf = scene.random() < 0.5;
  await cut(
    scene,
    "one-way",
    rest.map((other): Way => (isDeaf ? [other, victim] : [victim, other])),
    rest,
  );
}

/** One link only: everyone still reaches everyone over a third. */
export async function cutLink(scene: Scene): Promise<void> {
  const victim = await leader(scene);
  const other = pick(scene, others(scene, victim));
  await cut(
    scene,
    "cut-link",
    [
      [victim, other],
      [other, victim],
    ],
    [],
  );
}

/** Every way takes longer, or one node's ways carry little. */
export async function slowNetwork(scene: Scene): Promise<void> {
  const { cluster, timeline, random } = scene;
  const isDelay = random() < 0.5;
  const victim = pick(scene, others(scene));
  const at = performance.now();
  const ways = others(scene).flatMap((from) => others(scene, from).map((to): Way => [from, to]));
  const links = ways.filter((way) => isDelay || way.includes(victim)).map(([from, to]) => cluster.link(from, to));
  const held = links.reduce((sum, link) => sum + link.held, 0);
  for (const link of links) Object.assign(link, isDelay ? { delayMs: 15 } : { bytesPerSecond: 64 * 1024 });
  timeline.say(isDelay ? "every way takes 15 ms longer" : `the ways of ${nodeName(victim)} carry 64 KiB/s`);
  await pause(cutMs);
  await flowing(scene, performance.now());
  if (links.reduce((sum, link) => sum + link.held, 0) > held) prove(scene, "networks that held bytes back");
  cluster.healNetwork();
  await flowing(scene, performance.now());
  note(scene, "slow-network", at, []);
}

const bothWays = (one: number, other: number): Way[] => [
  [one, other],
  [other, one],
];

/** Two halves, and one node that both of them reach: each half and the bridge are a majority. */
export async function bridge(scene: Scene): Promise<void> {
  const nodes = others(scene);
  const middle = pick(scene, nodes);
  const rest = nodes.filter((node) => node !== middle);
  const half = Math.ceil(rest.length / 2);
  const [left, right] = [rest.slice(0, half), rest.slice(half)];
  const ways = left.flatMap((one) => right.flatMap((other) => bothWays(one, other)));
  await cut(scene, "bridge", ways, []);
}

/** Every node reaches a majority, and no two of them the same one: five nodes in a ring, each of which reaches its neighbours only. */
export async function majoritiesRing(scene: Scene): Promise<void> {
  const order = [...others(scene)].sort(() => scene.random() - 0.5);
  if (order.length < 5) throw new Error("a ring of majorities takes five nodes");
  const ways = order.flatMap((one, place) =>
    order.flatMap((other, otherPlace): Way[] => {
      const apart = Math.min(
        (place - otherPlace + order.length) % order.length,
        (otherPlace - place + order.length) % order.length,
      );
      return apart > 1 ? [[one, other]] : [];
    }),
  );
  await cut(scene, "majorities-ring", ways, []);
}

/** Clients cannot reach a node, the leader for one; nodes reach each other as ever. */
export async function clientSide(scene: Scene): Promise<void> {
  const { cluster, timeline, random } = scene;
  const victim = random() < 0.7 ? await leader(scene) : pick(scene, others(scene));
  const { forward, backward } = cluster.clientLink(victim);
  const at = performance.now();
  forward.isCut = true;
  backward.isCut = true;
  const passed = forward.passed + backward.passed;
  timeline.say(`client-side: clients do not reach ${nodeName(victim)}`);
  await Promise.all([flowing(scene, performance.now() + 20), pause(cutMs)]);
  if (forward.passed + backward.passed === passed && forward.held + backward.held > 0)
    prove(scene, "clients that reached nothing");
  cluster.healNetwork();
  note(scene, "client-side", at, others(scene, victim));
  await pause(500);
}
