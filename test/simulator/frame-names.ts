/** What a frame of the network is, read from its bytes past the codec: for the trace, and for what a standby may not say. */
import { isRelay } from "../../actors/messages/relay.js";
import { commands } from "../../runtime/vsr/message-frame.js";
import { configurationOf, isBaseView } from "./commit-oracle.js";
import { expect } from "./failure.js";

/** Where a frame's header states its command. */
const commandAt = 98;

export const commandOf = (bytes: Uint8Array): number => bytes[commandAt] ?? 0;

const viewOf = (bytes: Uint8Array): number =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(88, true);

export function frameName(bytes: Uint8Array): string {
  if (isRelay(bytes)) return "relay";
  const command = Object.entries(commands).find(([, number]) => number === commandOf(bytes))?.[0] ?? "?";
  return `${command} view ${viewOf(bytes)} (${bytes.length} bytes)`;
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

/**
 * A standby asks and answers; it has no word in what is committed or who leads. And nobody has in a configuration that has not begun, since nothing
 * has ended the one before.
 *
 * @param votersOf how many vote in a configuration; null for one that has not begun
 */
export function saysNothing(
  replica: number,
  bytes: Uint8Array,
  votersOf: (configuration: number) => number | null,
): void {
  const command = commandOf(bytes);
  if (!counted.has(command)) return;
  const view = viewOf(bytes);
  if (command === commands.startView && isBaseView(view)) return;
  const voters = votersOf(configurationOf(view));
  expect(
    voters !== null && replica < voters,
    "promises",
    () =>
      `replica ${replica} sends ${frameName(bytes)}, where ${voters === null ? "nobody votes yet" : `replicas below ${voters} vote`}`,
  );
}

export const replicaName = (replica: number): string => `r${replica}`;
