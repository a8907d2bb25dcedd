import { randomStream } from "#common";

/**
 * Token after which the client gives request `request` up; 0: never. Drawn per request, so that the same ones are given up
 * whatever thread they are on; the token is uniform among all but the last.
 * @param share of the requests, 0..1
 */
export function cancelAfter(share: number, seed: number | string, request: number, osl: number): number {
  if (share <= 0) return 0;
  const stream = randomStream(seed, `cancel/${request}`);
  return stream.next() < share ? 1 + stream.integer(Math.max(1, osl - 1)) : 0;
}
