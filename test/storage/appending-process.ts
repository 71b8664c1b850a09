/** Runs as a process of its own: opens the replica in the directory given and appends until it is killed, printing each acknowledged op. */
import { writeSync } from "node:fs";
import { RealDisk } from "../../runtime/storage/real-disk.js";
import { openReplica } from "../../runtime/storage/replica-storage.js";
import { append, geometry, seeded } from "./log-fixture.js";

const directory = process.argv[2] ?? "";
const { log } = openReplica({ disk: new RealDisk(), directory, geometry, ringBytes: geometry.segmentBytes });
const random = seeded(process.pid);
for (;;) {
  append(log, 9 + Math.floor(random() * 20_000));
  writeSync(1, `${log.op}\n`);
}
