/**
 * Rows that no other beats in both latency (lower) and throughput (higher), by ascending latency; of equal ones the first. Rows
 * without a latency and a throughput above zero say nothing and are left out.
 */
export function paretoFront<Row>(
  rows: readonly Row[],
  latency: (row: Row) => number,
  throughput: (row: Row) => number,
): Row[] {
  const sorted = rows
    .filter((row) => isFigure(latency(row)) && isFigure(throughput(row)))
    .toSorted((a, b) => latency(a) - latency(b) || throughput(b) - throughput(a));
  const front: Row[] = [];
  let best = 0;
  for (const row of sorted) {
    if (throughput(row) <= best) continue;
    best = throughput(row);
    front.push(row);
  }
  return front;
}

/**
 * Of the rows that keep the latency target the one of the highest throughput per GPU, the first of equals; where none does, the
 * one of the lowest latency. Undefined of no rows.
 */
export function bestWithin<Row extends { throughputPerGpu: number }>(
  rows: readonly Row[],
  latencyMs: (row: Row) => number,
  targetMs: number,
): { row: Row; meets: boolean } | undefined {
  const figures = rows.filter((row) => isFigure(latencyMs(row)) && isFigure(row.throughputPerGpu));
  const meeting = figures.filter((row) => latencyMs(row) <= targetMs);
  const meets = meeting.length > 0;
  const better = meets
    ? (row: Row, than: Row) => row.throughputPerGpu > than.throughputPerGpu
    : (row: Row, than: Row) => latencyMs(row) < latencyMs(than);
  const [first, ...rest] = meets ? meeting : figures;
  if (first === undefined) return undefined;
  return { row: rest.reduce((chosen, row) => (better(row, chosen) ? row : chosen), first), meets };
}

function isFigure(value: number): boolean {
  return Number.isFinite(value) && value > 0;
}
