/** Numbers of transactions are positions, or drawn by a shard, and do not come round again; an xid has 32 bits of them. */
export const xidOf = (number: number): number => Math.max(0, number) % 2 ** 32;
