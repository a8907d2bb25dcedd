/** Entry of the child processes of a live run; its parent asks by IPC. */
import { answerCall, type Calls, isCall } from "./channel.ts";

type Kind = "frontend" | "workers";

const KINDS: Record<Kind, () => Promise<Calls>> = {
  frontend: async () => (await import("./frontend.ts")).frontendCalls(say),
  workers: async () => (await import("./workers.ts")).workerCalls(say),
};

function say(event: unknown): void {
  if (process.connected) process.send?.({ event });
}

// Ctrl-C reaches the whole group; the parent decides in which order things end.
process.on("SIGINT", () => {});
// Nobody is left to ask: whatever is going on, it ends.
process.once("disconnect", () => process.exit(0));

const calls = await KINDS[process.argv[2] as Kind]();
process.on("message", async (message: unknown) => {
  if (!isCall(message)) return;
  const answer = await answerCall(calls, message);
  if (process.connected) process.send?.(answer);
});
say("up");
