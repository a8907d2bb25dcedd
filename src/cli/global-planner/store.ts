import { readFileSync } from "node:fs";
import { UserError } from "#common";
import { type StoreAddress, storeAddress } from "#planner/config";
import type { StoreAccess } from "#planner/connectors";

export type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_ADDRESS = "etcd:http://127.0.0.1:2379";

/** The store that planners are told with `virtual_store`, by the same variables as theirs. @throws UserError for an address that is none */
export function storeOf(
  flag: string | undefined,
  environment: Environment,
): { location: StoreAddress; access: StoreAccess } {
  const endpoints = environment.ETCD_ENDPOINTS?.trim();
  // etcd's own variable holds addresses alone.
  const text = flag ?? (endpoints ? `etcd:${endpoints}` : DEFAULT_ADDRESS);
  if (!/^(etcd:|file:|https?:\/\/)./.test(text)) {
    throw new UserError({
      code: "GLOBAL_PLANNER_BAD_STORE",
      where: "--virtual-store",
      message: `found ${JSON.stringify(text)}, expected etcd:URL[,URL…], file:FOLDER or http://HOST:PORT`,
      hint: "--virtual-store file:./planner-state",
    });
  }
  return { location: storeAddress(text), access: accessOf(environment) };
}

function accessOf(environment: Environment): StoreAccess {
  const username = environment.ETCD_AUTH_USERNAME;
  const password = environment.ETCD_AUTH_PASSWORD;
  const token = environment.UNDERSTUDY_PLANNER_VIRTUAL_STORE_TOKEN;
  const caFile = environment.ETCD_AUTH_CA;
  return {
    ...(username ? { username } : {}),
    ...(password ? { password } : {}),
    ...(token ? { token } : {}),
    ...(caFile ? { ca: readFileSync(caFile, "utf8") } : {}),
  };
}
