import type { ExpertShape, OpTables } from "../tables/types.ts";
import type { OpTimes } from "./analytic.ts";

/** A measured block as far away as this (a factor of e^0.3 in one size) counts half as much as one just beside. */
const SOFTENING = 0.1;
/** Measured blocks whose times are further than this factor from the kernel's say nothing of others. */
const CREDIBLE_FACTOR = 4;

/**
 * Experts of a size or split that was not measured: the analytic kernel, corrected by how far it is off for the blocks that were,
 * at as many rows an expert, the more the nearer their sizes are. Left out one by one, measured blocks are met to 11 to 25 % so
 * (by the kernel alone to 23 to 30 %).
 */
export function akinExperts(tables: OpTables, analytic: OpTimes): OpTimes["experts"] {
  return (shape, format, tokens, moeTp, moeEp) => {
    const off =
      offByOtherBlocks(tables, analytic, shape, format, tokens, moeTp, moeEp) ??
      offByOtherSplits(tables, analytic, shape, format, tokens, moeTp, moeEp);
    return off === undefined ? Number.NaN : analytic.experts(shape, format, tokens, moeTp, moeEp) * Math.exp(off);
  };
}

type Asked = [tables: OpTables, analytic: OpTimes, ...Parameters<OpTimes["experts"]>];

/** Mean logarithm of measured over computed time, blocks of the same split weighed by their nearness. */
function offByOtherBlocks(...[tables, analytic, shape, format, tokens, moeTp, moeEp]: Asked): number | undefined {
  let sum = 0;
  let weights = 0;
  for (const block of tables.expertBlocks) {
    if (block.format !== format) continue;
    const rows = (tokens * share(shape)) / share(block.shape);
    const off = offAt(tables, analytic, block.shape, format, rows, moeTp, moeEp);
    if (off === undefined) continue;
    const weight = 1 / (SOFTENING + distance(shape, block.shape) ** 2);
    sum += weight * off;
    weights += weight;
  }
  return weights === 0 ? undefined : sum / weights;
}

/** The same for a split that no block was measured in: by the block's own splits over as many GPUs. */
function offByOtherSplits(...[tables, analytic, shape, format, tokens, moeTp, moeEp]: Asked): number | undefined {
  const gpus = moeTp * moeEp;
  const found = [
    offAt(tables, analytic, shape, format, tokens, gpus, 1),
    offAt(tables, analytic, shape, format, tokens, 1, gpus),
  ].filter((off) => off !== undefined);
  return found.length === 0 ? undefined : found.reduce((sum, off) => sum + off, 0) / found.length;
}

function offAt(...[tables, analytic, shape, format, tokens, moeTp, moeEp]: Asked): number | undefined {
  const measured = tables.experts(shape, format, tokens, moeTp, moeEp);
  const off = Math.log(measured / analytic.experts(shape, format, tokens, moeTp, moeEp));
  return Math.abs(off) < Math.log(CREDIBLE_FACTOR) ? off : undefined;
}

/** Share of the experts that a token passes. */
const share = (shape: ExpertShape): number => shape.expertsPerToken / shape.experts;

function distance(a: ExpertShape, b: ExpertShape): number {
  return (
    Math.abs(Math.log(a.hiddenSize / b.hiddenSize)) +
    Math.abs(Math.log(a.intermediateSize / b.intermediateSize)) +
    Math.abs(Math.log(a.experts / b.experts)) +
    Math.abs(Math.log(a.expertsPerToken / b.expertsPerToken))
  );
}
