/** Values of types that are stored in forms of their own, on a node: after a new start, in the past, by their keys, in both formats. */
import test from "ava";
import { decodeValue } from "../../protocol/client/sql/values.js";
import { typeOid } from "../../runtime/query/types/sql-type.js";
import { restartedNode, rowsOf } from "./restarted-node.js";

const columns = "a inet unique, n cidr, t timetz, b bit(3), v varbit, m macaddr, w macaddr8, p money, many inet[]";
const values =
  "'10.1.2.3/8', '10/8', '10:00+02', '101', '1', '08002b010203', '08002b0102030405', '$5', '{10.0.0.1,NULL}'";
const before =
  "10.1.2.3/8|10.0.0.0/8|10:00:00+02|101|1|08:00:2b:01:02:03|08:00:2b:01:02:03:04:05|$5.00|{10.0.0.1,NULL}";
const after =
  "10.1.2.4/8|10.0.0.0/8|11:00:00+02|010|10|f7:ff:d4:fe:fd:fc|08:00:2b:01:02:03:04:05|$10.00|{10.0.0.1,NULL}";

test("addresses, times with zones, bits and money are there after a new start, and in the past, with defaults that older rows have", async (t) => {
  const run = restartedNode(t);
  let then = "";
  await run(async (client) => {
    await rowsOf(client, `create table seen (id int primary key, ${columns})`);
    await rowsOf(client, "create index on seen (t, v, p)");
    await rowsOf(client, `insert into seen values (1, ${values})`);
    then = await rowsOf(client, "select max(position) from kimberlite.commits");
    await rowsOf(
      client,
      "update seen set a = a + 1, t = t + interval '1 hour', b = ~ b, v = v || B'0', m = ~ m, p = p * 2 where id = 1",
    );
    await rowsOf(
      client,
      "alter table seen add x inet default '::1', add y timetz default '12:00+01', add z bit(4) default X'A', add c money default 7",
    );
  });
  await run(async (client) => {
    const all = "select a, n, t, b, v, m, w, p, many from seen";
    t.is(await rowsOf(client, all), after);
    t.is(await rowsOf(client, `${all} for system_time as of position ${then}`), before);
    t.is(await rowsOf(client, "select x, y, z, c from seen"), "::1|12:00:00+01|1010|$7.00");
    t.is(await rowsOf(client, "select id from seen where a = '10.1.2.4/8'"), "1");
    t.is(await rowsOf(client, "select id from seen where a = '10.1.2.3/8'"), "");
    t.is(await rowsOf(client, "select id from seen where t = '11:00+02' and v = '10' and p = '10'"), "1");
    t.is(await rowsOf(client, "select inet_client_addr() <<= '127.0.0.0/8'"), "t");
  });
});

test("the library's client takes arrays of them apart", (t) => {
  const arrays: readonly (readonly [type: number, text: string, values: readonly (string | null)[]])[] = [
    [typeOid.inetArray, "{10.0.0.1,NULL}", ["10.0.0.1", null]],
    [typeOid.cidrArray, "{10.0.0.0/8}", ["10.0.0.0/8"]],
    [typeOid.timetzArray, "{10:00:00+02}", ["10:00:00+02"]],
    [typeOid.bitArray, "{101,010}", ["101", "010"]],
    [typeOid.varbitArray, "{}", []],
    [typeOid.macaddrArray, "{08:00:2b:01:02:03}", ["08:00:2b:01:02:03"]],
    [typeOid.macaddr8Array, "{08:00:2b:01:02:03:04:05}", ["08:00:2b:01:02:03:04:05"]],
    [typeOid.moneyArray, '{"$1,000.00",NULL}', ["$1,000.00", null]],
  ];
  for (const [type, text, values] of arrays) t.deepEqual(decodeValue(type, Buffer.from(text)), values, text);
});
