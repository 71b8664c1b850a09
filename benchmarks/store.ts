/**
 * The store alone, in one thread, without a file being read: what each operation costs. Prints the median of five rounds.
 *
 *     node dist/benchmarks/store.js [name part]
 */
import { CheckpointWriter } from "../runtime/store/checkpoint.js";
import { pageBytes } from "../runtime/store/layout.js";
import type { PageFile } from "../runtime/store/page-file.js";
import { StoreReader } from "../runtime/store/reader.js";
import { Store } from "../runtime/store/store.js";

const rounds = 5;
const entries = 1_000_000;
const nothing = new Uint8Array(0);

/** Takes all writes and has nothing. */
class NoFile implements PageFile {
  readonly path = "nothing";
  size(): number {
    return 0;
  }
  read(): number {
    return 0;
  }
  write(): void {}
  sync(): void {}
}

const file = new NoFile();
const makeStore = (mebibytes = 512): Store =>
  Store.create({ file, clusterId: new Uint8Array(16), cacheBytes: mebibytes * 1024 * 1024 });

const key = new Uint8Array(24);
const keyView = new DataView(key.buffer);
const value = new Uint8Array(8);

/** tenant, stream, offset: as the kernel's events have it. */
function setKey(offset: number, stream = 1): void {
  keyView.setUint32(12, stream);
  keyView.setUint32(20, offset);
}

const scatter = (index: number): number => Math.imul(index, 0x9e3779b1) >>> 0;

function insertMany(store: Store, count: number, keyOf: (index: number) => void): void {
  for (let index = 0; index < count; index++) {
    keyOf(index);
    store.put(4, key, value);
  }
}

interface Workload {
  readonly name: string;
  /** Aim, in microseconds an operation. */
  readonly aim: number;
  /** Prepares a round; what it returns is timed, and returns how many operations it did. */
  prepare(): () => number;
}

const ascending = (index: number): void => setKey(index);
const scattered = (index: number): void => setKey(scatter(index));
const clustered = (index: number): void =>
  setKey(Math.floor(index / 64_000) * 64 + (index % 64), Math.floor(index / 64) % 1000);

let filled: Store | null = null;
function filledStore(): Store {
  if (filled === null) {
    filled = makeStore();
    insertMany(filled, entries, scattered);
    filled.publish(filled.seal(nothing));
  }
  return filled;
}

const workloads: Workload[] = [
  {
    name: "insert, ascending",
    aim: 0.35,
    prepare: () => {
      const store = makeStore();
      return () => {
        insertMany(store, entries, ascending);
        return entries;
      };
    },
  },
  {
    name: "insert, 64 each in turn into 1,000 streams",
    aim: 0.5,
    prepare: () => {
      const store = makeStore();
      return () => {
        insertMany(store, entries, clustered);
        return entries;
      };
    },
  },
  {
    name: "insert, random, from 0 to 1 M",
    aim: 1.5,
    prepare: () => {
      const store = makeStore();
      return () => {
        insertMany(store, entries, scattered);
        return entries;
      };
    },
  },
  {
    name: "insert, random, into 1 M",
    aim: 1.5,
    prepare: () => {
      const store = makeStore();
      insertMany(store, entries, scattered);
      return () => {
        insertMany(store, 500_000, (index) => setKey(scatter(index + entries)));
        return 500_000;
      };
    },
  },
  {
    name: "get, random, of 1 M",
    aim: 0.9,
    prepare: () => {
      const store = filledStore();
      return () => {
        let found = 0;
        for (let index = 0; index < entries; index++) {
          setKey(scatter((index * 7919) % entries));
          if (store.get(4, key)) found += 1;
        }
        if (found !== entries) throw new Error(`${found} found`);
        return entries;
      };
    },
  },
  {
    name: "get, random, of 1 M, by a reader",
    aim: 0.9,
    prepare: () => {
      const store = filledStore();
      const reader = StoreReader.attach(store.handle, { file, owner: 1 });
      reader.pin();
      return () => {
        let found = 0;
        for (let index = 0; index < entries; index++) {
          setKey(scatter((index * 7919) % entries));
          if (reader.get(4, key)) found += 1;
        }
        if (found !== entries) throw new Error(`${found} found`);
        reader.close();
        return entries;
      };
    },
  },
  {
    name: "update in place, finger hit",
    aim: 0.15,
    prepare: () => {
      const store = filledStore();
      setKey(scatter(5));
      return () => {
        for (let index = 0; index < entries; index++) {
          store.update(4, key);
          store.valueView.setUint32(store.valueStart, index);
        }
        return entries;
      };
    },
  },
  {
    name: "cursor, next and value",
    aim: 0.05,
    prepare: () => {
      const store = filledStore();
      const cursor = store.cursor(4);
      return () => {
        let sum = 0;
        for (let isThere = cursor.seek(nothing); isThere; isThere = cursor.next()) {
          sum += cursor.valueView.getUint32(cursor.valueStart);
        }
        return sum >= 0 ? store.entries(4) : 0;
      };
    },
  },
  {
    name: "delete, random, of 1 M",
    aim: 1.5,
    prepare: () => {
      const store = makeStore();
      insertMany(store, entries, scattered);
      return () => {
        for (let index = 0; index < entries; index++) {
          setKey(scatter(index));
          store.delete(4, key);
        }
        return entries;
      };
    },
  },
  {
    name: "seal and publish, 8 pages touched",
    aim: 15,
    prepare: () => {
      const store = filledStore();
      const header = new Uint8Array(64);
      for (let tree = 10; tree < 17; tree++) store.put(tree, nothing, value);
      return () => {
        const count = 20_000;
        for (let version = 0; version < count; version++) {
          for (let tree = 10; tree < 17; tree++) store.put(tree, nothing, value);
          store.publish(store.seal(header));
        }
        return count;
      };
    },
  },
  {
    name: "checkpoint, per page, written inline",
    aim: 15,
    prepare: () => {
      const store = makeStore();
      insertMany(store, entries, scattered);
      store.publish(store.seal(nothing));
      const writer = new CheckpointWriter(store.handle, file);
      return () => {
        const job = store.beginCheckpoint();
        if (job === null) throw new Error("nothing to write");
        while (!writer.runSlice(job, 256)) {}
        store.completeCheckpoint(job);
        return job.entries.length;
      };
    },
  },
];

const wanted = process.argv[2] ?? "";
console.log(
  `pages of ${pageBytes} bytes, node ${process.version}, keys of 24 and values of 8 bytes, median of ${rounds} rounds`,
);
for (const { name, aim, prepare } of workloads) {
  if (!name.includes(wanted)) continue;
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const run = prepare();
    const from = process.hrtime.bigint();
    const operations = run();
    times.push(Number(process.hrtime.bigint() - from) / 1000 / operations);
  }
  times.sort((a, b) => a - b);
  const median = times[rounds >> 1] ?? 0;
  const range = `${times[0]?.toFixed(3)} to ${times.at(-1)?.toFixed(3)}`;
  console.log(
    `${median.toFixed(3).padStart(8)} µs   aim ${String(aim).padEnd(5)} ${median <= aim ? "ok  " : "OVER"} ${name} (${range})`,
  );
}
