/** Several writers on one tenant. */
import { connect } from "../../protocol/sdk/index.js";
import { streamName } from "./stream-check.js";
import { Writer } from "./writer.js";

export interface LoadOptions {
  readonly tenant: string;
  readonly writers: number;
  readonly depth: number;
  readonly payloadBytes?: number;
  readonly run?: number;
  /** Number of the first writer. */
  readonly first?: number;
  readonly onAcknowledged?: (time: number) => void;
  /** See `WriterOptions`. */
  readonly expectsOffset?: boolean;
}

/** Makes the streams and starts the writers; `port` is asked anew for each connection, since a node may come back elsewhere. */
export async function startLoad(port: () => number, options: LoadOptions): Promise<Writer[]> {
  const { tenant, writers, depth, payloadBytes = 96, run = 1, first = 0, onAcknowledged, expectsOffset } = options;
  const db = await connect(`kimberlite://127.0.0.1:${port()}`);
  try {
    const { id } = await db.tenants.get(tenant);
    const made: Writer[] = [];
    for (let writer = first; writer < first + writers; writer++) {
      const stream = await db.tenant(tenant).streams.create(streamName(writer), { ifNotExists: true });
      const streamId = await stream.id();
      const address = (): string => `127.0.0.1:${port()}`;
      made.push(
        new Writer({
          writer,
          tenant: Number(id),
          stream: streamId,
          address,
          depth,
          payloadBytes,
          run,
          onAcknowledged,
          expectsOffset,
        }),
      );
    }
    for (const writer of made) writer.start();
    return made;
  } finally {
    await db.close();
  }
}

export const sum = (writers: readonly Writer[], of: (writer: Writer) => number): number =>
  writers.reduce((total, writer) => total + of(writer), 0);
