import { UserError } from "#common";

/** An address of a store that is none. */
export function badStoreAddress(address: string): UserError {
  const shown = address.replaceAll(/\/\/[^/@]*@/g, "//…@").replace(/\?.*/, "?…");
  return new UserError({
    code: "PLANNER_CONNECTOR_BAD_STORE",
    where: "virtual_store",
    message: `found store ${JSON.stringify(shown)}, expected file:FOLDER, etcd:http://HOST:PORT[,…] or http(s)://HOST:PORT`,
    hint: "names, passwords and tokens have fields of their own: virtual_store_username, virtual_store_password, virtual_store_token",
  });
}

/** A namespace that can't be part of a key. */
export function badNamespace(namespace: string): UserError {
  return new UserError({
    code: "PLANNER_CONNECTOR_BAD_NAMESPACE",
    where: "namespace",
    message: `found namespace ${JSON.stringify(namespace)}, expected letters, digits, "-", "_" and "."`,
    hint: "name the Dynamo namespace of the deployment, such as vllm-disagg-planner",
  });
}

/** Values under the planner's keys that are no counts; one line for all of them. */
export function badStoredCounts(place: string, found: readonly { key: string; value: string }[]): UserError {
  return new UserError({
    code: "PLANNER_CONNECTOR_BAD_COUNTS",
    where: place,
    message: `${found.map(({ key, value }) => `found ${key} = ${JSON.stringify(value.slice(0, 40))}`).join("; ")}, expected whole numbers`,
    hint: "delete the keys, or write decimal numbers",
  });
}

/** Nobody has said how many workers there are, and nothing has been decided yet. */
export function countsMissing(place: string, keys: readonly string[]): UserError {
  return new UserError({
    code: "PLANNER_CONNECTOR_NO_COUNTS",
    where: place,
    message: `found no ${keys.join(" and no ")}: nobody says how many workers there are`,
    hint: "let the environment write them before the first decision, or name workers or frontends that can be counted (worker_urls, frontend_urls)",
  });
}

/** A store that can't be reached when the planner starts. */
export function storeUnreachable(place: string, why: string, cause: unknown): UserError {
  return new UserError({
    code: "PLANNER_CONNECTOR_STORE_UNREACHABLE",
    where: place,
    message: `the store gives no answer: ${why}`,
    hint: "check that it runs and that the address is right",
    exitCode: 1,
    cause,
  });
}

/** The global planner can't be reached when the planner starts. */
export function globalPlannerUnreachable(url: string, cause: Error): UserError {
  return new UserError({
    code: "PLANNER_CONNECTOR_GLOBAL_PLANNER_UNREACHABLE",
    where: url,
    message: `the global planner gives no answer: ${cause.message}`,
    hint: "check that understudy global-planner runs there, and global_planner_url",
    exitCode: 1,
    cause,
  });
}

/** The global planner takes no requests of this planner. */
export function globalPlannerRefuses(url: string, status: number, why: string): UserError {
  const hint =
    status === 401
      ? "set global_planner_token or global_planner_token_file"
      : "see docs/global-planner.md for its messages and what to do";
  return new UserError({
    code: "PLANNER_CONNECTOR_GLOBAL_PLANNER_REFUSES",
    where: url,
    message: `the global planner answers ${status}: ${why}`,
    hint,
  });
}
