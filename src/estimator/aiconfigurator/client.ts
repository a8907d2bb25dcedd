import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { UserError } from "#common";
import { doesNotFit, packageMissing, sourceEnded, unknownModel, unsupportedEngine } from "../errors.ts";
import type { EngineEstimator, EngineSpec } from "../types.ts";
import { type Ask, openEngine } from "./engine.ts";

/** The Python packages that the adapter needs, pinned: another version answers with other numbers. */
export const AICONFIGURATOR_PACKAGES = ["aiconfigurator==0.12.0"] as const;

const ADAPTER = fileURLToPath(new URL("./adapter.py", import.meta.url));
const STDERR_KEPT = 2_000;

/** A running adapter process; engines that it opened answer until it is closed. */
export interface AiconfiguratorClient {
  /** @throws UserError where the model is unknown, doesn't fit, or has no data */
  open(spec: EngineSpec): Promise<EngineEstimator>;
  close(): Promise<void>;
}

/**
 * Starts the adapter with a Python that has AICONFIGURATOR_PACKAGES. One process serves many engines; requests may be sent
 * without waiting for the answers before them.
 */
export function startAiconfigurator(python: string): AiconfiguratorClient {
  const child = spawn(python, [ADAPTER], { stdio: ["pipe", "pipe", "pipe"] });
  const { ask, ended } = converse(child, python);
  return {
    open: (spec) => openEngine(ask, spec),
    close: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

interface Waiting {
  engine: string;
  resolve: (result: unknown) => void;
  reject: (error: unknown) => void;
}

function converse(child: ChildProcessWithoutNullStreams, python: string): { ask: Ask; ended: Promise<void> } {
  const waiting = new Map<number, Waiting>();
  let nextId = 0;
  let stderr = "";
  let failure: UserError | undefined;

  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-STDERR_KEPT);
  });
  createInterface({ input: child.stdout }).on("line", (line) => {
    // A Python may greet on stdout before the adapter takes it over.
    if (!line.startsWith('{"id"')) return;
    const reply = JSON.parse(line) as Reply;
    const request = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (reply.error) request?.reject(toUserError(reply.error, request.engine, python));
    else request?.resolve(reply.result);
  });
  // A write after the process ended fails on the pipe; what is reported is the end of the process.
  child.stdin.on("error", () => {});

  const ended = new Promise<void>((resolve) => {
    const end = (detail: string) => {
      failure ??= sourceEnded(python, detail);
      for (const { reject } of waiting.values()) reject(failure);
      waiting.clear();
      resolve();
    };
    child.on("error", (error) => end(error.message));
    child.on("close", () => end(lastLine(stderr)));
  });

  const ask: Ask = (request, engine) =>
    new Promise((resolve, reject) => {
      if (failure) return reject(failure);
      const id = nextId++;
      waiting.set(id, { engine, resolve, reject });
      child.stdin.write(`${JSON.stringify({ id, ...request })}\n`);
    });
  return { ask, ended };
}

interface Reply {
  id: number;
  result?: unknown;
  error?: { code: string; message: string; known?: string[] };
}

function toUserError(error: NonNullable<Reply["error"]>, engine: string, python: string): UserError {
  if (error.code === "no-package") return packageMissing(python, error.message, AICONFIGURATOR_PACKAGES);
  if (error.code === "unknown-model") return unknownModel(engine.split(" ")[0] ?? engine, error.known ?? []);
  if (error.code === "does-not-fit") return doesNotFit(engine, error.message);
  return unsupportedEngine(engine, error.message);
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
