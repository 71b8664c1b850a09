/**
 * Nominal types over plain values: a `TenantId` and a `StreamId` are both numbers at run time, yet the compiler refuses one
 * where the other is asked for. Values are made only by the parsing constructors in `ids.ts` and by decoders.
 */
declare const brand: unique symbol;

export type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };
