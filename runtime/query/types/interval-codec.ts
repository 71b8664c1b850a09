/** interval: fields and precision of its modifier, and its text and binary forms. */
import { exactly, fixed } from "./bytes.js";
import type { TypeCodec } from "./codec.js";
import { type Interval, intervalOf, makeInterval, microsPerHour, microsPerMinute } from "./interval.js";
import { intervalText } from "./interval-format.js";
import { intervalFromText } from "./interval-parse.js";
import { intervalLimits } from "./type-name.js";

const year = 1 << 2;
const day = 1 << 3;
const hour = 1 << 10;
const minute = 1 << 11;
const second = 1 << 12;
const fullRange = 0x7fff;

/** Cuts off what the modifier's fields do not have, and rounds the seconds. */
export function limitInterval(interval: Interval, modifier: number): Interval {
  const limits = intervalLimits(modifier);
  if (limits === null) return interval;
  const { fields, precision } = limits;
  let { months, days, micros } = interval;
  const cut = (unit: number): number => Math.trunc(micros / unit) * unit;
  if (fields !== fullRange) {
    if (fields === year) months = Math.trunc(months / 12) * 12;
    if ((fields & (day | hour | minute | second)) === 0) days = 0;
    if ((fields & (hour | minute | second)) === 0) micros = 0;
    else if ((fields & second) === 0) micros = cut((fields & minute) === 0 ? microsPerHour : microsPerMinute);
  }
  if (precision !== null) {
    const unit = 10 ** (6 - precision);
    micros = Math.sign(micros) * Math.floor((Math.abs(micros) + unit / 2) / unit) * unit;
  }
  return makeInterval(months, days, micros);
}

export const intervalCodec: TypeCodec = {
  input: (text, modifier) => limitInterval(intervalFromText(text, modifier), modifier),
  output: (value, context) => intervalText(intervalOf(value), context.intervalStyle),
  receive: (bytes, modifier) => {
    const view = exactly(bytes, 16);
    const micros = Number(view.getBigInt64(0));
    return limitInterval(makeInterval(view.getInt32(12), view.getInt32(8), micros), modifier);
  },
  send: (value) => {
    const { months, days, micros } = intervalOf(value);
    return fixed(16, (view) => {
      view.setBigInt64(0, BigInt(micros));
      view.setInt32(8, days);
      view.setInt32(12, months);
    });
  },
};
