/** What happened in a run, as one number: two runs with the same one did the same. Two 32-bit lanes of FNV-1a over words. */
export class RollingHash {
  #low = 0x811c9dc5;
  #high = 0x01234567;

  add(word: number): void {
    this.#low = Math.imul(this.#low ^ (word | 0), 0x01000193);
    this.#high = Math.imul(this.#high ^ ((word / 2 ** 32) | 0) ^ this.#low, 0x85ebca6b) ^ (this.#high >>> 13);
  }

  text(): string {
    const part = (value: number): string => (value >>> 0).toString(16).padStart(8, "0");
    return part(this.#high) + part(this.#low);
  }
}
