import { createServer } from "node:net";
import { type RandomStream, randomStream } from "#common";
import { noFreePort } from "./errors.ts";

/** Below what systems give to outgoing connections, which could take a port between its choice and its use. */
const FIRST_PORT = 20_000;
const PORTS = 12_000;

/** Ports on loopback for processes that are told theirs. One that was given is not given again. */
export class Ports {
  readonly #given = new Set<number>();
  readonly #random: RandomStream;

  constructor(seed: string) {
    this.#random = randomStream(seed, "ports");
  }

  /** @param preferred is taken where it is free @throws UserError RUNNER_NO_FREE_PORT */
  async take(preferred?: number): Promise<number> {
    if (preferred !== undefined && !this.#given.has(preferred) && (await isFree(preferred)))
      return this.#give(preferred);
    const start = Math.floor(this.#random.next() * PORTS);
    for (let i = 0; i < PORTS; i++) {
      const port = FIRST_PORT + ((start + i) % PORTS);
      if (!this.#given.has(port) && (await isFree(port))) return this.#give(port);
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

  #give(port: number): number {
    this.#given.add(port);
    return port;
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
