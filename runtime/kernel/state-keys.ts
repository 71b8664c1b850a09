/**
 * Tree keys. Every key of tenant data begins with the tenant, so that one tenant is one contiguous range of each tree: it can
 * be removed, counted and moved by range, and no key of one tenant can be reached from another's. Numbers are u64 big-endian.
 *
 *   tenant (8)                          tenants, directory
 *   tenant · number (16)                streams (stream), commits (position)
 *   tenant · number · number (24)       events (stream, first offset), group acks and parked (group, offset)
 *   tenant · request key 16 (24)        request keys
 *   tenant · 1 · session (17)           sessions by number: the one opened longest ago is first
 *   tenant · 2 · client id 16 (25)      sessions by client
 *   tenant · name (9 … 264)             stream names
 *   tenant · stream · name (17 … 144)   groups
 *
 * The arrays are scratch: each call overwrites what the last call of the same shape returned, and trees copy keys.
 */
import { assert } from "../types/assert.js";
import { groupNameBytesMax, streamNameBytesMax } from "../types/limits.js";
import { setU64Key } from "./numbers.js";

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export class StateKeys {
  readonly #one = new Uint8Array(8);
  readonly #two = new Uint8Array(16);
  readonly #three = new Uint8Array(24);
  readonly #session = new Uint8Array(17);
  readonly #client = new Uint8Array(25);
  readonly #named = new Uint8Array(16 + streamNameBytesMax);
  readonly #oneView = viewOf(this.#one);
  readonly #twoView = viewOf(this.#two);
  readonly #threeView = viewOf(this.#three);
  readonly #sessionView = viewOf(this.#session);
  readonly #clientView = viewOf(this.#client);
  readonly #namedView = viewOf(this.#named);

  one(tenant: number): Uint8Array {
    setU64Key(this.#oneView, 0, tenant);
    return this.#one;
  }

  two(tenant: number, number: number): Uint8Array {
    setU64Key(this.#twoView, 0, tenant);
    setU64Key(this.#twoView, 8, number);
    return this.#two;
  }

  three(tenant: number, first: number, second: number): Uint8Array {
    setU64Key(this.#threeView, 0, tenant);
    setU64Key(this.#threeView, 8, first);
    setU64Key(this.#threeView, 16, second);
    return this.#three;
  }

  /** @param view memory that holds the 16-byte request key at `at` */
  requestKey(tenant: number, view: DataView, at: number): Uint8Array {
    assert(at + 16 <= view.byteLength, "a request key lies within its bytes");
    setU64Key(this.#threeView, 0, tenant);
    for (let i = 0; i < 16; i += 4) this.#threeView.setUint32(8 + i, view.getUint32(at + i));
    return this.#three;
  }

  session(tenant: number, session: number): Uint8Array {
    setU64Key(this.#sessionView, 0, tenant);
    this.#session[8] = 1;
    setU64Key(this.#sessionView, 9, session);
    return this.#session;
  }

  client(tenant: number, clientId: Uint8Array): Uint8Array {
    assert(clientId.length === 16, "a client id has 16 bytes");
    setU64Key(this.#clientView, 0, tenant);
    this.#client[8] = 2;
    this.#client.set(clientId, 9);
    return this.#client;
  }

  /** @param name UTF-8; empty for the place before a tenant's first name */
  streamName(tenant: number, name: Uint8Array): Uint8Array {
    assert(name.length <= streamNameBytesMax, "a stream name is within its limit");
    setU64Key(this.#namedView, 0, tenant);
    this.#named.set(name, 8);
    return this.#named.subarray(0, 8 + name.length);
  }

  group(tenant: number, stream: number, name: Uint8Array): Uint8Array {
    assert(name.length <= groupNameBytesMax, "a group name is within its limit");
    setU64Key(this.#namedView, 0, tenant);
    setU64Key(this.#namedView, 8, stream);
    this.#named.set(name, 16);
    return this.#named.subarray(0, 16 + name.length);
  }
}
