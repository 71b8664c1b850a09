/**
 * The control plane: remote calls over a MessagePort with comlink, through an adapter that adds what comlink leaves out.
 *
 *   - a call is settled also when the peer dies (comlink's promise would wait for ever)
 *   - every call has a deadline
 *   - errors keep their code: the exposed side answers with a record, never by throwing, since comlink carries only the
 *     message, name and stack of an error
 */
import type { MessagePort } from "node:worker_threads";
import { type Endpoint, expose, type Remote, transfer, wrap } from "comlink";
import { assert } from "../types/assert.js";
import { type ErrorRecord, fromErrorRecord, KimberliteError, toErrorRecord } from "../types/errors.js";
import type { Clock } from "./clock.js";
import type { TimerHandle } from "./definition.js";

export type ControlMethods = object;

type Arguments<Method> = Method extends (...args: infer Args) => unknown ? Args : never;
type Result<Method> = Method extends (...args: never[]) => infer Value ? Awaited<Value> : never;

type Answer = { readonly value: unknown } | { readonly error: ErrorRecord };

interface Exposed {
  invoke(method: string, args: readonly unknown[]): Promise<Answer>;
}

/** comlink speaks the browser's port interface; only what it uses is adapted. */
function endpointOf(port: MessagePort): Endpoint {
  const listeners = new Map<unknown, (data: unknown) => void>();
  const endpoint = {
    postMessage: (message: unknown, transferList?: readonly ArrayBuffer[]) =>
      port.postMessage(message, transferList ?? []),
    addEventListener: (_type: string, listener: (event: { data: unknown }) => void) => {
      const onMessage = (data: unknown): void => listener({ data });
      listeners.set(listener, onMessage);
      port.on("message", onMessage);
    },
    removeEventListener: (_type: string, listener: unknown) => {
      const onMessage = listeners.get(listener);
      if (onMessage !== undefined) port.off("message", onMessage);
    },
    start: () => port.start(),
  };
  return endpoint as unknown as Endpoint;
}

/** Makes the methods of an object callable from the other end of a port. */
export function exposeControl(port: MessagePort, methods: ControlMethods): void {
  const exposed: Exposed = {
    async invoke(method, args) {
      try {
        const called: unknown = Object.hasOwn(methods, method)
          ? (methods as Record<string, unknown>)[method]
          : undefined;
        if (typeof called !== "function") {
          throw new KimberliteError("notSupported", `no control method ${method}`, { detail: { method } });
        }
        const value: unknown = await (called as (...args: readonly unknown[]) => unknown)(...args);
        return { value };
      } catch (error) {
        return { error: toErrorRecord(error) };
      }
    },
  };
  expose(exposed, endpointOf(port));
}

interface WaitingCall {
  readonly reject: (error: KimberliteError) => void;
  timer: TimerHandle;
}

export class ControlClient<Methods extends ControlMethods> {
  readonly #port: MessagePort;
  readonly #remote: Remote<Exposed>;
  readonly #clock: Clock;
  readonly #name: string;
  readonly #waiting = new Set<WaitingCall>();
  #death: KimberliteError | null = null;

  constructor(port: MessagePort, clock: Clock, name: string) {
    this.#port = port;
    this.#clock = clock;
    this.#name = name;
    this.#remote = wrap<Exposed>(endpointOf(port));
    port.on("close", () => this.peerDied(null));
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Rejects with the method's own error, `deadlineExceeded`, or `actorGone` when the peer is dead or dies. */
  call<Name extends keyof Methods & string>(
    method: Name,
    args: Arguments<Methods[Name]>,
    options: { readonly deadlineMs: number; readonly transfer?: readonly (MessagePort | ArrayBuffer)[] },
  ): Promise<Result<Methods[Name]>> {
    assert(options.deadlineMs > 0, "a control call has a deadline");
    if (this.#death !== null) return Promise.reject(this.#death);
    return new Promise((resolve, reject) => {
      const waiting: WaitingCall = { reject, timer: { cancel: () => {} } };
      this.#waiting.add(waiting);
      waiting.timer = this.#clock.after(options.deadlineMs, () => {
        if (!this.#waiting.delete(waiting)) return;
        const detail = { peer: this.#name, method, deadlineMs: options.deadlineMs };
        reject(new KimberliteError("deadlineExceeded", `${this.#name} did not answer ${method}`, { detail }));
      });
      const sent: unknown[] = args;
      const carried =
        options.transfer === undefined ? sent : transfer(sent, [...options.transfer] as unknown as Transferable[]);
      this.#remote.invoke(method, carried).then(
        (answer: Answer) => {
          waiting.timer.cancel();
          if (!this.#waiting.delete(waiting)) return;
          if ("error" in answer) reject(fromErrorRecord(answer.error));
          else resolve(answer.value as Result<Methods[Name]>);
        },
        (error: unknown) => {
          waiting.timer.cancel();
          if (!this.#waiting.delete(waiting)) return;
          reject(
            new KimberliteError("internal", `a control call could not be sent: ${String(error)}`, { cause: error }),
          );
        },
      );
    });
  }

  /** The peer is dead: whatever waits for it, and whatever comes later, is rejected. */
  peerDied(cause: unknown): void {
    if (this.#death !== null) return;
    const why = cause instanceof Error ? `: ${cause.message}` : "";
    this.#death = new KimberliteError("actorGone", `${this.#name} is gone${why}`, {
      detail: { peer: this.#name },
      cause,
    });
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const call of waiting) {
      call.timer.cancel();
      call.reject(this.#death);
    }
    this.#port.close();
    assert(this.#waiting.size === 0, "nothing waits for a dead peer");
  }
}

type Transferable = ArrayBuffer;
