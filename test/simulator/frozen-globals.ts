/**
 * While a simulation runs, clocks, timers and chance of the machine throw: what a run does follows from its seed alone, and a call that
 * would break that is found by the first run that makes it. (Nothing but microtasks runs in between.)
 */

interface Frozen {
  restore(): void;
}

const forbidden = (name: string) => (): never => {
  throw new Error(`${name} was called within a simulation: the run would not follow from its seed`);
};

export function freezeGlobals(): Frozen {
  const { now } = Date;
  const { random } = Math;
  const { setTimeout, setInterval, setImmediate } = globalThis;
  const performanceNow = performance.now;
  Date.now = forbidden("Date.now");
  Math.random = forbidden("Math.random");
  performance.now = forbidden("performance.now");
  Object.assign(globalThis, {
    setTimeout: forbidden("setTimeout"),
    setInterval: forbidden("setInterval"),
    setImmediate: forbidden("setImmediate"),
  });
  return {
    restore() {
      Date.now = now;
      Math.random = random;
      performance.now = performanceNow;
      Object.assign(globalThis, { setTimeout, setInterval, setImmediate });
    },
  };
}
