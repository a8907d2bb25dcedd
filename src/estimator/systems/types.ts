/** Data sheet of a GPU system. Speeds in units per second; operations without sparsity. */
export interface GpuSystem {
  /** The estimator's name: `h200_sxm`. */
  name: string;
  /** Other names it goes by, lower case: `h200`, `h200-sxm`. */
  aliases: readonly string[];
  /** What `nvidia-smi` and node labels call it. */
  products: readonly string[];
  vendor: "nvidia" | "intel" | "amd";
  memoryBytesPerSecond: number;
  memoryBytes: number;
  /** Operations per second of its matrix units; absent where it has none of that kind. */
  flops: { bfloat16: number; fp8?: number; fp4?: number; int8?: number };
  gpusPerNode: number;
  /** One direction, one GPU. */
  intraNodeBytesPerSecond: number;
  interNodeBytesPerSecond: number;
  /** GPUs that are joined by the intra-node fabric: a whole rack for NVL72. */
  fabricGpus: number;
  pcieBytesPerSecond: number;
  /** Beyond a rack's fabric, where that is wider than a node. */
  rackBytesPerSecond?: number;
  /** Share of the memory speed that plain copies reach; 0.8 where absent. */
  memoryEfficiency?: number;
  /** Time of one hop between GPUs, seconds; 10 µs where absent. */
  hopSeconds?: number;
  watts: number;
  /** CUDA compute capability × 10; 0 for other vendors. */
  smVersion: number;
  /** NCCL buffers by number of GPUs, bytes. */
  ncclBytes: Readonly<Record<string, number>>;
  /** CUDA context, runtime and the like, bytes. */
  otherBytes: number;
  /** Whether op tables of it are shipped, for any backend. */
  hasTables: boolean;
}
