import type { ReplicaTemplate } from "./types.ts";

/** Stand for what only a replica has; neither Kubernetes nor a shell takes them for anything. */
export const POD_NAME = "%{metadata.name}";
export const POD_UID = "%{metadata.uid}";

/** What `$(NAME)` stands for where it is defined; `$$` is a dollar sign. What is not defined stays, as Kubernetes has it. */
export function expandReferences(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(/\$\$|\$\(([^()$\s]+)\)/g, (found, name: string | undefined) => {
    if (name === undefined) return "$";
    return variables.get(name) ?? found;
  });
}

/** A template's command line and environment for one replica of it. */
export function forReplica(
  { argv, env }: Pick<ReplicaTemplate, "argv" | "env">,
  replica: { name: string; uid: string },
): { argv: string[]; env: Record<string, string> } {
  const fill = (text: string) => text.replaceAll(POD_NAME, replica.name).replaceAll(POD_UID, replica.uid);
  return {
    argv: argv.map(fill),
    env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, fill(value)])),
  };
}
