/**
 * A client that may be killed at any moment: appends numbers to a stream, one idempotency key each, and says what was acknowledged.
 *
 *   node keyed-client.js <addresses> <tenant> <stream> <first number>
 *
 * Its successor begins again some numbers before the last acknowledged one, with the same keys: what was written already is answered
 * as before, and not written again.
 */
import { connect } from "../../protocol/sdk/index.js";

const inFlight = 8;
const [addresses = "", tenant = "", stream = "", first = "0"] = process.argv.slice(2);

const db = await connect(addresses, { timeoutMs: 30_000 });
const target = await db.tenant(tenant).streams.create(stream, { ifNotExists: true });
for (let next = Number(first); ; next += inFlight) {
  const numbers = Array.from({ length: inFlight }, (_, index) => next + index);
  await Promise.all(
    numbers.map((number) => target.append({ number }, { idempotencyKey: `${stream}/${number}`, timeoutMs: 30_000 })),
  );
  process.stdout.write(`${next + inFlight}\n`);
}
