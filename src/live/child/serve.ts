import { answerCall, type Calls, isCall } from "./channel.ts";

/** Tells the parent something it did not ask for. */
export function say(event: unknown): void {
  if (process.connected) process.send?.({ event });
}

/** Answers the parent's calls for as long as there is a parent. */
export function serveParent(calls: Calls): void {
  // Ctrl-C reaches the whole group; the parent decides in which order things end.
  process.on("SIGINT", () => {});
  // Nobody is left to ask: whatever is going on, it ends.
  process.once("disconnect", () => process.exit(0));
  process.on("message", async (message: unknown) => {
    if (!isCall(message)) return;
    const answer = await answerCall(calls, message);
    if (process.connected) process.send?.(answer);
  });
  say("up");
}
