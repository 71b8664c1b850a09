/** The checker on which the fault tests stand must see what it looks for: a test that cannot fail proves nothing. */
import test from "ava";
import { connect } from "../../protocol/sdk/index.js";
import { loadFor } from "../node/load-for.js";
import { eventually, scratch, startChild } from "../node/node-child.js";
import { checkStreams, streamName } from "./stream-check.js";
import { payloadOf } from "./writer.js";

test.serial(
  "the checker sees a lost event, a doubled one, a foreign one, and is content with a whole stream",
  async (t) => {
    const node = await startChild(t, { dataDirectory: scratch(t) });
    const [writer] = await loadFor(t, () => node.port, { tenant: "main", writers: 1, depth: 4 });
    if (writer === undefined) throw new Error("one writer was started");
    await eventually("some load", () => writer.acknowledged > 50);
    await writer.settle();
    await using db = await connect(node.target);
    const found = async (): Promise<string> => (await checkStreams(db, "main", [writer])).violations.join("; ");
    t.is(await found(), "");
    const { acknowledged, sent } = writer;

    writer.acknowledged += 1;
    t.regex(await found(), /acknowledged \d+ events, found \d+/, "an acknowledged event that is not there");
    writer.acknowledged = acknowledged;

    writer.sent -= 1;
    t.regex(await found(), /sent \d+ events, found \d+/, "an event that was never sent");
    writer.sent = sent;

    const stream = db.tenant("main").stream(streamName(0));
    await stream.append(payloadOf(0, sent - 1, 96));
    writer.sent += 1;
    t.regex(await found(), /holds other bytes than were sent/, "an event that is there twice");

    writer.violations.push("acknowledged out of order");
    t.regex(await found(), /acknowledged out of order/, "what the writer saw itself is passed on");
  },
);
