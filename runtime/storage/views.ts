/**
 * How many vote may change, one up or down at a time; what holds between two changes is a *configuration*. Its number is in the high bits of each of its
 * views, so every rule that compares views prefers the later configuration without being told.
 */
import { assert } from "../types/assert.js";

const viewsOfConfiguration = 2 ** 22;
export const configurationsMax = 2 ** 10;

/** Number of the configuration that a view is of; 0 for the first. */
export const configurationOf = (view: number): number => Math.floor(view / viewsOfConfiguration);

/** The view that a configuration begins with. Nobody leads it: its log is what was committed when the configuration began. */
export function baseViewOf(configuration: number): number {
  assert(
    Number.isInteger(configuration) && configuration >= 0 && configuration < configurationsMax,
    "a configuration has a number of ten bits",
  );
  return configuration * viewsOfConfiguration;
}

/** Beyond it there is nothing: whoever waits for it waits for the next configuration. */
export const lastViewOf = (configuration: number): number => (configuration + 1) * viewsOfConfiguration - 1;

/** A view in which a later configuration than the first begins. */
export const isBaseView = (view: number): boolean => view > 0 && view % viewsOfConfiguration === 0;
