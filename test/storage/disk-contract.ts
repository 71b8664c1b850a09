/** What every disk must do: run once for each implementation of the port. */
import type { TestFn } from "ava";
import { allocateAligned, bytesOf } from "../../runtime/storage/aligned-memory.js";
import type { Disk, WriteMode } from "../../runtime/storage/disk.js";

export interface DiskUnderTest {
  readonly disk: Disk;
  /** An empty directory. */
  readonly root: string;
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

export function diskContract(test: TestFn, name: string, make: () => DiskUnderTest): void {
  const claim = (title: string): string => `${name} disk: ${title}`;

  for (const wanted of ["direct", "dsync", "fdatasync"] as const satisfies readonly WriteMode[]) {
    test(claim(`what is written in mode ${wanted} is read back, from shared memory at the offset asked for`), (t) => {
      const { disk, root } = make();
      const memory = allocateAligned(disk, root, 16_384, wanted);
      const bytes = bytesOf(memory);
      const file = disk.create(`${root}/file`, memory.mode);
      bytes.fill(7, 4096, 8192);
      file.write(bytes, 4096, 4096, 8192);
      file.sync();
      t.is(file.size(), 12_288);
      bytes.fill(1);
      t.is(file.read(bytes, 8192, 4096, 8192), 4096);
      t.deepEqual(bytes.slice(8192, 12_288), new Uint8Array(4096).fill(7));
      t.is(bytes[8191], 1);
      t.is(bytes[12_288], 1);
      t.is(file.read(bytes, 0, 4096, 0), 4096);
      t.deepEqual(bytes.slice(0, 4096), new Uint8Array(4096), "a gap reads as zeros");
      file.close();
      file.close();
      t.false(disk.list(root).includes("write-mode-probe"), "the probe leaves nothing behind");
    });
  }

  test(claim("a read at the end of a file gives what is there"), (t) => {
    const { disk, root } = make();
    const file = disk.create(`${root}/file`, "fdatasync");
    file.write(text("hello"), 1, 4, 0);
    const target = new Uint8Array(10);
    t.is(file.read(target, 2, 8, 1), 3);
    t.deepEqual(target, Uint8Array.from([0, 0, ...text("llo"), 0, 0, 0, 0, 0]));
    t.is(file.read(target, 0, 4, 100), 0);
    file.truncate(2);
    t.is(file.size(), 2);
    file.close();
  });

  test(claim("names: create, rename over, list, status, remove"), (t) => {
    const { disk, root } = make();
    disk.makeDirectory(`${root}/a/b`);
    disk.makeDirectory(`${root}/a/b`);
    const directory = `${root}/a/b`;
    for (const name of ["two", "one"]) {
      const file = disk.create(`${directory}/${name}`, "fdatasync");
      file.write(text(name), 0, 3, 0);
      file.sync();
      file.close();
    }
    t.deepEqual(disk.list(directory), ["one", "two"]);
    t.deepEqual(disk.list(`${root}/a`), ["b"]);
    disk.rename(`${directory}/two`, `${directory}/one`);
    disk.syncDirectory(directory);
    t.deepEqual(disk.list(directory), ["one"]);
    const file = disk.open(`${directory}/one`, "read");
    const target = new Uint8Array(3);
    file.read(target, 0, 3, 0);
    t.deepEqual(target, text("two"));
    file.close();
    t.is(disk.status(`${directory}/one`)?.bytes, 3);
    t.false(disk.status(`${directory}/one`)?.isDirectory);
    t.true(disk.status(directory)?.isDirectory);
    t.is(disk.status(`${directory}/two`), null);
    disk.remove(`${directory}/one`);
    t.is(disk.status(`${directory}/one`), null);
    t.true(disk.space(root).freeBytes > 0);
  });

  test(claim("failures have our codes and name the file"), (t) => {
    const { disk, root } = make();
    const missing = `${root}/missing`;
    t.like(
      t.throws(() => disk.open(missing, "read")),
      { code: "dataMissing", detail: { file: missing, errno: "ENOENT" } },
    );
    t.like(
      t.throws(() => disk.remove(missing)),
      { code: "dataMissing" },
    );
    t.like(
      t.throws(() => disk.rename(missing, `${root}/x`)),
      { code: "dataMissing" },
    );
    t.like(
      t.throws(() => disk.list(missing)),
      { code: "dataMissing" },
    );
    t.like(
      t.throws(() => disk.syncDirectory(missing)),
      { code: "dataMissing" },
    );
    const file = disk.create(`${root}/file`, "fdatasync");
    t.like(
      t.throws(() => disk.create(`${root}/file`, "fdatasync")),
      { code: "storageFailed", detail: { errno: "EEXIST" } },
    );
    file.close();
    const readOnly = disk.open(`${root}/file`, "read");
    t.like(
      t.throws(() => readOnly.write(text("x"), 0, 1, 0)),
      { code: "storageFailed" },
    );
    t.throws(() => readOnly.read(new Uint8Array(1), 0, 2, 0), { message: /stays within its target/ });
    readOnly.close();
    t.throws(() => readOnly.read(new Uint8Array(1), 0, 1, 0), { message: /a closed file/ });
  });
}
