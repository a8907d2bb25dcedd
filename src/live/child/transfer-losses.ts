import { type RandomStream, randomStream } from "#common";
import type { TransferLoss } from "./protocol.ts";

/** Which KV transfers to the workers of this process are lost. */
export class TransferLosses {
  lost = 0;
  #left = 0;
  #probability = 0;
  #random: RandomStream = randomStream(0, "lost transfers");

  seed(seed: number): void {
    this.#random = randomStream(seed, "lost transfers");
  }

  set(loss: TransferLoss | null): void {
    this.#left = loss?.next ?? 0;
    this.#probability = loss?.probability ?? 0;
  }

  /** Asked once for each transfer. */
  next(): boolean {
    const isLost = this.#left > 0 || (this.#probability > 0 && this.#random.next() < this.#probability);
    if (this.#left > 0) this.#left--;
    if (isLost) this.lost++;
    return isLost;
  }
}
