import { UserError } from "#common";

/** The errors of starting a frontend. */

export function kubernetesNotConfigured(path: string | undefined, cause: unknown): UserError {
  return new UserError({
    code: "FRONTEND_KUBERNETES",
    where: path ?? "--discovery kubernetes",
    message: `no Kubernetes configuration${cause instanceof Error ? `: ${cause.message.split("\n")[0]}` : ""}`,
    hint: "give --kubeconfig, set KUBECONFIG, or run in a pod with a service account",
    cause,
  });
}

export function portTaken(host: string, port: number, cause: unknown): UserError {
  return new UserError({
    code: "FRONTEND_PORT_TAKEN",
    where: "--port",
    message: `port ${port} of ${host} is in use`,
    hint: "--port 0 takes any free one",
    cause,
  });
}

export function cannotListen(host: string, port: number, cause: Error): UserError {
  return new UserError({
    code: "FRONTEND_LISTEN",
    where: "--host",
    message: `can't listen on ${host}:${port}: ${cause.message}`,
    hint: "127.0.0.1 is this machine alone, 0.0.0.0 all of its addresses; ports below 1024 need privileges",
    cause,
  });
}
