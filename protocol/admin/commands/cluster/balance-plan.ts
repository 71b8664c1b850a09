/**
 * Which tenants should move so that the shards carry about the same: a pure function of what each tenant carries now.
 *
 * Greedy: from the shard that carries most to the one that carries least, the tenant that brings the two closer to one another, as long
 * as the most loaded shard is above the tolerance. Each move lowers the sum of squares of the loads, so it ends;
 * a tenant that is a shard's whole load stays where it is, since moving it would only move the problem.
 */
import { assert } from "../../../../runtime/types/assert.js";

export interface TenantLoad {
  readonly name: string;
  readonly shard: number;
  /** In any unit, the same for all. */
  readonly load: number;
}

export interface PlannedMove {
  readonly name: string;
  readonly load: number;
  readonly from: number;
  readonly to: number;
}

export interface BalancePlan {
  readonly moves: readonly PlannedMove[];
  /** Load by shard, before and after the moves. */
  readonly before: ReadonlyMap<number, number>;
  readonly after: ReadonlyMap<number, number>;
}

/**
 * @param shards that may serve tenants: user shards
 * @param tolerance how far above the mean a shard may be: 0.2 for a fifth
 */
export function planBalance(
  tenants: readonly TenantLoad[],
  shards: readonly number[],
  { tolerance, movesMax }: { readonly tolerance: number; readonly movesMax: number },
): BalancePlan {
  assert(shards.length > 0 && tolerance >= 0, "there are shards to balance");
  const loads = new Map(shards.map((shard) => [shard, 0]));
  const placed = new Map<string, TenantLoad>();
  let total = 0;
  for (const tenant of tenants) {
    assert(tenant.load >= 0, "a load is not negative");
    const load = loads.get(tenant.shard);
    // The system shard's own tenant, or one of a shard that is not offered: it stays.
    if (load === undefined) continue;
    loads.set(tenant.shard, load + tenant.load);
    placed.set(tenant.name, tenant);
    total += tenant.load;
  }
  const before = new Map(loads);
  const limit = (total / shards.length) * (1 + tolerance);
  const moves: PlannedMove[] = [];
  while (moves.length < movesMax) {
    const [hottest, coldest] = extremes(loads);
    const gap = (loads.get(hottest) ?? 0) - (loads.get(coldest) ?? 0);
    if ((loads.get(hottest) ?? 0) <= limit || gap <= 0) break;
    const best = closest(
      [...placed.values()].filter(({ shard }) => shard === hottest),
      gap,
    );
    if (best === null) break;
    loads.set(hottest, (loads.get(hottest) ?? 0) - best.load);
    loads.set(coldest, (loads.get(coldest) ?? 0) + best.load);
    placed.set(best.name, { ...best, shard: coldest });
    moves.push({ name: best.name, load: best.load, from: hottest, to: coldest });
  }
  return { moves, before, after: loads };
}

/** The shard that carries most and the one that carries least; the lower number of equals. */
function extremes(loads: ReadonlyMap<number, number>): readonly [hottest: number, coldest: number] {
  const order = [...loads].sort(([left, leftLoad], [right, rightLoad]) => rightLoad - leftLoad || left - right);
  return [order[0]?.[0] ?? 0, order.at(-1)?.[0] ?? 0];
}

/**
 * The largest tenant that is no more than half of a gap, so that a giant stays and its neighbours go; else the smallest that still leaves
 * less of a gap than there is. Null when none does.
 */
function closest(tenants: readonly TenantLoad[], gap: number): TenantLoad | null {
  let within: TenantLoad | null = null;
  let beyond: TenantLoad | null = null;
  for (const tenant of tenants) {
    if (tenant.load === 0 || tenant.load >= gap) continue;
    if (tenant.load <= gap / 2) within = within === null || tenant.load > within.load ? tenant : within;
    else beyond = beyond === null || tenant.load < beyond.load ? tenant : beyond;
  }
  return within ?? beyond;
}
