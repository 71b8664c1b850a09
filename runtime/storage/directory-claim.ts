/**
 * One node a data directory. Node has no `flock`, and `fcntl` locks belong to a process, so they would not keep two workers apart. On
 * Linux the claim is an abstract socket named after the directory's device and inode: a second bind fails from the same process,
 * another worker and another process alike, and the kernel drops it when its owner dies, however it dies. Abstract names belong to a
 * network namespace, so two containers that share a volume are told apart only by the superblock's generation, the second guard.
 *
 * Elsewhere: a lock file that names a process id, taken over when that process no longer lives.
 */
import { createServer, type Server } from "node:net";
import { assert } from "../types/assert.js";
import { KimberliteError } from "../types/errors.js";
import { type Disk, type DiskFile, join } from "./disk.js";

export interface DirectoryClaim {
  readonly directory: string;
  /** Gives the directory up. */
  release(): Promise<void>;
}

const lockName = "lock";
const lockBytesMax = 64;
// Lock files do not keep two claims of one process apart; this does within a thread, and the generation guards the rest.
const claimedHere = new Set<string>();

const locked = (directory: string, owner: string): KimberliteError =>
  new KimberliteError("directoryLocked", `${directory} is held by ${owner}; stop it or choose another directory`, {
    detail: { directory },
  });

/**
 * Claims the directory, which must exist, until `release` or the end of the process. Throws `directoryLocked` when another node, worker
 * or caller has it, `dataMissing` when there is no such directory.
 */
export async function claimDirectory(
  disk: Disk,
  directory: string,
  platform: NodeJS.Platform = process.platform,
): Promise<DirectoryClaim> {
  const status = disk.status(directory);
  if (status === null || !status.isDirectory) {
    throw new KimberliteError("dataMissing", `${directory} is not a directory`, { detail: { directory } });
  }
  if (platform !== "linux") return claimByFile(disk, directory);
  // Were the directory removed under its node, its inode could come to stand for another one, which would then seem to be in use.
  const letGo = disk.holdDirectory(directory);
  try {
    const server = await listen(directory, `\0kimberlite-data-${status.device}-${status.inode}`);
    return {
      directory,
      release: async () => {
        await close(server);
        letGo();
      },
    };
  } catch (error) {
    letGo();
    throw error;
  }
}

function listen(directory: string, path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (cause: NodeJS.ErrnoException) => {
      if (cause.code === "EADDRINUSE") reject(locked(directory, "another running node"));
      else
        reject(
          new KimberliteError("storageFailed", `claiming ${directory} failed with ${cause.code ?? "no code"}`, {
            cause,
          }),
        );
    });
    server.listen({ path, exclusive: true }, () => {
      server.unref(); // a claim alone does not keep a process alive
      resolve(server);
    });
  });
}

const close = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
  });

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function readOwner(disk: Disk, path: string): number {
  const file = disk.open(path, "read");
  try {
    const bytes = new Uint8Array(lockBytesMax);
    return Number.parseInt(new TextDecoder().decode(bytes.subarray(0, file.read(bytes, 0, lockBytesMax, 0))), 10);
  } finally {
    file.close();
  }
}

function createLock(disk: Disk, path: string): DiskFile | null {
  try {
    return disk.create(path, "fdatasync");
  } catch (error) {
    if (error instanceof KimberliteError && error.detail["errno"] === "EEXIST") return null;
    throw error;
  }
}

function claimByFile(disk: Disk, directory: string): DirectoryClaim {
  const path = join(directory, lockName);
  if (claimedHere.has(path)) throw locked(directory, "this process");
  let file = createLock(disk, path);
  if (file === null) {
    const owner = readOwner(disk, path);
    if (Number.isSafeInteger(owner) && owner !== process.pid && isAlive(owner))
      throw locked(directory, `process ${owner}`);
    disk.remove(path);
    file = createLock(disk, path);
    if (file === null) throw locked(directory, "a node that is just starting");
  }
  const text = new TextEncoder().encode(`${process.pid}\n`);
  assert(text.length <= lockBytesMax, "a process id fits the lock file");
  file.write(text, 0, text.length, 0);
  file.sync();
  file.close();
  claimedHere.add(path);
  return {
    directory,
    release: async () => {
      claimedHere.delete(path);
      if (disk.status(path) !== null) disk.remove(path);
    },
  };
}
