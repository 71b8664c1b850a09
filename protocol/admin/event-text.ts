/** Events as lines: for people, as JSON, or the bare payload. */
import type { StoredEvent } from "./node-access.js";
import { printable } from "./table.js";
import { formatTime } from "./units.js";

export type EventStyle = "text" | "json" | "raw";

const decoder = new TextDecoder("utf-8", { fatal: true });

/** One line without its end; bytes only for `raw`, which passes payloads on as they are. */
export function eventLine(event: StoredEvent, style: EventStyle): string | Uint8Array {
  switch (style) {
    case "raw":
      return event.payload;
    case "text":
      return `${String(event.offset).padStart(8)}  ${formatTime(event.time)}  ${shown(event)}`;
    case "json": {
      // The payload goes through as it was written: parsing it would lose digits of large numbers.
      const payload = event.isJson
        ? `"payload":${Buffer.from(event.payload).toString()}`
        : `"bytes":"${Buffer.from(event.payload).toString("base64")}"`;
      const attempt = event.attempt === null ? "" : `,"attempt":${event.attempt}`;
      return `{"offset":${event.offset},"position":${event.position},"time":"${formatTime(event.time)}"${attempt},${payload}}`;
    }
  }
}

function shown(event: StoredEvent): string {
  try {
    return printable(decoder.decode(event.payload));
  } catch {
    return `${event.payload.length} bytes: ${Buffer.from(event.payload.subarray(0, 32)).toString("hex")}${event.payload.length > 32 ? "…" : ""}`;
  }
}
