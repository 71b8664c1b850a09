/**
 * Stories of replicas that fall behind, come back and are answered late: views that one alone has entered, runs that were asked for by a former
 * life, segments behind the leftovers of a discarded log. Each draws its details from the seed.
 */
import { at } from "./event-at.js";
import { between } from "./rare-runs.js";
import type { FaultEvent } from "./schedule.js";
import type { Stream } from "./streams.js";

/**
 * Of three, the one that leads view 2 hears that another misses the primary as it does, and is heard by nobody: it alone enters that view, and
 * restarts there without knowing its head. What all others say is of the view before and too old for it.
 */
export function aloneInView(random: Stream): FaultEvent[] {
  const ms = random.between(2_600, 3_200);
  const silent = [1, 2].flatMap((from) => [0, 1, 2].filter((to) => to !== from).map((to) => [from, to] as const));
  return [
    at(500, { kind: "partition", links: silent, forMs: ms + 1 - 500 }),
    ...[0.97, 0.98, 0.99, 0.9999].map((where) =>
      at(ms, { kind: "latent", replica: 2, zone: "log", where, how: "random" } as const),
    ),
    at(ms, { kind: "kill", replica: 2, downMs: random.pick([1, 5, 20]) }),
  ];
}

/**
 * A replica that was away asks for what it missed. Before the answer is there it restarts, with damage further back than where it asked from:
 * what comes goes on behind a place that its log does not reach any more.
 */
export function asksInVain(random: Stream): FaultEvent[] {
  const first = random.below(2);
  return [0, 1].flatMap((round) => {
    const replica = (first + round) % 2 === 0 ? 0 : 2;
    const cut = 500 + round * 700;
    const forMs = random.between(150, 250);
    const ends = cut + forMs + random.between(30, 90);
    return [
      at(cut, {
        kind: "partition",
        links: between(
          [replica],
          [0, 1, 2].filter((other) => other !== replica),
        ),
        forMs,
      }),
      at(ends, { kind: "latent", replica, zone: "log", where: random.between(25, 40) / 100, how: "random" }),
      at(ends, { kind: "kill", replica, downMs: 1 }),
    ];
  });
}

/**
 * A primary that is cut off goes on alone with a prepare that still fits into its segment; in its place the others have a longer one, in the
 * next segment. When it is back it fetches whole segments, and what lies behind the end of its own is of nobody's log.
 */
export function leftoversAtEnd(random: Stream): FaultEvent[] {
  return [1, 2].map((leader, round) => {
    const others = [0, 1, 2].filter((other) => other !== leader);
    const links = between([leader], others);
    return at(500 + round * 3_000, { kind: "partition", links, forMs: random.between(1_900, 2_400) });
  });
}
