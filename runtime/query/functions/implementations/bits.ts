/** Strings of bits: logic, shifts, parts, and whole numbers as bits of two's complement. */
import { SqlError } from "../../error.js";
import { otherBitLength, tooLongBits, tooManyBits } from "../../types/bits.js";
import { int64 } from "../../types/bytes.js";
import type { Datum, Int64 } from "../../types/datum.js";
import { int4Max } from "../../types/integer.js";
import { outOfRange } from "../../types/invalid.js";
import { bitsMax } from "../../types/type-name.js";
import { type Implementation, strictly } from "../define.js";

/** More bits than PostgreSQL's strings have. */
const modifierMax = 2_147_483_640;

type Logic = (a: boolean, b: boolean) => boolean;

const combine =
  (what: string, logic: Logic) =>
  (a: string, b: string): string => {
    if (a.length !== b.length) throw new SqlError("22026", `cannot ${what} bit strings of different sizes`);
    let result = "";
    for (let at = 0; at < a.length; at++) result += logic(a.charCodeAt(at) === 49, b.charCodeAt(at) === 49) ? "1" : "0";
    return result;
  };

export const andBits = combine("AND", (a, b) => a && b);
export const orBits = combine("OR", (a, b) => a || b);
export const xorBits = combine("XOR", (a, b) => a !== b);

/** To the left; below zero to the right. The length stays, and zeros come in. */
function shifted(bits: string, by: number): string {
  if (Math.abs(by) >= bits.length) return "0".repeat(bits.length);
  const zeros = "0".repeat(Math.abs(by));
  return by < 0 ? zeros + bits.slice(0, by) : bits.slice(by) + zeros;
}

function joined(a: string, b: string): string {
  if (a.length + b.length > bitsMax) throw tooManyBits();
  return a + b;
}

/** As of a text: from a place on, counted from 1, which may be before the first; `count` null is all of them. */
function part(bits: string, from: number, count: number | null): string {
  if (count !== null && count < 0) throw new SqlError("22011", "negative substring length not allowed");
  const end = count === null || from + count > int4Max ? bits.length : from + count - 1;
  return bits.slice(Math.max(from, 1) - 1, Math.max(end, 0));
}

function overlaid(bits: string, by: string, from: number, count: number): string {
  if (from <= 0) throw new SqlError("22011", "negative substring length not allowed");
  const behind = from + count;
  if (behind > int4Max || behind < -int4Max - 1) throw outOfRange("integer");
  return joined(joined(part(bits, 1, from - 1), by), part(bits, behind, null));
}

function bitIndex(bits: string, index: number): number {
  if (index < 0 || index >= bits.length)
    throw new SqlError("2202E", `bit index ${index} out of valid range (0..${bits.length - 1})`);
  return index;
}

function withBit(bits: string, index: number, bit: number): string {
  const at = bitIndex(bits, index);
  if (bit !== 0 && bit !== 1) throw new SqlError("22023", "new bit must be 0 or 1");
  return `${bits.slice(0, at)}${bit}${bits.slice(at + 1)}`;
}

function position(bits: string, sought: string): number {
  return bits.length === 0 ? 0 : bits.indexOf(sought) + 1;
}

/** A length that is none of a type's says nothing. */
function lengthOf(modifier: number, otherwise: number): number {
  if (modifier <= 0 || modifier > modifierMax) return otherwise;
  if (modifier > bitsMax) throw tooManyBits();
  return modifier;
}

/** Two's complement: of a shorter one the lowest bits, of a longer one the sign before them. No length is one bit. */
function ofInteger(value: Int64, modifier: number): string {
  const length = lengthOf(modifier, 1);
  const width = Math.min(length, 64);
  const bits = BigInt.asUintN(width, BigInt(value)).toString(2).padStart(width, "0");
  return (value < 0 ? "1" : "0").repeat(length - width) + bits;
}

function toInteger(bits: string, width: number, type: string): Datum {
  if (bits.length > width) throw outOfRange(type);
  return int64(BigInt.asIntN(width, BigInt(`0b0${bits}`)));
}

function ones(bits: string): number {
  let count = 0;
  for (let at = 0; at < bits.length; at++) count += bits.charCodeAt(at) & 1;
  return count;
}

/** bit(n): an explicit cast cuts, or fills with zeros. */
function limitBit(bits: string, modifier: number, isExplicit: boolean): string {
  const length = lengthOf(modifier, bits.length);
  if (length === bits.length) return bits;
  if (!isExplicit) throw otherBitLength(bits, length);
  return bits.slice(0, length).padEnd(length, "0");
}

function limitVarbit(bits: string, length: number, isExplicit: boolean): string {
  if (length <= 0 || bits.length <= length) return bits;
  if (!isExplicit) throw tooLongBits(length);
  return bits.slice(0, length);
}

export const bitStrings: readonly Implementation[] = strictly({
  "bitand(bit,bit)": andBits,
  "bitor(bit,bit)": orBits,
  "bitxor(bit,bit)": xorBits,
  "bitnot(bit)": (bits) => bits.replace(/./gu, (bit) => (bit === "0" ? "1" : "0")),
  "bitshiftleft(bit,int4)": (bits, by) => shifted(bits, by),
  "bitshiftright(bit,int4)": (bits, by) => shifted(bits, -by),
  "bitcat(varbit,varbit)": joined,
  "length(bit)": (bits) => bits.length,
  "bit_length(bit)": (bits) => bits.length,
  "octet_length(bit)": (bits) => Math.ceil(bits.length / 8),
  "bit_count(bit)": ones,
  "substring(bit,int4)": (bits, from) => part(bits, from, null),
  "substring(bit,int4,int4)": (bits, from, count) => part(bits, from, count),
  "overlay(bit,bit,int4)": (bits, by, from) => overlaid(bits, by, from, by.length),
  "overlay(bit,bit,int4,int4)": (bits, by, from, count) => overlaid(bits, by, from, count),
  "position(bit,bit)": position,
  "get_bit(bit,int4)": (bits, index) => Number(bits[bitIndex(bits, index)]),
  "set_bit(bit,int4,int4)": (bits, index, bit) => withBit(bits, index, bit),
  "bit(bit,int4,bool)": (bits, length, isExplicit) => limitBit(bits, length, isExplicit),
  "varbit(varbit,int4,bool)": (bits, length, isExplicit) => limitVarbit(bits, length, isExplicit),
  "bit(int4,int4)": (value, modifier) => ofInteger(value, modifier),
  "bit(int8,int4)": (value, modifier) => ofInteger(value, modifier),
  "int4(bit)": (bits) => toInteger(bits, 32, "integer"),
  "int8(bit)": (bits) => toInteger(bits, 64, "bigint"),
});
