/** Doubles as C's `printf` shows them: all digits that are asked for, rounded from the exact value, halves to even. */

/** A finite double's magnitude as `coefficient / 2^power`. */
function fractionOf(value: number): { readonly coefficient: bigint; readonly power: bigint } {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, Math.abs(value));
  const bits = view.getBigUint64(0);
  const exponent = bits >> 52n;
  const mantissa = bits & 0xf_ffff_ffff_ffffn;
  const coefficient = exponent === 0n ? mantissa : mantissa | (1n << 52n);
  const power = 1_075n - (exponent === 0n ? 1n : exponent);
  return power >= 0n ? { coefficient, power } : { coefficient: coefficient << -power, power: 0n };
}

function roundedQuotient(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  const twice = (numerator % denominator) * 2n;
  const isUp = twice > denominator || (twice === denominator && quotient % 2n === 1n);
  return isUp ? quotient + 1n : quotient;
}

const isMinus = (value: number): boolean => value < 0 || Object.is(value, -0);

/** `%.*f`. */
export function fixedText(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return String(value);
  const { coefficient, power } = fractionOf(value);
  const digits = roundedQuotient(coefficient * 10n ** BigInt(decimals), 1n << power).toString();
  const padded = digits.padStart(decimals + 1, "0");
  const whole = padded.slice(0, padded.length - decimals);
  return `${isMinus(value) ? "-" : ""}${whole}${decimals > 0 ? `.${padded.slice(-decimals)}` : ""}`;
}

const scientific = (digits: string, exponent: number, isNegative: boolean): string => {
  const mantissa = digits.length > 1 ? `${digits.slice(0, 1)}.${digits.slice(1)}` : digits;
  return `${isNegative ? "-" : ""}${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
};

/** `%.*e` of a finite value. */
export function exponentText(value: number, decimals: number): string {
  const { coefficient, power } = fractionOf(value);
  if (coefficient === 0n) return scientific("0".repeat(decimals + 1), 0, isMinus(value));
  let exponent = Math.floor(Math.log10(Math.abs(value)));
  // The logarithm may be one off, and rounding may give a digit more.
  for (let tries = 0; tries < 4; tries += 1) {
    const places = decimals - exponent;
    const numerator = places >= 0 ? coefficient * 10n ** BigInt(places) : coefficient;
    const denominator = (1n << power) * (places >= 0 ? 1n : 10n ** BigInt(-places));
    const digits = roundedQuotient(numerator, denominator).toString();
    if (digits.length === decimals + 1) return scientific(digits, exponent, isMinus(value));
    exponent += digits.length > decimals + 1 ? 1 : -1;
  }
  throw new RangeError("a double has an exponent");
}
