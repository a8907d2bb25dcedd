import { UserError } from "#common";

export const notJson = (where: string, reason: string): UserError =>
  new UserError({
    code: "PROFILER_NODES_NOT_JSON",
    where,
    message: `found no JSON (${reason}), expected the output of \`kubectl get nodes -o json\``,
    hint: "kubectl get nodes -o json > nodes.json",
  });

export const notNodes = (where: string, found: string): UserError =>
  new UserError({
    code: "PROFILER_NOT_NODES",
    where,
    message: `found ${found}, expected a list of Kubernetes nodes`,
    hint: "kubectl get nodes -o json > nodes.json",
  });

export const noGpus = (where: string, looked: string, wanted?: string): UserError =>
  new UserError({
    code: "PROFILER_NO_GPUS",
    where,
    message: `found no ${wanted ?? "NVIDIA"} GPUs (${looked})`,
    hint:
      wanted === undefined
        ? "nodes need labels nvidia.com/gpu.product, nvidia.com/gpu.memory and nvidia.com/gpu.count (GPU feature discovery) or allocatable nvidia.com/gpu; or name the GPU by --gpu"
        : "leave the GPU out to take what is there",
  });
