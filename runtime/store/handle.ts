/** What another thread needs to read a store or to write its checkpoints: plain data, mostly shared memory. */
export interface StoreHandle {
  readonly kind: "storeHandle";
  readonly pageBytes: number;
  readonly cluster: number;
  readonly chunks: readonly SharedArrayBuffer[];
  readonly table: SharedArrayBuffer;
  readonly reference: SharedArrayBuffer;
  readonly control: SharedArrayBuffer;
}
