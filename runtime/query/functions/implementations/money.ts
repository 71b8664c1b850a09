/** Amounts of money: sums, multiples and parts in hundredths, and in words. */
import { SqlError } from "../../error.js";
import { int64 } from "../../types/bytes.js";
import type { Int64 } from "../../types/datum.js";
import { Decimal } from "../../types/decimal.js";
import { int8Max, int8Min } from "../../types/integer.js";
import { divisionByZero } from "../../types/invalid.js";
import { type Implementation, strictly } from "../define.js";
import { checkFloat, roundHalfEven } from "./float.js";
import { multiply8 } from "./integer.js";
import { toInteger } from "./numeric.js";

const moneyOutOfRange = (): SqlError => new SqlError("22003", "money out of range");

function checked(value: bigint): Int64 {
  if (value < int8Min || value > int8Max) throw moneyOutOfRange();
  return int64(value);
}

export const addMoney = (a: Int64, b: Int64): Int64 => checked(BigInt(a) + BigInt(b));
const multiplied = (amount: Int64, by: Int64): Int64 => checked(BigInt(amount) * BigInt(by));

function divided(amount: Int64, by: Int64): Int64 {
  if (by === 0) throw divisionByZero();
  return checked(BigInt(amount) / BigInt(by));
}

function ofReal(hundredths: number): Int64 {
  const rounded = roundHalfEven(hundredths);
  if (!Number.isFinite(rounded)) throw moneyOutOfRange();
  return checked(BigInt(rounded));
}

const scaled = (amount: Int64, by: number): Int64 =>
  ofReal(checkFloat(Number(amount) * by, !Number.isFinite(by), amount === 0 || by === 0));

function parted(amount: Int64, by: number): Int64 {
  if (by === 0) throw divisionByZero();
  return ofReal(checkFloat(Number(amount) / by, false, amount === 0 || !Number.isFinite(by)));
}

const small =
  "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split(
    " ",
  );
const tens = " ten twenty thirty forty fifty sixty seventy eighty ninety".split(" ");

/** A number below a thousand, with PostgreSQL's ANDs. */
function words(value: number): string {
  if (value < 20) return small[value] ?? "";
  const rest = value % 100;
  const hundreds = value > 99 ? `${small[Math.floor(value / 100)]} hundred` : "";
  if (rest === 0) return hundreds;
  const begin = hundreds === "" ? "" : `${hundreds} `;
  if (value % 10 === 0 && rest > 10) return begin + tens[rest / 10];
  if (rest < 20) return `${begin}and ${small[rest]}`;
  return `${begin}${tens[Math.floor(rest / 10)]} ${small[rest % 10]}`;
}

const thousands = ["", " thousand ", " million ", " billion ", " trillion ", " quadrillion "];

function inWords(amount: Int64): string {
  const size = amount < 0 ? -BigInt(amount) : BigInt(amount);
  const cents = Number(size % 100n);
  let left = size / 100n;
  let text = "";
  for (const name of thousands) {
    const part = Number(left % 1_000n);
    if (part !== 0) text = words(part) + name + text;
    left /= 1_000n;
  }
  const dollars = size / 100n === 1n ? " dollar and " : " dollars and ";
  const whole = `${amount < 0 ? "minus " : ""}${text === "" ? "zero" : text}${dollars}${words(cents)}${cents === 1 ? " cent" : " cents"}`;
  return whole.charAt(0).toUpperCase() + whole.slice(1);
}

export const moneys: readonly Implementation[] = strictly({
  "cash_pl(money,money)": addMoney,
  "cash_mi(money,money)": (a, b) => checked(BigInt(a) - BigInt(b)),
  "cash_mul_int2(money,int2)": (amount, by) => multiplied(amount, by),
  "cash_mul_int4(money,int4)": (amount, by) => multiplied(amount, by),
  "cash_mul_int8(money,int8)": (amount, by) => multiplied(amount, by),
  "int2_mul_cash(int2,money)": (by, amount) => multiplied(amount, by),
  "int4_mul_cash(int4,money)": (by, amount) => multiplied(amount, by),
  "int8_mul_cash(int8,money)": (by, amount) => multiplied(amount, by),
  "cash_mul_flt4(money,float4)": (amount, by) => scaled(amount, by),
  "cash_mul_flt8(money,float8)": (amount, by) => scaled(amount, by),
  "flt4_mul_cash(float4,money)": (by, amount) => scaled(amount, by),
  "flt8_mul_cash(float8,money)": (by, amount) => scaled(amount, by),
  "cash_div_int2(money,int2)": (amount, by) => divided(amount, by),
  "cash_div_int4(money,int4)": (amount, by) => divided(amount, by),
  "cash_div_int8(money,int8)": (amount, by) => divided(amount, by),
  "cash_div_flt4(money,float4)": (amount, by) => parted(amount, by),
  "cash_div_flt8(money,float8)": (amount, by) => parted(amount, by),
  "cash_div_cash(money,money)": (a, b) => {
    if (b === 0) throw divisionByZero();
    return Number(a) / Number(b);
  },
  "cash_words(money)": inWords,
  "numeric(money)": (amount) => new Decimal(BigInt(amount), 2),
  "money(numeric)": (value) =>
    toInteger(new Decimal(value.coefficient * 100n, value.scale, value.special), int8Min, int8Max, "bigint"),
  "money(int4)": (value) => multiply8(value, 100),
  "money(int8)": (value) => multiply8(value, 100),
});
