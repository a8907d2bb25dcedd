import type { Workload } from "./workload.ts";

/**
 * The session of each request, by the label that it has or by who follows whom; −1 for requests that are on their own.
 */
export function sessionNumbers({ count, sessionIds, nextTurn }: Workload): Int32Array {
  const numbers = new Int32Array(count).fill(-1);
  const byLabel = new Map<string, number>();
  let sessions = 0;
  for (let request = 0; request < count; request++) {
    const label = sessionIds?.[request] ?? "";
    if (label !== "") {
      let number = byLabel.get(label);
      if (number === undefined) {
        number = sessions++;
        byLabel.set(label, number);
      }
      numbers[request] = number;
      continue;
    }
    if (numbers[request]! >= 0 || (nextTurn?.[request] ?? -1) < 0) continue;
    for (let turn = request; turn >= 0; turn = nextTurn![turn]!) numbers[turn] = sessions;
    sessions++;
  }
  return numbers;
}
