/**
 * Assertions: what must hold whatever a client, a disk or a peer does. They are always on. One that fails is a bug in this
 * program: it stops the actor (the supervisor restarts it from durable state), never the data.
 *
 * The second argument is a string literal that says what must hold. Literals that begin with one of the critical classes
 * (`durability: `, `order: `, `isolation: `, `hash chain: `, `snapshot: `) are listed by `npm run assertions` and each must be
 * tripped on purpose by a test.
 */
export class AssertionFailed extends Error {
  override readonly name = "AssertionFailed";
  readonly code = "assertionFailed";
  constructor(mustHold: string) {
    super(`assertion failed: ${mustHold}`);
  }
}

export function assert(condition: boolean, mustHold: string): asserts condition {
  if (!condition) throw new AssertionFailed(mustHold);
}

/** Ends a `switch` over a closed union: the compiler refuses a forgotten case, and a value from outside the union fails here. */
export function unreachable(value: never): never {
  throw new AssertionFailed(`unreachable value ${JSON.stringify(value)}`);
}
