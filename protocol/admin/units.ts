/** Numbers as people read and write them: byte sizes, durations, rates, addresses, times. */
import { KimberliteError } from "../../runtime/types/errors.js";

const byteUnits = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** 1536 → "1.5 KiB". */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < byteUnits.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${byteUnits[unit] ?? ""}`;
}

/** 1234567 → "1,234,567"; the same on every machine, whatever its locale. */
export const formatCount = (value: number): string => String(Math.round(value)).replace(/\B(?=(\d{3})+(?!\d))/g, ",");

/** Milliseconds as "0.42 ms", "3.2 s", "4 min 10 s", "2 h 5 min". */
export function formatDuration(ms: number): string {
  if (ms < 10) return `${ms.toFixed(2)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1000);
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** Microseconds since 1970 as ISO 8601 with six digits: the precision the log keeps. */
export function formatTime(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000);
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  return `${whole}.${String(micros - seconds * 1_000_000).padStart(6, "0")}Z`;
}

/** Parses "512", "64KiB", "1.5 GiB" (also KB, MB, GB as the binary units people mean here). Throws `invalidArgument`. */
export function parseBytes(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(?:([KMGT])i?B?|B)?\s*$/i.exec(text);
  const power = match?.[2] === undefined ? 0 : "KMGT".indexOf(match[2].toUpperCase()) + 1;
  const bytes = Math.round(Number(match?.[1] ?? Number.NaN) * 1024 ** power);
  if (!Number.isSafeInteger(bytes)) {
    throw new KimberliteError(
      "invalidArgument",
      `${JSON.stringify(text)} is no size; write 268435456, 256MiB or 1.5GiB`,
    );
  }
  return bytes;
}

/** Parses "250ms", "10s", "5m" into milliseconds. Throws `invalidArgument`. */
export function parseDuration(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(ms|s|m)?\s*$/.exec(text);
  const factor = match?.[2] === "ms" ? 1 : match?.[2] === "m" ? 60_000 : 1000;
  const ms = Math.round(Number(match?.[1] ?? Number.NaN) * factor);
  if (!Number.isSafeInteger(ms)) {
    throw new KimberliteError("invalidArgument", `${JSON.stringify(text)} is no duration; write 500ms, 10s or 2m`);
  }
  return ms;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Parses "HOST:PORT", "[::1]:7400", ":7400" (all on loopback when the host is left out). Throws `invalidArgument`. */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s]*)):(\d{1,5})$/.exec(text.trim());
  const port = Number(match?.[3] ?? Number.NaN);
  if (match === null || !(port <= 65_535)) {
    throw new KimberliteError(
      "invalidArgument",
      `${JSON.stringify(text)} is no address; write HOST:PORT, for example 127.0.0.1:7400`,
    );
  }
  return { host: match[1] ?? (match[2] || "127.0.0.1"), port };
}

export const formatAddress = ({ host, port }: Address): string => `${host.includes(":") ? `[${host}]` : host}:${port}`;
