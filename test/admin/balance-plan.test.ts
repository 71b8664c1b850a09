import test from "ava";
import fc from "fast-check";
import { planBalance, type TenantLoad } from "../../protocol/admin/commands/cluster/balance-plan.js";

const options = { tolerance: 0.2, movesMax: 100 };
const of = (...loads: (readonly [shard: number, load: number])[]): TenantLoad[] =>
  loads.map(([shard, load], index) => ({ name: `t${index}`, shard, load }));

test("tenants go from the busiest shard to the least busy one", (t) => {
  const plan = planBalance(of([1, 50], [1, 30], [1, 20], [2, 0]), [1, 2], options);
  t.deepEqual(plan.moves, [{ name: "t0", load: 50, from: 1, to: 2 }]);
  t.deepEqual(
    [...plan.after],
    [
      [1, 50],
      [2, 50],
    ],
  );
});

test("a tenant that is busier than all others together stays, its small neighbours go", (t) => {
  const plan = planBalance(of([1, 1_000], [1, 10], [1, 5]), [1, 2], options);
  t.deepEqual(plan.moves.map(({ name }) => name).sort(), ["t1", "t2"]);
  t.is(planBalance(of([1, 1_000]), [1, 2], options).moves.length, 0);
});

test("nothing moves within the tolerance, nor what belongs to a shard that is not offered", (t) => {
  t.is(planBalance(of([1, 55], [1, 3], [2, 50]), [1, 2], options).moves.length, 0);
  t.is(planBalance(of([0, 500], [1, 1], [2, 1]), [1, 2], options).moves.length, 0);
});

test("any plan keeps what there is, never makes the busiest shard busier, and stays within its moves", (t) => {
  const tenant = fc.record({ shard: fc.integer({ min: 1, max: 5 }), load: fc.integer({ min: 0, max: 1_000 }) });
  fc.assert(
    fc.property(fc.array(tenant, { maxLength: 40 }), fc.integer({ min: 0, max: 30 }), (tenants, movesMax) => {
      const named = tenants.map((one, index) => ({ ...one, name: `t${index}` }));
      const { moves, before, after } = planBalance(named, [1, 2, 3, 4, 5], { tolerance: 0.1, movesMax });
      const at = new Map(named.map(({ name, shard }) => [name, shard]));
      const loads = new Map(before);
      let worst = Math.max(...before.values());
      for (const { name, from, to, load } of moves) {
        t.is(at.get(name), from);
        at.set(name, to);
        loads.set(from, (loads.get(from) ?? 0) - load);
        loads.set(to, (loads.get(to) ?? 0) + load);
        t.true(Math.max(...loads.values()) <= worst);
        worst = Math.max(...loads.values());
      }
      t.true(moves.length <= movesMax);
      t.deepEqual(loads, new Map(after));
    }),
  );
});
