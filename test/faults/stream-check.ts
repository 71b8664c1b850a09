/** Reads what writers wrote and holds it against what they were promised. */
import type { Database } from "../../protocol/sdk/index.js";
import { payloadOf, type Writer } from "./writer.js";

export interface StreamCheck {
  /** Events compared byte by byte. */
  compared: number;
  readonly violations: string[];
}

export const streamName = (writer: number): string => `writer-${writer}`;

const violationsMax = 20;

/**
 * Every event of the writer's stream from `from` on must be the one that the writer sent at that place, up to at least what was
 * acknowledged and at most what was sent.
 */
export async function checkStream(
  db: Database,
  tenant: string,
  writer: Writer,
  check: StreamCheck,
  from = 0,
  acknowledged = writer.acknowledged,
): Promise<void> {
  const { writer: number, payloadBytes } = writer.options;
  const stream = db.tenant(tenant).stream(streamName(number));
  const say = (what: string): void => {
    if (check.violations.length < violationsMax) check.violations.push(`writer ${number}: ${what}`);
  };
  let next = from;
  for (;;) {
    const page = await stream.read({ from: next, limit: 10_000, consistency: "linearizable", timeoutMs: 30_000 });
    for (const event of page.events) {
      if (Number(event.offset) !== next) say(`offset ${event.offset} where ${next} was due`);
      if (Buffer.compare(event.data, payloadOf(number, next, payloadBytes)) !== 0) {
        say(`offset ${next} holds other bytes than were sent`);
      }
      next += 1;
      check.compared += 1;
    }
    if (page.events.length === 0 || BigInt(next) >= page.nextOffset) break;
  }
  if (next < acknowledged) say(`acknowledged ${acknowledged} events, found ${next}`);
  if (next > writer.sent) say(`sent ${writer.sent} events, found ${next}`);
}

export async function checkStreams(
  db: Database,
  tenant: string,
  writers: readonly Writer[],
  check: StreamCheck = { compared: 0, violations: [] },
): Promise<StreamCheck> {
  for (const writer of writers) {
    check.violations.push(...writer.violations);
    await checkStream(db, tenant, writer, check);
  }
  return check;
}
