/** What a session hears of channels while nobody takes it. */
import test from "ava";
import type { SqlOutcome } from "../../protocol/postgres/executor.js";
import { Notifications } from "../../protocol/postgres/notifications.js";
import { dataRow, rows } from "./fake-executor.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test("what is not taken is bounded: nobody is asked for more until it is", async (t) => {
  const asked: { position: number | null; settle: (outcome: SqlOutcome) => void }[] = [];
  const notifications = new Notifications({
    ask: (position, settle) => {
      asked.push({ position, settle });
      return { cancel: () => {}, takeBack: () => {} };
    },
    after: () => () => {},
    news: () => {},
  });
  const tell = (position: number, payload: string): void => {
    const row = dataRow([String(position), "7", "news", payload].map(bytes));
    asked.at(-1)?.settle(rows({ position, rows: row, rowCount: 1 }));
  };
  const wished = notifications.wish("news", true, 0);
  asked[0]?.settle(rows({ position: 0 }));
  await wished;
  notifications.end("committed");
  const payload = "x".repeat(8_000);
  let position = 0;
  for (let before = 0; asked.length > before; tell(position, payload)) {
    before = asked.length;
    position += 1;
  }
  t.true(position > 100 && position < 200, `${position} of 8,000 characters are kept`);
  const kept = notifications.take();
  t.is(kept.length, position);
  t.is(asked.at(-1)?.position, position, "asked on from where it was heard");
  tell(position + 1, "one more");
  t.deepEqual(
    notifications.take().map(({ payload: text }) => text),
    ["one more"],
  );
});
