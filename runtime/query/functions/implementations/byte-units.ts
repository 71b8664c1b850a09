/** Numbers of bytes as people read and write them. */
import { SqlError } from "../../error.js";
import { int64 } from "../../types/bytes.js";
import type { Int64 } from "../../types/datum.js";
import { coefficientAt, type Decimal, decimalFromInteger, decimalFromText, decimalText } from "../../types/decimal.js";
import { multiply } from "../../types/decimal-arithmetic.js";
import { int8Max, int8Min } from "../../types/integer.js";
import { outOfRange } from "../../types/invalid.js";
import { type Implementation, strictly } from "../define.js";

const sizeUnits = ["bytes", "kB", "MB", "GB", "TB", "PB"];

function prettySize(given: bigint): string {
  let value = given;
  const size = (): bigint => (value < 0n ? -value : value);
  for (const [index, unit] of sizeUnits.entries()) {
    const isLast = index === sizeUnits.length - 1;
    if (isLast || size() < (index === 0 ? 10_240n : 20_479n)) {
      if (index > 0) value = value < 0n ? -((-value + 1n) / 2n) : (value + 1n) / 2n;
      return `${value} ${unit}`;
    }
    // From the second unit on one more bit is kept, for the rounding.
    value /= index === 0 ? 512n : 1_024n;
  }
  return `${value}`;
}

const byteUnits: Readonly<Record<string, bigint>> = {
  bytes: 1n,
  kb: 1_024n,
  mb: 1_048_576n,
  gb: 1_073_741_824n,
  tb: 1_099_511_627_776n,
  pb: 1_125_899_906_842_624n,
};

function sizeInBytes(text: string): Int64 {
  const match = /^[ \t-\r]*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)[ \t-\r]*([a-z]*)[ \t-\r]*$/iu.exec(text);
  if (match === null) throw new SqlError("22023", `invalid size: "${text}"`);
  const unit = byteUnits[(match[2] ?? "").toLowerCase() || "bytes"];
  if (unit === undefined)
    throw new SqlError("22023", `invalid size: "${text}"`, {
      detail: `Invalid size unit: "${match[2]}".`,
      hint: 'Valid units are "bytes", "kB", "MB", "GB", "TB", and "PB".',
    });
  const bytes = coefficientAt(multiply(decimalFromText(match[1] ?? ""), decimalFromInteger(unit)), 0);
  if (bytes < int8Min || bytes > int8Max) throw outOfRange("bigint");
  return int64(bytes);
}

export const byteSizes: readonly Implementation[] = strictly({
  "pg_size_pretty(int8)": (bytes) => prettySize(BigInt(bytes)),
  "pg_size_pretty(numeric)": (bytes: Decimal) => prettySize(BigInt(decimalText(bytes).replace(/\..*$/u, ""))),
  "pg_size_bytes(text)": (text) => sizeInBytes(text),
});
