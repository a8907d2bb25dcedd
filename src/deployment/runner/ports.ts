import { createServer } from "node:net";
import { type RandomStream, randomStream } from "#common";
import { noFreePort } from "./errors.ts";

/** Below what systems give to outgoing connections, which could take a port between its choice and its use. */
const FIRST_PORT = 20_000;
const PORTS = 12_000;
/** How long a wanted port may still be somebody's: of a process that has just ended, ms. */
const PATIENCE_MS = 3000;
const LOOK_MS = 50;

/** Ports on loopback for processes that are told theirs. One that was given is not given again. */
export class Ports {
  readonly #given = new Set<number>();
  readonly #random: RandomStream;

  constructor(seed: string) {
    this.#random = randomStream(seed, "ports");
  }

  /** @param preferred is taken where it is free, or soon will be @throws UserError RUNNER_NO_FREE_PORT */
  async take(preferred?: number): Promise<number> {
    if (preferred !== undefined && (await this.#comesFree(preferred))) return preferred;
    const start = this.#random.integer(PORTS);
    for (let i = 0; i < PORTS; i++) {
      const port = FIRST_PORT + ((start + i) % PORTS);
      if (await this.#tryTaking(port)) return port;
    }
    throw noFreePort(FIRST_PORT, FIRST_PORT + PORTS - 1);
  }

  /** Somebody has it already: an adopted process. */
  claim(port: number): void {
    this.#given.add(port);
  }

  release(port: number): void {
    this.#given.delete(port);
  }

  async #comesFree(port: number): Promise<boolean> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!(await this.#tryTaking(port))) {
      if (performance.now() > deadline) return false;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    return true;
  }

  /** Taken before it is looked at, so that nobody else takes it meanwhile. */
  async #tryTaking(port: number): Promise<boolean> {
    if (this.#given.has(port)) return false;
    this.#given.add(port);
    if (await isFree(port)) return true;
    this.#given.delete(port);
    return false;
  }
}

/** Whether nobody listens on it on loopback. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}
