// biome-ignore-all lint/suspicious/noApproximativeNumericConstant: fitted figures, whatever they look like
import type { GpuSystem } from "../systems/types.ts";
import type { Backend } from "../types.ts";

/**
 * Efficiencies and fixed times of the analytic kernels, one row per GPU and backend: fitted to the op latencies of
 * aiconfigurator 0.12.0 (Apache-2.0, NVIDIA) by soft-L1 least squares on the logarithm of the ratio, for each kind of operation;
 * GB200's by scripts/fit-analytic.ts over the tables that are shipped, the others by a like fit before there was that script.
 * Speeds are shares of the data sheet, so that a row serves another GPU with that GPU's data sheet.
 */
export interface AnalyticParameters {
  /** Share of peak operations that a 16-bit matrix product reaches. */
  gemmCompute: number;
  /** Share of memory bandwidth it reaches. */
  gemmMemory: number;
  gemmFixedUs: number;
  /** Exponent of the smooth maximum of computing and reading. */
  gemmExponent: number;
  /** The same three for FP8. */
  gemm8Compute: number;
  gemm8Memory: number;
  gemm8FixedUs: number;
  contextCompute: number;
  context8Compute: number;
  /** Share of memory bandwidth in context attention, softmax traffic included. */
  contextMemory: number;
  contextFixedUs: number;
  generationMemory: number;
  generationFixedUs: number;
  /** Tokens of context that a kernel launch weighs as much as. */
  generationExtraTokens: number;
  /** Below this much reading the kernel does not fill the GPU. */
  generationKneeUs: number;
  /** Share of the link bandwidth that collectives reach. */
  linkEfficiency: number;
  allReduceFixedUs: number;
  allReduceKneeUs: number;
  collectiveFixedUs: number;
  /** Experts: as for matrix products. */
  expertsCompute: number;
  expertsMemory: number;
  experts8Compute: number;
  experts8Memory: number;
  expertsFixedUs: number;
  expertsExponent: number;
  /** Load of the busiest expert rank over the mean one. */
  expertsImbalance: number;
  /** How many different experts a token adds, as a share of independent draws. */
  expertsDistinct: number;
}

const COLUMNS = [
  "gemmCompute",
  "gemmMemory",
  "gemmFixedUs",
  "gemmExponent",
  "gemm8Compute",
  "gemm8Memory",
  "gemm8FixedUs",
  "contextCompute",
  "context8Compute",
  "contextMemory",
  "contextFixedUs",
  "generationMemory",
  "generationFixedUs",
  "generationExtraTokens",
  "generationKneeUs",
  "linkEfficiency",
  "allReduceFixedUs",
  "allReduceKneeUs",
  "collectiveFixedUs",
  "expertsCompute",
  "expertsMemory",
  "experts8Compute",
  "experts8Memory",
  "expertsFixedUs",
  "expertsExponent",
  "expertsImbalance",
  "expertsDistinct",
] as const satisfies readonly (keyof AnalyticParameters)[];

// biome-ignore format: a table
const ROWS: Readonly<Record<string, readonly number[]>> = {
  "h200_sxm/trtllm": [0.7902, 0.8184, 3.672, 3.47, 0.4966, 0.7445, 6.273, 0.5127, 0.7232, 0.1408, 15.79, 0.9247, 10.47, 51.81, 17.96, 0.7174, 3.035, 3.86, 10.26, 0.7639, 0.9823, 0.2957, 0.9301, 38.59, 0.8658, 1.558, 0.8544],
  "h200_sxm/vllm": [0.7914, 0.8084, 3.581, 4.318, 0.6342, 3.736, 67.32, 0.6336, 0.8, 0.2095, 15.21, 0.8607, 13.65, 119.2, 0.9086, 0.7015, 4.743, 0.5066, 10.09, 0.6344, 0.9656, 0.3254, 0.99, 41.73, 0.984, 2.352, 0.8332],
  "h200_sxm/sglang": [0.7363, 0.8416, 3.974, 3.284, 0.5746, 0.796, 6.985, 0.6091, 0.7011, 0.383, 13.47, 0.8706, 12.39, 59.62, 0.3, 0.7089, 2.804, 0.6602, 10.17, 0.7235, 0.9674, 0.7611, 0.9827, 31.05, 0.8, 4.685, 0.9254],
  "h100_sxm/trtllm": [0.7856, 0.821, 3.237, 3.639, 0.4889, 0.796, 5.982, 0.5126, 0.7324, 0.1915, 15.62, 0.9018, 9.391, 9.633, 8.616, 0.7098, 3.077, 4.764, 9.999, 0.6409, 0.9605, 0.2749, 0.9127, 37.11, 0.9731, 1.814, 0.8534],
  "h100_sxm/vllm": [0.7944, 0.8388, 3.227, 3.816, 0.6396, 2.177, 68.75, 0.6386, 0.8, 0.3021, 15.49, 0.8917, 13.54, 80.13, 0.3, 0.6854, 4.691, 0.6499, 9.803, 0.5281, 0.9175, 0.2828, 0.9564, 40.84, 1.226, 2.398, 0.8208],
  "h100_sxm/sglang": [0.7493, 0.8346, 3.51, 4.255, 0.5715, 0.858, 6.509, 0.6219, 0.7358, 0.4734, 13.37, 0.878, 11.9, 15.34, 0.3, 0.7071, 2.836, 0.8576, 9.978, 0.6327, 0.9394, 0.5814, 0.9923, 37.08, 0.9915, 4.553, 0.8328],
  "a100_sxm/trtllm": [0.8244, 0.7831, 5.32, 1.624, 0.6, 0.8, 3, 0.4375, 0.8, 0.1158, 15.23, 1.052, 15.56, 2, 10.51, 0.6283, 5.4, 12.38, 15.83, 0.4219, 0.879, 0.5, 0.6, 102.7, 1.728, 1.87, 0.5309],
  "a100_sxm/vllm": [0.8118, 0.7686, 5.295, 1.656, 0.6, 0.8, 3, 0.5361, 0.8, 0.1814, 13.54, 0.7394, 18.5, 2, 4.236, 0.5935, 5.516, 0.8032, 15.59, 0.3386, 0.7944, 0.5, 0.6, 98.9, 1.605, 2.429, 0.7027],
  "a100_sxm/sglang": [0.7852, 0.7567, 5.814, 1.824, 0.6, 0.8, 3, 0.6018, 0.8, 0.1661, 22.3, 0.4978, 22.43, 24.1, 0.3, 0.6226, 5.621, 0.711, 15.79, 0.4204, 0.8959, 0.5, 0.6, 55.78, 1.001, 6.406, 0.859],
  "b200_sxm/trtllm": [0.6867, 0.7586, 3.095, 3.581, 0.5631, 0.707, 6.943, 0.4816, 0.613, 0.1189, 19.02, 0.9018, 11, 2, 0.3, 0.6314, 5.12, 6.016, 16.96, 0.6608, 0.9976, 0.4635, 0.8231, 38.63, 0.8574, 1.531, 0.8578],
  "b200_sxm/vllm": [0.7104, 0.8031, 3.216, 4.144, 0.7262, 0.2391, 150, 0.5428, 0.8, 0.1657, 15.34, 0.901, 9.591, 2, 0.3, 0.6191, 7.705, 3.978, 15.37, 0.4505, 0.9043, 0.1678, 0.7696, 24.18, 1.384, 1.838, 0.74],
  "b200_sxm/sglang": [0.6832, 0.8048, 3.675, 2.92, 0.5674, 0.7318, 8.073, 0.5271, 0.6011, 0.15, 15.01, 0.9187, 10.92, 2, 0.3, 0.5837, 4.76, 0.7921, 14.79, 0.4766, 0.8997, 0.1766, 0.7388, 19.46, 1.271, 1.816, 0.799],
  "gb200/trtllm": [0.6568, 0.7489, 3.154, 3.154, 0.5249, 0.7895, 6.703, 0.4854, 0.2958, 0.1103, 16.35, 0.9013, 11.48, 30.47, 0.05578, 0.6243, 4.589, 5.637, 14.63, 1.017, 1.16, 0.8339, 0.8557, 33.4, 0.6714, 2.272, 1.24],
  "gb200/vllm": [0.6984, 0.7974, 3.581, 3.529, 0.7484, 0.1387, 200, 0.4933, 0.8, 0.1827, 12.96, 0.9099, 10.03, 21.19, 0.02268, 0.5381, 5.731, 5.118, 14.2, 0.376, 0.8899, 0.1796, 0.7386, 15.41, 1.488, 2.147, 0.9231],
  "gb200/sglang": [0.6718, 0.8075, 3.847, 3.073, 0.5372, 0.8051, 7.218, 0.4608, 0.242, 0.2831, 11.97, 0.9194, 9.702, 7.195, 0.0005018, 0.6027, 4.406, 0.956, 14.53, 0.243, 0.8333, 0.1431, 0.6588, 16.12, 1.958, 1.409, 0.9111],
  "l40s/trtllm": [0.5964, 0.8758, 2.097, 2.752, 0.2746, 0.8205, 0.06, 0.3825, 0.7616, 0.4759, 15.34, 0.8101, 8.851, 2, 0.3, 0.1594, 7.818, 4.191, 5.806, 0.5618, 0.8616, 0.5, 0.6, 0.3, 0.9653, 1.757, 1.102],
  "l40s/vllm": [0.6022, 0.8098, 1.983, 3.953, 0.3926, 0.2679, 150, 0.4944, 0.8, 0.5245, 9.569, 0.8518, 8.516, 2, 0.3, 0.1189, 6.879, 1.898, 4.781, 0.6454, 0.8151, 0.4994, 0.8495, 7.588, 1.202, 3.054, 0.9317],
  "l40s/sglang": [0.5466, 0.7955, 2.275, 3.224, 0.6, 0.8, 3, 0.5784, 0.8, 0.3203, 9.986, 0.8845, 3.975, 2, 0.3, 0.1169, 7.39, 2.205, 4.733, 0.7765, 0.72, 0.5, 0.6, 0.3, 0.8, 3.542, 0.8335],
};

/** Latent attention blocks, projections included: kernels of their own, so they have figures of their own. */
export interface LatentParameters {
  /** Share of peak 16-bit operations in attention over prompts. */
  contextCompute: number;
  /** What projections of a prompt take, over the same products on their own. */
  contextProducts: number;
  contextFixedUs: number;
  /** Shares of memory bandwidth and of peak 16-bit operations in a generation step's attention. */
  generationMemory: number;
  generationCompute: number;
  generationProducts: number;
  generationFixedUs: number;
}

const LATENT_COLUMNS = [
  "contextCompute",
  "contextProducts",
  "contextFixedUs",
  "generationMemory",
  "generationCompute",
  "generationProducts",
  "generationFixedUs",
] as const satisfies readonly (keyof LatentParameters)[];

/** By GPU generation and backend, fitted likewise to DeepSeek-V3's blocks on H200, B200 and L40S. SGLang's Hopper kernel is slow. */
// biome-ignore format: a table
const LATENT_ROWS: Readonly<Record<"hopper" | "blackwell" | "older", Readonly<Record<Backend, readonly number[]>>>> = {
  hopper: {
    trtllm: [0.767, 1.48, 9.7, 0.616, 0.704, 1.21, 19.4],
    vllm: [0.911, 1.77, 50, 0.586, 0.719, 1.23, 80],
    sglang: [0.195, 1.45, 1, 0.0607, 0.976, 1.28, 28.9],
  },
  blackwell: {
    trtllm: [1, 1.63, 5.3, 0.605, 1, 1.31, 13.6],
    vllm: [0.867, 1.5, 8.7, 0.537, 1, 1.83, 2.9],
    sglang: [0.842, 1.4, 5.9, 0.552, 0.764, 1.73, 4],
  },
  older: {
    trtllm: [0.409, 0.97, 5.3, 0.402, 0.32, 1.17, 76],
    vllm: [0.409, 0.97, 5.3, 0.402, 0.32, 1.17, 76],
    sglang: [0.195, 1.45, 1, 0.0607, 0.976, 1.28, 28.9],
  },
};

/** Figures of latent attention blocks for GPUs of a compute capability × 10. */
export function latentParameters(smVersion: number, backend: Backend): LatentParameters {
  const generation = smVersion >= 100 ? "blackwell" : smVersion >= 90 ? "hopper" : "older";
  return named(LATENT_COLUMNS, LATENT_ROWS[generation][backend]);
}

/** What the FP8 rows of a backend without measurements, or with vLLM's overhead in them, are bounded by. */
const CREDIBLE_FP8_FIXED_US = 12;
const CREDIBLE_FP8 = { gemm8Compute: 0.57, gemm8Memory: 0.75, gemm8FixedUs: 7 };

/** Slower than this, GPUs talk over PCIe: collectives then reach a share of the link that only such a box can tell. */
const NVLINK_BYTES_PER_SECOND = 150e9;
const PCIE_SYSTEM = "l40s";
const LINK_COLUMNS = ["linkEfficiency", "allReduceFixedUs", "allReduceKneeUs", "collectiveFixedUs"] as const;

/**
 * The row of a GPU and backend; of the nearest fitted GPU where it has none, its collectives then from a box with a like link.
 *
 * @param nearest picks among the GPUs that have a row
 * @param sanitise whether rows of FP8 products that were fitted to vLLM's overhead give way to what other backends reach
 */
export function analyticParameters(
  backend: Backend,
  system: Pick<GpuSystem, "intraNodeBytesPerSecond">,
  nearest: (candidates: readonly string[]) => string,
  sanitise: boolean,
): AnalyticParameters {
  const systems = Object.keys(ROWS)
    .filter((key) => key.endsWith(`/${backend}`))
    .map((key) => key.slice(0, -backend.length - 1));
  const found = rowOf(nearest(systems), backend);
  if (system.intraNodeBytesPerSecond < NVLINK_BYTES_PER_SECOND) {
    const box = rowOf(PCIE_SYSTEM, backend);
    for (const column of LINK_COLUMNS) found[column] = box[column];
  }
  return sanitise ? credible(found) : found;
}

function rowOf(system: string, backend: Backend): AnalyticParameters {
  return named(COLUMNS, ROWS[`${system}/${backend}`] ?? []);
}

/** The same without vLLM's overhead in FP8 products. */
export function credible(parameters: AnalyticParameters): AnalyticParameters {
  return parameters.gemm8FixedUs > CREDIBLE_FP8_FIXED_US ? { ...parameters, ...CREDIBLE_FP8 } : parameters;
}

function named<Name extends string>(names: readonly Name[], row: readonly number[]): Record<Name, number> {
  return Object.fromEntries(names.map((name, i) => [name, row[i]!])) as Record<Name, number>;
}
