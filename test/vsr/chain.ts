import {
  headerBytes,
  identityBytes,
  type PrepareHeader,
  readHeader,
  rootIdentity,
  writePrepareHeader,
} from "../../runtime/storage/frame.js";
import { clusterId } from "./cluster.js";

export interface ChainLink {
  readonly header: PrepareHeader;
  readonly headerBytes: Uint8Array;
}

/** Prepares 1 … count of one view, each the parent of the next. Another salt gives another chain. */
export function chain(count: number, view: number, salt = 0): ChainLink[] {
  const links: ChainLink[] = [];
  const parent = rootIdentity(clusterId).slice();
  for (let op = 1; op <= count; op++) {
    const bytes = new Uint8Array(headerBytes + 8).fill(salt);
    const fields = {
      clusterId,
      parent,
      bodyBytes: 8,
      epoch: 0,
      view,
      release: 1,
      replica: 0,
      op,
      commit: op - 1,
      timestamp: op,
      address: (op - 1) * 4096,
      recordCount: 1,
      operation: 0,
    };
    const identity = new Uint8Array(identityBytes);
    const at = new DataView(bytes.buffer);
    writePrepareHeader(bytes, at, 0, fields, identity);
    parent.set(identity);
    const reading = readHeader(bytes, at, 0, clusterId);
    if (reading.kind !== "prepare") throw new Error("a header that was just written reads");
    links.push({ header: reading.header, headerBytes: bytes.slice(0, headerBytes) });
  }
  return links;
}
