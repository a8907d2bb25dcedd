/** GPUs that a request may name: those of the DGDR's v1beta1 schema, and the estimator's further ones. */
export const GPU_SKUS = [
  "gb200_sxm",
  "gb10",
  "b200_sxm",
  "h200_sxm",
  "h100_sxm",
  "h100_pcie",
  "a100_sxm",
  "a100_pcie",
  "a30",
  "l40s",
  "l40",
  "l4",
  "v100_sxm",
  "v100_pcie",
  "t4",
  "mi200",
  "mi300",
  "b300_sxm",
  "gb200",
  "gb300",
  "rtx_pro_6000_server",
  "b60",
] as const;

export type GpuSku = (typeof GPU_SKUS)[number];

/** Chips by the word that product names have for them; the first that is found counts. */
const CHIPS: readonly [RegExp, GpuSku | { sxm: GpuSku; pcie: GpuSku }][] = [
  [/^GB300$/, "gb300"],
  [/^GB200$/, "gb200_sxm"],
  [/^GB10$/, "gb10"],
  [/^B300$/, "b300_sxm"],
  [/^B200$/, "b200_sxm"],
  [/^H200$/, "h200_sxm"],
  [/^H100$/, { sxm: "h100_sxm", pcie: "h100_pcie" }],
  [/^A100$/, { sxm: "a100_sxm", pcie: "a100_pcie" }],
  [/^A30$/, "a30"],
  [/^L40S$/, "l40s"],
  [/^L40G?$/, "l40"],
  [/^L4$/, "l4"],
  [/^V100[SN]?$/, { sxm: "v100_sxm", pcie: "v100_pcie" }],
  [/^T4$/, "t4"],
  [/^MI300[AX]?$/, "mi300"],
  [/^MI2[0159]0X?$/, "mi200"],
  [/^B60$/, "b60"],
];

/**
 * The GPU that a product name means: `NVIDIA-H100-80GB-HBM3` is `h100_sxm`, `NVIDIA A100 80GB PCIe` is `a100_pcie`. A name is read word by
 * word, so that a GH200 is no H200. Where a chip comes on a card as well, `PCIe` and `NVL` mean the card and anything else SXM.
 */
export function inferSku(product: string): GpuSku | undefined {
  const words = product
    .toUpperCase()
    .split(/[^A-Z0-9]+/)
    .filter((word) => word !== "");
  if (words.join(" ").includes("RTX PRO 6000")) return "rtx_pro_6000_server";
  for (const [chip, sku] of CHIPS) {
    if (!words.some((word) => chip.test(word))) continue;
    if (typeof sku === "string") return sku;
    return words.some((word) => /^(PCIE|NVL|V100S)/.test(word)) ? sku.pcie : sku.sxm;
  }
  return undefined;
}

/** The SKU as a request or a command line names it, whatever its case and hyphens; undefined where it is no SKU. */
export function skuByName(name: string): GpuSku | undefined {
  const plain = name.trim().toLowerCase().replaceAll("-", "_");
  return GPU_SKUS.find((sku) => sku === plain);
}
