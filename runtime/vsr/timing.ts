/** Times of the protocol in ticks of 10 ms. Elapsed time, never a lease: no answer rests on a clock. */

/** A primary tells what is committed at least that often. */
export const heartbeatTicks = 5;
/** Without a word from the primary for that long a backup begins to doubt it; the interval seen stretches it up to the maximum. */
export const suspectTicksMin = 80;
export const suspectTicksMax = 200;
/** Doubts are repeated, and count as long. */
export const doubtRepeatTicks = 10;
export const doubtLifeTicks = 60;
/** A next primary that has not led by then is doubted as well. */
export const viewChangeTicks = 100;
export const voteRepeatTicks = 20;
export const getViewTicks = 20;
/** One that hears of a later configuration asks at most that often how it begins. */
export const configurationTicks = 5;
/** Prepares without an answer are sent again. */
export const resendTicks = 10;
/** … or at once when a backup says twice that it stands still, but not more often than that. */
export const fastResendTicks = 2;
export const pingTicks = 25;
/** A primary that hears too few for that long gives up its view: four pings, and longer than a backup is patient with it. */
export const deafTicks = 100;
/** So does one whose prepares nobody acknowledges, although it is answered. */
export const abdicateTicks = 300;
/** A replica that has not said which release it knows for that long may be away; and an upgrade is proposed at most that often. */
export const upgradeTicks = 300;
/** A view is renewed for a replaced replica at most that often. */
export const renewTicks = 200;
/** A request for repair is given up and put to another peer. */
export const repairTicks = 25;
/** Behind the others by whole segments: how often it is asked anew what can be had. */
export const sealsTicks = 100;
/** A part that was asked for and did not come is asked of another peer. */
export const partTicks = 100;
/** A replica that fetches segments has that long to be in step, and takes that long when there is much to fetch: haste would cost commits. */
export const fetchTicks = 2_500;
/** It asks for 16 MiB a second at least, so that little is had at once, */
export const fetchBytesPerTickMin = 160 * 1024;
/** and for 75 MiB a second at most, so that those who give stay free for commits. */
export const fetchBytesPerTickMax = 768 * 1024;
/** A decided view whose log is not whole by then names the operation that nobody gives; one that is not committed is left to another decision. */
export const stuckTicks = 300;
