/** Where the benchmark writes: streams of one or many tenants, made beforehand; and afterwards the proof that all of it is there. */
import { consistency, encodeReadRequest } from "../../../runtime/kernel/codecs/read-requests.js";
import { requestKind } from "../../../runtime/kernel/kinds.js";
import { ByteWriter } from "../../../runtime/types/byte-writer.js";
import { KimberliteError } from "../../../runtime/types/errors.js";
import type { Connection } from "../../client/index.js";
import type { NodeAccess } from "../node-access.js";
import { createdTenantShape } from "../shapes.js";
import { readMarks } from "./payload.js";

export interface Target {
  readonly tenant: number;
  readonly stream: number;
}

const createdAtOnce = 64;

/** A stream of this name in each of so many tenants; tenants and streams that exist are used as they are. */
export async function makeTargets(
  node: NodeAccess,
  tenants: number,
  streamsPerTenant: number,
  name: string,
): Promise<Target[]> {
  const targets = Array.from<Target>({ length: tenants * streamsPerTenant });
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < tenants; index = next++) {
      const tenantName = `bench-${index}`;
      const { id } = createdTenantShape.parse(
        await node.admin("tenant.create", { name: tenantName, ifNotExists: true }),
      );
      const tenant = await node.tenant(tenantName);
      for (let stream = 0; stream < streamsPerTenant; stream += 1) {
        const made = await tenant.createStream(`${name}-${stream}`, false);
        // Neighbouring targets belong to different tenants.
        targets[stream * tenants + index] = { tenant: id, stream: made.id };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(createdAtOnce, tenants) }, work));
  return targets;
}

/** What one writer sent, by its own count. */
export interface Written {
  readonly writer: number;
  /** Numbers 0 to this, exclusive, were sent. */
  readonly sent: number;
  /** Numbers whose append failed: they may or may not be there. */
  readonly failed: ReadonlySet<number>;
}

const pageEvents = 10_000;
const pageBytes = 4 * 1024 * 1024;
const timeoutMs = 30_000;
const headBytes = 20;
const placeBytes = 24;
const eventHeaderBytes = 5;

/**
 * Reads all targets back. Throws `dataMissing` unless each writer's events are there, once and in the order of their numbers.
 *
 * @returns how many events were found
 */
export async function verifyTargets(
  connection: Connection,
  targets: readonly Target[],
  writers: readonly Written[],
): Promise<number> {
  const seen = new Map<number, number>();
  let events = 0;
  for (const target of targets) {
    const last = new Map<number, number>();
    for await (const { view, from } of payloads(connection, target)) {
      const { writer, number } = readMarks(view, from);
      const before = last.get(writer) ?? -1;
      if (number <= before) throw missing(`event ${number} of writer ${writer} stands behind its event ${before}`);
      last.set(writer, number);
      seen.set(writer, (seen.get(writer) ?? 0) + 1);
      events += 1;
    }
  }
  for (const { writer, sent, failed } of writers) {
    const found = seen.get(writer) ?? 0;
    if (found > sent) throw missing(`writer ${writer} sent ${sent} events, ${found} are there`);
    if (found < sent - failed.size)
      throw missing(`of ${sent - failed.size} acknowledged events of writer ${writer} ${found} are there`);
  }
  return events;
}

const missing = (what: string): KimberliteError =>
  new KimberliteError("dataMissing", `the benchmark's own check failed: ${what}`);

async function* payloads(
  connection: Connection,
  { tenant, stream }: Target,
): AsyncGenerator<{ view: DataView; from: number }> {
  const writer = new ByteWriter(64);
  for (let offset = 0; ; ) {
    const request = {
      kind: requestKind.read,
      tenant,
      consistency: consistency.session,
      argument: 0,
      stream,
      from: offset,
      limit: pageEvents,
      bytesMax: pageBytes,
      direction: 0,
    } as const;
    const body = await new Promise<Uint8Array>((resolve, reject) => {
      connection.request(requestKind.read, timeoutMs, encodeReadRequest(writer.reset(), request).view(), {
        ok: (bytes, _view, from, to) => resolve(bytes.slice(from, to)),
        failed: reject,
      });
    });
    const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    const count = view.getUint32(16, true);
    let at = headBytes;
    for (let index = 0; index < count; index += 1) {
      const length = view.getUint32(at + placeBytes, true);
      yield { view, from: at + placeBytes + eventHeaderBytes };
      at += placeBytes + eventHeaderBytes + length;
    }
    offset += count;
    if (count === 0 || offset >= view.getUint32(8, true) + view.getUint32(12, true) * 2 ** 32) return;
  }
}
