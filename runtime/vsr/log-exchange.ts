/** Parts of the log as they are asked for and given, by whoever keeps it: what is said of them has no part in who leads or what is committed. */
import type { Message } from "./messages.js";
import type { Repair } from "./repair.js";

type AskForLog = Message & { readonly kind: "getPrepare" | "getRun" | "getSeals" | "getSegmentPart" };

export const asksForLog = (message: Message): message is AskForLog =>
  message.kind === "getPrepare" ||
  message.kind === "getRun" ||
  message.kind === "getSeals" ||
  message.kind === "getSegmentPart";

/** Gives another replica what it asks for, where it is here. */
export function giveOfLog(repair: Repair, to: number, message: AskForLog): void {
  switch (message.kind) {
    case "getPrepare":
      repair.getPrepare(to, message);
      return;
    case "getRun":
      repair.getRun(to, message);
      return;
    case "getSeals":
      repair.getSeals(to, message);
      return;
    case "getSegmentPart":
      repair.getSegmentPart(to, message);
      return;
  }
}

type GiveLog = Message & { readonly kind: "run" | "seals" | "segmentPart" };

export const givesLog = (message: Message): message is GiveLog =>
  message.kind === "run" || message.kind === "seals" || message.kind === "segmentPart";

/** Who answers that there is nothing here gives as little as one that is silent: then somebody else has to be asked. */
function givesSomething(message: GiveLog): boolean {
  switch (message.kind) {
    case "run":
      return message.prepares.length > 0;
    case "seals":
      return message.seals.length > 0;
    case "segmentPart":
      return message.bytes.length > 0;
  }
}

/** Another replica answers what it was asked for. */
export function takeOfLog(repair: Repair, from: number, message: GiveLog): void {
  if (givesSomething(message)) repair.gave(from);
  switch (message.kind) {
    case "run":
      repair.run(from, message);
      return;
    case "seals":
      repair.sync.seals(message);
      return;
    case "segmentPart":
      repair.sync.part(message);
      return;
  }
}
