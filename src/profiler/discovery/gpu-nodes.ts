/** GPUs of one kind on one node, as something found them. */
export interface NodeGpus {
  node: string;
  /** Product name, as the driver has it; absent where only their number is known. */
  product?: string;
  /** Memory of one GPU, MiB. */
  memoryMib?: number;
  count: number;
  /** Between the GPUs of the node; absent where nothing tells. */
  interconnect?: "nvlink" | "pcie";
  /** True where something tells that the node has RDMA. */
  rdma?: boolean;
}
