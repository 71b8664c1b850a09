/** What a frame of the network is, read from its bytes past the codec: for the trace, and for what a standby may not say. */
import { isRelay } from "../../actors/messages/relay.js";
import { commands } from "../../runtime/vsr/message-frame.js";
import { expect } from "./failure.js";

/** Where a frame's header states its command. */
const commandAt = 98;

export const commandOf = (bytes: Uint8Array): number => bytes[commandAt] ?? 0;

export function frameName(bytes: Uint8Array): string {
  if (isRelay(bytes)) return "relay";
  const command = Object.entries(commands).find(([, number]) => number === commandOf(bytes))?.[0] ?? "?";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return `${command} view ${view.getUint32(88, true)} (${bytes.length} bytes)`;
}

/** Of what a replica can say this is what others count. */
const counted: ReadonlySet<number> = new Set([
  commands.prepareOk,
  commands.commitOk,
  commands.commit,
  commands.startViewChange,
  commands.doViewChange,
  commands.startView,
]);

/** A standby asks and answers; it has no word in what is committed or who leads. */
export function saysNothing(replica: number, bytes: Uint8Array): void {
  expect(
    !counted.has(commandOf(bytes)),
    "promises",
    () => `replica ${replica} stands by and sends ${frameName(bytes)}`,
  );
}

export const replicaName = (replica: number): string => `r${replica}`;
