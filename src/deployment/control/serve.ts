import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { FastifyInstance } from "fastify";
import { writeFileAtomically } from "#common";
import { BearerTokens } from "#common/http";
import { Ports } from "../runner/ports.ts";
import { createRunner, type Runner, type RunnerOptions } from "../runner/runner.ts";
import type { StateFolder } from "../runner/state-folder.ts";
import { controlApp } from "./app.ts";

/** `<state folder>/control.json`: where the control API of the runner that has the folder is. */
export interface ControlAddress {
  url: string;
  tokenFile: string;
  pid: number;
  /** Whether the runner has begun what it was started for; before that it may still end with an error. */
  hasStarted: boolean;
}

export interface ControlledRunner {
  runner: Runner;
  address: ControlAddress;
  /** Tells readers of the address that the runner has begun what it was started for. */
  started(): void;
  /** Ends the API; before that the runner as told. */
  close(mode: "leave" | "end" | "kill"): Promise<void>;
}

/**
 * A runner with its control API on loopback. The address and the token of the last runner of this state folder are taken again where
 * they can be, so that planners which live on find it. The caller holds the folder's lock.
 * @param onRemoved a deployment that somebody asked to end through the API has ended
 */
export async function startControlledRunner(
  options: Omit<RunnerOptions, "control"> & { onRemoved?: () => void },
): Promise<ControlledRunner> {
  const { state, onRemoved } = options;
  const token = tokenOf(state);
  const before = readControlAddress(state);
  const ports = new Ports(`${state.path} control`);
  const port = await ports.take(before === null ? undefined : Number(new URL(before.url).port));
  const address = { url: `http://127.0.0.1:${port}`, tokenFile: state.tokenFile, pid: process.pid, hasStarted: false };
  const runner = createRunner({ ...options, control: { url: address.url, tokenFile: state.tokenFile } });
  const app: FastifyInstance = controlApp({
    runner,
    tokens: new BearerTokens([token]),
    ...(onRemoved === undefined ? {} : { onRemoved }),
  });
  await app.listen({ host: "127.0.0.1", port });
  writeAddress(state, address);
  return {
    runner,
    address,
    started: () => writeAddress(state, { ...address, hasStarted: true }),
    async close(mode) {
      await runner.close(mode);
      await app.close();
      if (mode !== "leave") rmSync(state.controlFile, { force: true });
    },
  };
}

function writeAddress(state: StateFolder, address: ControlAddress): void {
  writeFileAtomically(state.controlFile, `${JSON.stringify(address)}\n`, { mode: 0o600 });
}

/** Null where no runner has written one; the one that has may be gone. */
export function readControlAddress(state: StateFolder): ControlAddress | null {
  if (!existsSync(state.controlFile)) return null;
  try {
    const read = JSON.parse(readFileSync(state.controlFile, "utf8")) as Partial<ControlAddress>;
    const isOne = typeof read.url === "string" && URL.canParse(read.url) && typeof read.tokenFile === "string";
    return isOne ? (read as ControlAddress) : null;
  } catch {
    return null;
  }
}

function tokenOf({ tokenFile }: StateFolder): string {
  const known = existsSync(tokenFile) ? readFileSync(tokenFile, "utf8").trim() : "";
  if (known.length >= 32) return known;
  const token = randomBytes(32).toString("hex");
  writeFileSync(tokenFile, `${token}\n`, { mode: 0o600 });
  return token;
}
