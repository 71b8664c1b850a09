import test from "ava";
import { SpillDirectory } from "../../actors/projection/sql/spill-directory.js";
import { SqlError } from "../../runtime/query/error.js";
import { MemoryDisk } from "../../runtime/storage/memory-disk.js";

const rows = Uint8Array.from({ length: 1_000 }, (_, at) => at % 251);

test("what is written is read; a closed file is gone, and closing it twice is fine", (t) => {
  const disk = new MemoryDisk();
  disk.makeDirectory("/shard");
  const file = new SpillDirectory(disk, "/shard", 0).open();
  file.append(rows, 1_000);
  file.append(rows, 10);
  const target = new Uint8Array(20);
  t.is(file.read(target, 20, 995), 15);
  t.deepEqual([...target.subarray(0, 6)], [...rows.subarray(995), 0]);
  t.is(disk.list("/shard/spill").length, 1);
  file.close();
  file.close();
  t.deepEqual(disk.list("/shard/spill"), []);
});

test("a projection removes what its predecessor left, and nothing of its neighbours", (t) => {
  const disk = new MemoryDisk();
  disk.makeDirectory("/shard");
  new SpillDirectory(disk, "/shard", 0).open().append(rows, 1_000);
  new SpillDirectory(disk, "/shard", 1).open().append(rows, 1_000);
  t.deepEqual(disk.list("/shard/spill"), ["0-1", "1-1"]);
  const next = new SpillDirectory(disk, "/shard", 0);
  t.deepEqual(disk.list("/shard/spill"), ["0-1", "1-1"], "not before it needs the place");
  const [one, other] = [next.open(), next.open()];
  t.deepEqual(disk.list("/shard/spill"), ["0-1", "0-2", "1-1"]);
  t.is(one.read(new Uint8Array(4), 4, 0), 0, "the file is a new one");
  one.close();
  other.close();
  t.deepEqual(disk.list("/shard/spill"), ["1-1"]);
});

test("a full disk ends the statement with 53100", (t) => {
  const disk = new MemoryDisk({ capacityBytes: 500 });
  disk.makeDirectory("/shard");
  const file = new SpillDirectory(disk, "/shard", 0).open();
  const error = t.throws(() => file.append(rows, 1_000), { instanceOf: SqlError });
  t.is(error?.sqlState, "53100");
  file.close();
  t.deepEqual(disk.list("/shard/spill"), []);
});
