import type { FailedShard } from "../errors.ts";
import { indexOfPod, type PodObject } from "./objects.ts";

/** Why shards do not run yet, by what their pods say; empty where all run. */
export function waitingPods(pods: readonly PodObject[], shards: number): string {
  if (pods.length === 0) return "no pods yet (does the service account exist?)";
  const reasons = new Map<string, number>();
  for (const pod of pods) {
    if (pod.status?.phase !== undefined && pod.status.phase !== "Pending") continue;
    const why = waitsFor(pod);
    reasons.set(why, (reasons.get(why) ?? 0) + 1);
  }
  const missing = shards - new Set(pods.map(indexOfPod)).size;
  if (missing > 0) reasons.set("no pod yet", missing);
  return [...reasons].map(([why, count]) => `${count} × ${why}`).join("; ");
}

function waitsFor({ status }: PodObject): string {
  const waiting = status?.containerStatuses?.find(({ state }) => state?.waiting?.reason !== undefined)?.state?.waiting;
  if (waiting !== undefined) return withMessage(waiting.reason!, waiting.message);
  const unscheduled = status?.conditions?.find(({ type, status }) => type === "PodScheduled" && status === "False");
  return unscheduled === undefined ? "Pending" : withMessage(unscheduled.reason ?? "Pending", unscheduled.message);
}

function withMessage(reason: string, message: string | undefined): string {
  return message === undefined || message === "" ? reason : `${reason} (${message.split("\n")[0]!.slice(0, 200)})`;
}

/** How the shards of these indexes failed, by the last pod of each that tells. */
export function failuresOf(pods: readonly PodObject[], indexes: readonly number[]): (FailedShard & { code: number })[] {
  return indexes.map((index) => {
    const own = pods.filter((pod) => indexOfPod(pod) === index && pod.status?.phase === "Failed");
    const ended = own.map(({ status }) => status?.containerStatuses?.[0]?.state?.terminated).find(Boolean);
    const evicted = own.find(({ status }) => status?.reason !== undefined)?.status;
    if (ended !== undefined) {
      const { exitCode = 1, reason, message = "" } = ended;
      const how =
        reason === undefined || reason === "Error" ? `exit code ${exitCode}` : `${reason}, exit code ${exitCode}`;
      return { index, how, tail: message, code: exitCode };
    }
    return { index, how: evicted?.reason ?? "its pod is gone", tail: evicted?.message ?? "", code: 1 };
  });
}
