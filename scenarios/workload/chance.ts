/** What is drawn for faults and clients, so that no two draws share their numbers. */
export const Draw = { transferLost: 1, messageDelay: 2, clientWait: 3 } as const;

/**
 * A number in [0, 1) that depends on seed, purpose, request and attempt alone, and so not on the order in which things are asked
 * (the mixing of MurmurHash3, 32 bits).
 */
export function chance(seed: number, draw: number, request: number, attempt: number, step = 0): number {
  let hash = seed | 0;
  for (const part of [draw, request, attempt, step]) {
    let k = Math.imul(part, 0xcc9e2d51);
    k = (k << 15) | (k >>> 17);
    hash ^= Math.imul(k, 0x1b873593);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return (hash >>> 0) / 2 ** 32;
}
