/**
 * The kernel's stupid twin: the same rules over arrays and maps, recomputed from scratch wherever that is simplest. It shares no
 * code with the kernel but the numbers of kinds.
 */
import { decided } from "../../runtime/kernel/decision.js";

export interface ModelLimits {
  readonly keysMax: number;
  readonly bytesMax: number;
  readonly streamsMax: number;
  readonly sessionsMax: number;
  readonly groupsMax: number;
}

export interface Head {
  readonly key: number;
  readonly session: number;
  readonly number: number;
}

export type Command =
  | {
      readonly kind: "append";
      readonly stream: number;
      readonly expected: number | "any";
      readonly payloads: readonly string[];
    }
  | { readonly kind: "streamCreate"; readonly name: string; readonly ifNotExists: boolean }
  | { readonly kind: "sessionOpen"; readonly client: number }
  | { readonly kind: "sessionClose"; readonly session: number }
  | {
      readonly kind: "groupCreate";
      readonly stream: number;
      readonly name: string;
      readonly start: number | "head";
      readonly attemptsMax: number;
      readonly ifNotExists: boolean;
    }
  | { readonly kind: "groupDelete"; readonly stream: number; readonly name: string }
  | {
      readonly kind: "groupAck";
      readonly stream: number;
      readonly name: string;
      readonly entries: readonly {
        readonly offset: number;
        readonly verdict: "ack" | "nack" | "park" | "replay" | "discard";
      }[];
    };

export interface Expected {
  readonly outcome: number;
  readonly code?: string;
  readonly position?: number;
  readonly subject?: number;
  readonly first?: number;
  readonly count?: number;
  readonly replayed?: boolean;
}

export interface ModelEvent {
  readonly payload: string;
  readonly position: number;
}

export interface ModelGroup {
  readonly name: string;
  readonly start: number;
  readonly attemptsMax: number;
  floor: number;
  readonly settled: Set<number>;
  readonly retrying: Map<number, number>;
  readonly parked: Map<number, number>;
}

export interface ModelStream {
  readonly name: string;
  readonly created: number;
  readonly events: ModelEvent[];
  groups: ModelGroup[];
}

interface Done {
  readonly text: string;
  readonly key: number;
  readonly kind: string;
  readonly subject: number;
  readonly first: number;
  readonly count: number;
}

const refused = (code: string): Expected => ({ outcome: decided.refused, code });
const stupidEventHeader = 5;

export class ModelTenant {
  readonly limits: ModelLimits;
  readonly done: Done[] = [];
  readonly streams: ModelStream[] = [];
  sessions: { session: number; client: number; last: number; lastPosition: number }[] = [];

  constructor(limits: ModelLimits) {
    this.limits = limits;
  }

  submit(head: Head, command: Command): Expected {
    const text = JSON.stringify(command);
    if (head.key !== 0) {
      const from = Math.max(0, this.done.length - this.limits.keysMax);
      const at = this.done.findIndex((done, i) => i >= from && done.key === head.key);
      if (at >= 0) return this.#stored(at, text, "idempotencyKeyReused");
    }
    const session = this.sessions.find((one) => one.session === head.session);
    if (head.session !== 0) {
      if (session === undefined) return refused("sessionUnknown");
      if (head.number === session.last) return this.#stored(session.lastPosition, text, "sessionOutOfOrder");
      if (head.number !== session.last + 1) return refused("sessionOutOfOrder");
    }
    const position = this.done.length;
    if (session !== undefined) {
      // Kept back until the command is known to be written: some commands end sessions.
      session.last += 1;
    }
    const result = this.#run(command, position);
    if (result.outcome === decided.written) {
      if (session !== undefined) session.lastPosition = position;
      const { subject = 0, first = 0, count = 0 } = result;
      this.done.push({ text, key: head.key, kind: command.kind, subject, first, count });
    } else if (session !== undefined) session.last -= 1;
    return result;
  }

  #stored(at: number, text: string, code: string): Expected {
    const done = this.done[at];
    if (done === undefined || done.text !== text) return refused(code);
    const { subject, first, count } = done;
    return { outcome: decided.answered, position: at, subject, first, count, replayed: true };
  }

  #run(command: Command, position: number): Expected {
    switch (command.kind) {
      case "append": {
        const stream = this.streams[command.stream - 1];
        if (stream === undefined) return refused("streamUnknown");
        const first = stream.events.length;
        if (command.expected !== "any" && command.expected !== first) return refused("wrongExpectedOffset");
        const bytes = command.payloads.reduce((sum, payload) => sum + payload.length + stupidEventHeader, 0);
        if (this.storedBytes() + bytes > this.limits.bytesMax) return refused("quotaExceeded");
        for (const payload of command.payloads) stream.events.push({ payload, position });
        return { outcome: decided.written, position, subject: command.stream, first, count: command.payloads.length };
      }
      case "streamCreate": {
        const at = this.streams.findIndex((stream) => stream.name === command.name);
        const existing = this.streams[at];
        if (existing !== undefined) {
          if (!command.ifNotExists) return refused("streamExists");
          return { outcome: decided.answered, position: existing.created, subject: at + 1, first: 0, count: 0 };
        }
        if (this.streams.length >= this.limits.streamsMax) return refused("quotaExceeded");
        this.streams.push({ name: command.name, created: position, events: [], groups: [] });
        return { outcome: decided.written, position, subject: this.streams.length, first: 0, count: 1 };
      }
      case "sessionOpen": {
        this.sessions = this.sessions.filter((one) => one.client !== command.client);
        const evicted = Math.max(0, this.sessions.length + 1 - this.limits.sessionsMax);
        this.sessions.splice(0, evicted);
        this.sessions.push({ session: position + 1, client: command.client, last: 0, lastPosition: 0 });
        return { outcome: decided.written, position, subject: position + 1, first: 0, count: evicted };
      }
      case "sessionClose": {
        if (!this.sessions.some((one) => one.session === command.session)) return refused("sessionUnknown");
        this.sessions = this.sessions.filter((one) => one.session !== command.session);
        return { outcome: decided.written, position, subject: command.session, first: 0, count: 0 };
      }
      case "groupCreate": {
        const stream = this.streams[command.stream - 1];
        if (stream === undefined) return refused("streamUnknown");
        const existing = stream.groups.find((group) => group.name === command.name);
        if (existing !== undefined) {
          if (!command.ifNotExists) return refused("groupExists");
          return { outcome: decided.answered, subject: command.stream, first: existing.start, count: 0 };
        }
        if (stream.groups.length >= this.limits.groupsMax) return refused("quotaExceeded");
        const start = command.start === "head" ? stream.events.length : command.start;
        if (start > stream.events.length) return refused("invalidArgument");
        const { name, attemptsMax } = command;
        const empty = { settled: new Set<number>(), retrying: new Map(), parked: new Map() };
        stream.groups.push({ name, start, attemptsMax, floor: start, ...empty });
        return { outcome: decided.written, position, subject: command.stream, first: start, count: 1 };
      }
      case "groupDelete": {
        const stream = this.streams[command.stream - 1];
        if (stream === undefined) return refused("streamUnknown");
        const group = stream.groups.find((one) => one.name === command.name);
        if (group === undefined) return refused("groupUnknown");
        stream.groups = stream.groups.filter((one) => one !== group);
        return { outcome: decided.written, position, subject: command.stream, first: group.floor, count: 0 };
      }
      case "groupAck":
        return this.#ack(command, position);
    }
  }

  #ack(command: Command & { kind: "groupAck" }, position: number): Expected {
    const stream = this.streams[command.stream - 1];
    if (stream === undefined) return refused("streamUnknown");
    const group = stream.groups.find((one) => one.name === command.name);
    if (group === undefined) return refused("groupUnknown");
    const { settled, retrying, parked } = group;
    let last = -1;
    for (const { offset } of command.entries) {
      if (offset <= last || offset >= stream.events.length) return refused("invalidArgument");
      last = offset;
    }
    let changes = 0;
    // What each verdict comes to is decided on the state before any of them.
    const isOpen = command.entries.map(
      ({ offset }) => retrying.has(offset) || (offset >= group.floor && !settled.has(offset) && !parked.has(offset)),
    );
    command.entries.forEach(({ offset, verdict }, i) => {
      if (verdict === "replay" || verdict === "discard") {
        if (!parked.has(offset)) return;
        parked.delete(offset);
        if (verdict === "replay") retrying.set(offset, 0);
        else settled.add(offset);
        changes += 1;
        return;
      }
      if (!isOpen[i]) return;
      changes += 1;
      const attempts = retrying.get(offset) ?? 0;
      retrying.delete(offset);
      if (verdict === "ack") settled.add(offset);
      else if (verdict === "park") parked.set(offset, attempts);
      else if (group.attemptsMax > 0 && attempts + 1 >= group.attemptsMax) parked.set(offset, attempts + 1);
      else retrying.set(offset, attempts + 1);
      while (settled.has(group.floor) || parked.has(group.floor)) group.floor += 1;
    });
    if (changes === 0) return { outcome: decided.answered, subject: command.stream, first: 0, count: 0 };
    return { outcome: decided.written, position, subject: command.stream, first: 0, count: changes };
  }

  storedBytes(): number {
    let sum = 0;
    for (const { events } of this.streams) for (const { payload } of events) sum += payload.length + stupidEventHeader;
    return sum;
  }

  unsettled(group: ModelGroup, head: number): [number, number][] {
    const found: [number, number][] = [];
    for (let offset = 0; offset < head; offset += 1) {
      const attempts = group.retrying.get(offset);
      const isOpen = offset >= group.floor && !group.settled.has(offset) && !group.parked.has(offset);
      if (attempts !== undefined || isOpen) found.push([offset, attempts ?? 0]);
    }
    return found;
  }
}
