import { UserError } from "#common";

/** Mistakes in the flags of `understudy frontend`. */

export function noWorkers(): UserError {
  return new UserError({
    code: "FRONTEND_NO_WORKERS",
    where: "--worker",
    message: "found no way to find workers",
    hint: "give --worker http://127.0.0.1:8001, --discovery-dir <dir>, or --kube-selector <labels>",
  });
}

export function discoveryNeeds(kind: string, flag: string): UserError {
  return new UserError({
    code: "FRONTEND_DISCOVERY",
    where: "--discovery",
    message: `--discovery ${kind} needs ${flag}`,
  });
}

export function severalDiscoveries(flags: readonly string[]): UserError {
  return new UserError({
    code: "FRONTEND_DISCOVERY",
    where: flags.join(", "),
    message: "these are different ways to find workers",
    hint: "give one of them, or say which with --discovery",
  });
}

export function badWorkerUrl(found: string): UserError {
  const bare = /^[\w.-]+:\d+$/.test(found);
  return new UserError({
    code: "FRONTEND_WORKER_URL",
    where: "--worker",
    message: `found "${found}", expected an address such as http://127.0.0.1:8001`,
    hint: bare ? `did you mean "http://${found}"?` : "without a path: /v1/… is added",
  });
}

export function badPort(found: number): UserError {
  return new UserError({
    code: "FRONTEND_PORT",
    where: "--port",
    message: `found ${found}, expected a port of 0 to 65535`,
  });
}

export function emptyKeyFile(file: string, flag: string): UserError {
  return new UserError({ code: "FRONTEND_KEY_FILE", where: `${flag} ${file}`, message: "the file holds no key" });
}
