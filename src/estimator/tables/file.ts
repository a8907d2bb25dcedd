/** What a file of op tables holds, as scripts/dump-op-tables.ts writes it. Strings are `packRows` of microseconds. */
export interface TableFile {
  system: string;
  backend: string;
  version: string;
  source: string;
  /** Step of the logarithmic scale that latencies are rounded on. */
  step: number;
  gemm: GemmSection;
  context: ContextSection[];
  generation: GenerationSection[];
  mla: { context: MlaSection[]; generation: MlaSection[] };
  experts: ExpertSection[];
  communication: CommunicationSection[];
}

export interface GemmSection {
  groups: {
    /** Rows of activations: the columns of the strings. */
    m: number[];
    /** n, k, n, k, … of the measured weights: the rows of the strings. */
    nodes: number[];
    formats: Record<string, string>;
  }[];
  /** Parts of a per-tensor FP8 product that a static checkpoint or a quantised input saves; rows k, columns m. */
  scales: Partial<Record<"quantise" | "transform", { m: number[]; k: number[]; us: string }>>;
}

export interface ContextSection {
  fmha: string;
  kv: string;
  head: number;
  window: number;
  /** KV heads on the GPU; 0: as many as query heads. */
  kvHeads: number;
  /** Query heads × prompts: the rows. */
  work: number[];
  tokens: number[];
  us: string;
}

export interface GenerationSection {
  kv: string;
  head: number;
  window: number;
  kvHeads: number;
  /** Query heads, within each the batch: the rows. */
  heads: number[];
  batch: number[];
  tokens: number[];
  us: string;
}

export interface MlaSection {
  /** Only of prompts. */
  fmha?: string;
  kv: string;
  gemm: string;
  modelHeads: number;
  heads: number[];
  batch: number[];
  tokens: number[];
  us: string;
}

export interface ExpertSection {
  hidden: number;
  inter: number;
  topk: number;
  experts: number;
  format: string;
  /** moeTp, moeEp, moeTp, moeEp, …: the rows. */
  splits: number[];
  tokens: number[];
  us: string;
}

export interface CommunicationSection {
  kind: string;
  gpus: number;
  elements: number[];
  us: string;
}
