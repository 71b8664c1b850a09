/**
 * What a PostgreSQL client wants that has asked for its session's statement to end: by the process number and the secret that the session
 * was told. Only the gateway that has the session knows whether they are right; whoever does not know them says nothing.
 */
export interface CancelMessage {
  readonly kind: "cancelRequest";
  readonly process: number;
  readonly secret: number;
}

const bodyBytes = 8;

/** Both as u32, for the link to another node. */
export function encodeCancel({ process, secret }: Pick<CancelMessage, "process" | "secret">): Uint8Array {
  const body = new Uint8Array(bodyBytes);
  const view = new DataView(body.buffer);
  view.setUint32(0, process, true);
  view.setUint32(4, secret, true);
  return body;
}

/** Null for what is none. */
export function decodeCancel(body: Uint8Array): CancelMessage | null {
  if (body.length !== bodyBytes) return null;
  const view = new DataView(body.buffer, body.byteOffset, bodyBytes);
  return { kind: "cancelRequest", process: view.getUint32(0, true), secret: view.getUint32(4, true) };
}
