/** Aggregates with an order of their own: by the argument itself, by others, with NULLs, DISTINCT and FILTER; numerics as doubles. */
import test from "ava";
import { Decimal, decimalText } from "../../runtime/query/types/decimal.js";
import { toNumber } from "../../runtime/query/types/decimal-arithmetic.js";
import { comparePlansAndRows, type Explained } from "./explained.js";

const definitions = [
  "create table r (id int primary key, k int, s text, v numeric(10, 3), f float8)",
  `insert into r select g, g % 7, 's' || g % 11, nullif(g * 31 % 170, 5) / 7.0, case g % 9 when 0 then 'nan' when 1 then -0.0 else g % 4 end
     from generate_series(1, 1500) g`,
];

const of = (call: string): Explained => [`select k, ${call} from r group by k order by k`, /HashAggregate/];

test("values that are in their own order are those that keys beside them would give", async (t) => {
  await comparePlansAndRows(t, definitions, [
    of("array_agg(v order by v)"),
    of("array_agg(v order by v desc nulls last), array_agg(v order by v nulls first)"),
    of("array_agg(distinct v order by v desc), string_agg(distinct s, ',' order by s)"),
    of("array_agg(f order by f desc), array_agg(s order by s) filter (where v > 3)"),
    of("array_agg(id order by v, id), array_agg(v order by -v, id)"),
    of(
      "percentile_cont(0.37) within group (order by v), percentile_cont(array[0.1, 0.9]) within group (order by v desc)",
    ),
    of("percentile_disc(0.5) within group (order by v), mode() within group (order by s desc)"),
    of("rank(9.5) within group (order by v nulls first), json_agg(s order by s desc)"),
  ]);
});

test("a numeric as a double is the double of its digits", (t) => {
  let seed = 7n;
  for (let round = 0; round < 20_000; round += 1) {
    seed = (seed * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n) % (1n << 64n);
    const coefficient = BigInt.asIntN(1 + (round % 62), seed >> 1n);
    const decimal = new Decimal(coefficient, round % 31);
    t.is(toNumber(decimal), Number(decimalText(decimal)));
  }
});
