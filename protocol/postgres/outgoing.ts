/**
 * What is on its way to a client's socket. A socket takes whatever it is given, and TLS keeps all of it once more, encrypted: a client that does not
 * read its answer of 8 MB would cost twice that. So a socket has about a megabyte at a time, and the rest waits here in the memory that it came in.
 */
import type { Writable } from "node:stream";
import { kiB, miB } from "../../runtime/types/limits.js";

/** Of one write. */
const pieceBytes: number = 256 * kiB;
/** The socket is given no more while so much waits in it. */
const windowBytes: number = 1 * miB;
/** Shorter ones leave in one write. */
const shortBytes: number = 16 * kiB;

export class Outgoing {
  readonly #socket: Writable;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;

  constructor(socket: Writable) {
    this.#socket = socket;
  }

  /** Bytes that the system has not taken yet. */
  get bytes(): number {
    return this.#waitingBytes + this.#socket.writableLength;
  }

  /** Pieces that nobody changes any more; large ones are not copied. */
  write(pieces: readonly Uint8Array[]): void {
    const areShort = pieces.every(({ length }) => length < shortBytes);
    this.#add(areShort && pieces.length > 1 ? [Buffer.concat(pieces)] : pieces);
    this.goOn();
  }

  #add(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      this.#waiting.push(piece);
      this.#waitingBytes += piece.length;
    }
  }

  /** The socket has room again. */
  goOn(): void {
    while (this.#waiting.length > 0 && this.#socket.writableLength < windowBytes) this.#writeOne();
  }

  /** Nothing comes behind what is here: the socket takes all of it. */
  finish(): void {
    while (this.#waiting.length > 0) this.#writeOne();
  }

  #writeOne(): void {
    const [piece] = this.#waiting;
    if (piece === undefined) return;
    const part = piece.subarray(0, pieceBytes);
    if (part.length < piece.length) this.#waiting[0] = piece.subarray(pieceBytes);
    else this.#waiting.shift();
    this.#waitingBytes -= part.length;
    this.#socket.write(part);
  }
}
