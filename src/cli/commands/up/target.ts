import type { Command } from "commander";
import { ControlClient, type LocalDeployment } from "#planner/connectors";
import { defaultStateFolder, holderOf, readControlAddress, StateFolder } from "#src/deployment";
import { controlError, noRunner, noSuchDeployment, nothingRuns, severalDeployments } from "./errors.ts";

/** Which runner and which deployment is meant; shared by the commands that speak to one. */
export interface TargetFlags {
  stateDir?: string;
  namespace?: string;
}

export function withStateDir(command: Command): Command {
  return command.option(
    "--state-dir <dir>",
    "where the runner keeps its state (default: $UNDERSTUDY_STATE, else understudy in the XDG state folder)",
  );
}

export function withTarget(command: Command): Command {
  return withStateDir(command).option("-n, --namespace <name>", "of the deployment, where several have its name");
}

export function stateFolder({ stateDir }: TargetFlags): StateFolder {
  return new StateFolder(stateDir ?? defaultStateFolder());
}

/** Asks the living runner of a state folder; its faults become messages for users. @throws UserError where there is none */
export async function withRunner<Result>(
  state: StateFolder,
  use: (client: ControlClient) => Promise<Result>,
): Promise<Result> {
  const address = readControlAddress(state);
  if (holderOf(state) === null || address === null) {
    const left = state.deployments().length;
    throw left === 0 ? nothingRuns(state.path) : noRunner(state.path, left);
  }
  const client = new ControlClient({ url: address.url, tokenFile: address.tokenFile });
  try {
    return await use(client);
  } catch (error) {
    throw controlError(error);
  } finally {
    await client.close();
  }
}

/** `name` or `namespace/name`. */
export function labelOf({ namespace, name }: Pick<LocalDeployment, "namespace" | "name">): string {
  return namespace === "default" ? name : `${namespace}/${name}`;
}

/** The deployment that is meant: the named one, or the only one. @throws UserError */
export function chosen(
  items: readonly LocalDeployment[],
  name: string | undefined,
  namespace: string | undefined,
): LocalDeployment {
  const matching = items.filter(
    (item) =>
      (name === undefined || item.name === name || `${item.namespace}/${item.name}` === name) &&
      (namespace === undefined || item.namespace === namespace),
  );
  const [first] = matching;
  if (first === undefined) throw noSuchDeployment(name ?? `namespace ${namespace ?? "any"}`, items.map(labelOf));
  if (matching.length > 1) throw severalDeployments(matching.map(labelOf), "name one, with --namespace where need be");
  return first;
}
