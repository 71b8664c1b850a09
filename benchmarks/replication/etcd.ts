/**
 * Three nodes of etcd on loopback, and a client that costs little beside them: gRPC's `KV/Put` of 128 bytes over HTTP/2 in frames made once, of
 * which a request changes its stream's number and its key. What it does not need of HTTP/2 (RFC 9113) it does not know.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { Histogram } from "../../protocol/admin/bench/histogram.js";
import { cpuOfTree, freePort, run } from "../sql/servers.js";
import { CpuWatch, endServer, endsWithThis, type Load, type Measured, pause, type Rival, warmUpMs } from "./rival.js";

const host = "127.0.0.1";
const startMsMax = 30_000;
const environment = { ...process.env, ETCDCTL_API: "3" };

export function hasEtcd(): boolean {
  try {
    execFileSync("etcd", ["--version"], { stdio: "ignore" });
    execFileSync("etcdctl", ["version"], { stdio: "ignore", env: environment });
    return true;
  } catch {
    return false;
  }
}

const frameTypes = { data: 0, headers: 1, settings: 4, ping: 6 } as const;
const flagAck = 1;
const flagEndStream = 1;
const flagEndHeaders = 4;
const frameHeadBytes = 9;

function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(frameHeadBytes + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, frameHeadBytes);
  return bytes;
}

/** A header field as HPACK's literal without indexing, with a name of its own (RFC 7541, 6.2.2); texts are shorter than 127 bytes. */
const field = (name: string, value: string): Buffer =>
  Buffer.concat([Buffer.of(0, name.length), Buffer.from(name), Buffer.of(value.length), Buffer.from(value)]);

const keyBytes = 16;
const valueBytes = 128;

/** A `PutRequest` (key = 1, value = 2) behind gRPC's five bytes. */
function putMessage(): Buffer {
  const key = Buffer.concat([Buffer.of(0x0a, keyBytes), Buffer.alloc(keyBytes, 0x30)]);
  const value = Buffer.concat([Buffer.of(0x12, valueBytes | 0x80, 1), Buffer.alloc(valueBytes, 0x61)]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(key.length + value.length, 1);
  return Buffer.concat([head, key, value]);
}

/** One connection; each answer is followed by the next put. */
class PutConnection {
  readonly #socket: Socket;
  readonly #request: Buffer;
  readonly #dataAt: number;
  readonly #prefix: string;
  readonly #answered: (sentAt: number) => boolean;
  #stream = 1;
  #puts = 0;
  /** When each put under way was sent, by its stream. */
  readonly #sentAt = new Map<number, number>();
  #rest: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket, prefix: string, answered: (sentAt: number) => boolean) {
    this.#socket = socket;
    this.#prefix = prefix;
    this.#answered = answered;
    const headers = Buffer.concat([
      field(":method", "POST"),
      field(":scheme", "http"),
      field(":path", "/etcdserverpb.KV/Put"),
      field(":authority", "localhost"),
      field("content-type", "application/grpc"),
      field("te", "trailers"),
    ]);
    const head = frame(frameTypes.headers, flagEndHeaders, 1, headers);
    this.#dataAt = head.length;
    this.#request = Buffer.concat([head, frame(frameTypes.data, flagEndStream, 1, putMessage())]);
    // Answers may come without our saying that we have read those before: a window of 2^31 - 1 bytes for the connection.
    const widen = Buffer.alloc(4);
    widen.writeUInt32BE(2 ** 31 - 1 - 65_535);
    const greeting = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    socket.write(Buffer.concat([greeting, frame(frameTypes.settings, 0, 0, Buffer.alloc(0)), frame(8, 0, 0, widen)]));
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
  }

  /** @param answered told when an answered put was sent; says whether the next follows */
  static async open(port: number, prefix: string, answered: (sentAt: number) => boolean): Promise<PutConnection> {
    const socket = connect({ host, port, noDelay: true });
    await once(socket, "connect");
    return new PutConnection(socket, prefix, answered);
  }

  put(): void {
    const bytes = Buffer.from(this.#request);
    bytes.writeUInt32BE(this.#stream, 5);
    bytes.writeUInt32BE(this.#stream, this.#dataAt + 5);
    this.#sentAt.set(this.#stream, performance.now());
    this.#stream += 2;
    this.#puts += 1;
    const key = `${this.#prefix}${this.#puts}`.padStart(keyBytes, "k");
    bytes.write(key, this.#dataAt + frameHeadBytes + 5 + 2, keyBytes, "latin1");
    this.#socket.write(bytes);
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (at + frameHeadBytes <= bytes.length) {
      const end = at + frameHeadBytes + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      const stream = bytes.readUInt32BE(at + 5);
      this.#frame(bytes[at + 3] ?? 0, bytes[at + 4] ?? 0, stream, bytes.subarray(at + frameHeadBytes, end));
      at = end;
    }
    this.#rest = Buffer.from(bytes.subarray(at));
  }

  #frame(type: number, flags: number, stream: number, payload: Buffer): void {
    if (type === frameTypes.settings && (flags & flagAck) === 0) {
      this.#socket.write(frame(frameTypes.settings, flagAck, 0, Buffer.alloc(0)));
    } else if (type === frameTypes.ping && (flags & flagAck) === 0) {
      this.#socket.write(frame(frameTypes.ping, flagAck, 0, payload));
    } else if (type === frameTypes.headers && (flags & flagEndStream) !== 0) {
      // Its trailers. Whether all puts came true is asked of the store's revision afterwards.
      const sentAt = this.#sentAt.get(stream);
      if (sentAt === undefined) throw new Error(`etcd answers stream ${stream}, on which nothing is under way`);
      this.#sentAt.delete(stream);
      if (this.#answered(sentAt)) this.put();
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}

interface EndpointStatus {
  readonly Status: {
    readonly leader: number;
    readonly header: { readonly member_id: number; readonly revision: number };
  };
}

export class EtcdCluster implements Rival {
  readonly name = "etcd ×3";
  readonly #directory = mkdtempSync(path.join(tmpdir(), "kimberlite-etcd-"));
  readonly #nodes: ChildProcess[] = [];
  #ports: readonly number[] = [];
  #runs = 0;

  static async start(): Promise<EtcdCluster> {
    const cluster = new EtcdCluster();
    const numbers = [0, 1, 2];
    const ports: number[] = [];
    for (let index = 0; index < 2 * numbers.length; index++) ports.push(await freePort());
    const url = (index: number): string => `http://${host}:${ports[index]}`;
    cluster.#ports = ports.slice(0, numbers.length);
    const members = numbers.map((node) => `n${node}=${url(node + numbers.length)}`).join(",");
    for (const node of numbers) {
      const peer = url(node + numbers.length);
      const words = ["--name", `n${node}`, "--data-dir", path.join(cluster.#directory, `n${node}`)];
      words.push("--listen-client-urls", url(node), "--advertise-client-urls", url(node), "--log-level", "error");
      words.push("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", members);
      const child = spawn("etcd", words, { stdio: "ignore", detached: true, env: environment });
      endsWithThis(child);
      cluster.#nodes.push(child);
    }
    for (const until = performance.now() + startMsMax; ; await pause(200)) {
      try {
        if ((await cluster.#status()).every(({ Status }) => Status.leader !== 0)) return cluster;
      } catch (error) {
        if (performance.now() > until) throw error;
      }
    }
  }

  async #status(): Promise<EndpointStatus[]> {
    const endpoints = this.#ports.map((port) => `${host}:${port}`).join(",");
    const words = ["--endpoints", endpoints, "endpoint", "status", "-w", "json"];
    const { stdout } = await run("etcdctl", words, { env: environment });
    return JSON.parse(stdout) as EndpointStatus[];
  }

  async measure({ connections, inFlight }: Load, seconds: number): Promise<Measured> {
    this.#runs += 1;
    const before = await this.#status();
    const leader = before.findIndex(({ Status }) => Status.leader === Status.header.member_id);
    const nodes = [leader, ...this.#ports.keys()].filter((node, index, all) => all.indexOf(node) === index);
    const watch = new CpuWatch(() => nodes.map((node) => cpuOfTree(this.#nodes[node]?.pid ?? 0)));
    const latency = new Histogram();
    let isMeasured = false;
    let isOver = false;
    let answered = 0;
    const open = (_: unknown, index: number): Promise<PutConnection> =>
      PutConnection.open(this.#ports[leader] ?? 0, `${this.#runs}-${index}-`, (sentAt) => {
        answered += 1;
        if (isMeasured) latency.record((performance.now() - sentAt) * 1_000);
        return !isOver;
      });
    const clients = await Promise.all(Array.from({ length: connections }, open));
    for (let each = 0; each < inFlight; each++) for (const client of clients) client.put();
    await pause(warmUpMs);
    watch.lap();
    const began = performance.now();
    isMeasured = true;
    await pause(seconds * 1_000);
    isMeasured = false;
    const elapsed = (performance.now() - began) / 1_000;
    const cpu = watch.lap();
    isOver = true;
    await pause(500);
    for (const client of clients) client.close();
    const grew = ((await this.#status())[0]?.Status.header.revision ?? 0) - (before[0]?.Status.header.revision ?? 0);
    if (grew < answered) throw new Error(`etcd acknowledged ${answered} puts and holds ${grew}`);
    return {
      perSecond: latency.count / elapsed,
      p50Ms: latency.percentile(0.5) / 1_000,
      cpuMicros: cpu === null ? null : cpu.map((micros) => micros / latency.count),
    };
  }

  async stop(): Promise<void> {
    for (const child of this.#nodes) await endServer(child, "SIGTERM");
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
