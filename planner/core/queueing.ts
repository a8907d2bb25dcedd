/**
 * Probability that an arrival has to wait in M/M/c (Erlang C), by the recursion of Erlang B, which is stable for any size.
 * @param servers whole servers @param offered arrival rate × mean service time (erlangs)
 * @returns 1 where the servers cannot keep up, 0 where nothing is offered
 */
export function erlangC(servers: number, offered: number): number {
  if (offered <= 0) return 0;
  if (servers <= offered) return 1;
  let blocking = 1;
  for (let n = 1; n <= servers; n++) blocking = (offered * blocking) / (n + offered * blocking);
  const utilization = offered / servers;
  return blocking / (1 - utilization * (1 - blocking));
}

/** From more than this Newton's steps, of 1 as long as e to x is all, take too long to the root, and from much more they start at no number. */
const LONGEST_WAY = 100;
/** Each leaves less than a 50th of the error. */
const LOG_STEPS = 8;

/**
 * Probability that an arrival has to wait where requests come clumped, by Hayward's approximation (Fredericks 1980): as many clumps as there
 * are, each served by as many servers as it has requests.
 * @param dispersion variance ÷ mean of counts; 1: Erlang C
 */
export function waitingShare(servers: number, offered: number, dispersion: number): number {
  if (!(dispersion > 1) || offered <= 0 || servers <= offered) return erlangC(servers, offered);
  const clumps = offered / dispersion;
  const places = servers / dispersion;
  // Erlang B between whole numbers of servers, by the same recursion: its logarithm is nearly straight from none to one.
  let n = places - Math.floor(places);
  let blocking = (clumps / (1 + clumps)) ** n;
  for (let i = 0; i < Math.floor(places); i++) {
    n++;
    blocking = (clumps * blocking) / (n + clumps * blocking);
  }
  return blocking / (1 - (clumps / places) * (1 - blocking));
}

/**
 * Decay rate of the waiting time's tail, per unit of the mean service time: the wait exceeds w with a probability that falls
 * like exp(−rate · w / meanService). Exact for M/D/c (x = ln(1 + x/ρ) per server; Tijms 1994, ch. 4), scaled by the usual
 * two-moment correction for variable service.
 * @param serviceScv squared coefficient of variation of the service time
 */
export function waitDecay(servers: number, offered: number, serviceScv: number): number {
  const utilization = offered / servers;
  if (utilization >= 1) return 0;
  let x = -2 * Math.log(utilization);
  if (x > LONGEST_WAY) return (servers * logDecay(utilization)) / (1 + serviceScv);
  // e^x − 1 − x/ρ is convex and positive here, so Newton's steps run down to its positive root.
  for (let step = 0; step < 60; step++) {
    const power = Math.exp(x);
    const move = (power - 1 - x / utilization) / (power - 1 / utilization);
    x -= move;
    if (!(Math.abs(move) > 1e-12 * x)) break;
  }
  return (servers * x) / (1 + serviceScv);
}

/** The root of x = ln(1 + x/ρ) where hardly anything is offered and 1 is nothing beside x/ρ, down to the smallest number. */
function logDecay(utilization: number): number {
  const least = -Math.log(Math.max(utilization, Number.MIN_VALUE));
  let x = least;
  for (let step = 0; step < LOG_STEPS; step++) x = least + Math.log(x);
  return x;
}

/**
 * The smallest whole number in [low, ∞) for which `enough` holds, given that it holds for all larger ones too.
 * Gallops, then bisects; `limit` where it never holds up to there.
 */
export function smallestEnough(low: number, limit: number, enough: (count: number) => boolean): number {
  if (low >= limit) return limit;
  if (enough(low)) return low;
  let failed = low;
  let step = 1;
  while (failed + step < limit && !enough(failed + step)) {
    failed += step;
    step *= 2;
  }
  let good = Math.min(limit, failed + step);
  while (good - failed > 1) {
    const middle = (good + failed) >> 1;
    if (enough(middle)) good = middle;
    else failed = middle;
  }
  return good;
}

/** Rounds to the nearest integer, halves to the even one, as Python's `round` does. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
