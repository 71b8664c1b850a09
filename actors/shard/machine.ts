/**
 * What the actors of one shard take from the machine that they run on: its disk, the links to other nodes, and how large the pieces of a
 * log are. In production there is one machine; the simulator makes one for each replica, and the actors do not know.
 */
import type { Disk } from "../../runtime/storage/disk.js";
import { defaultGeometry, type LogGeometry } from "../../runtime/storage/log-geometry.js";
import { RealDisk } from "../../runtime/storage/real-disk.js";
import { pagesMaxDefault } from "../../runtime/store/page-table.js";
import { logTailBytes } from "../../runtime/types/limits.js";
import { heldBytesMaxDefault } from "../../runtime/vsr/core.js";
import { openPeerLinks } from "../replica/peer-links.js";

export interface Machine {
  readonly disk: Disk;
  readonly geometry: LogGeometry;
  /** Length of the log's shared tail; a multiple of the segment's. */
  readonly tailBytes: number;
  /** Bound of a page file, in pages. */
  readonly pagesMax: number;
  /** The newest release that the program knows. */
  readonly release: number;
  /** Bodies that a replica keeps in memory for what it cannot write yet, in bytes. */
  readonly heldBytesMax: number;
  readonly openLinks: typeof openPeerLinks;
}

export const realMachine: Machine = {
  disk: new RealDisk(),
  geometry: defaultGeometry,
  tailBytes: logTailBytes,
  pagesMax: pagesMaxDefault,
  release: 1,
  heldBytesMax: heldBytesMaxDefault,
  openLinks: openPeerLinks,
};
