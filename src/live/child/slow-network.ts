import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { type RandomStream, randomStream, type TimerQueue } from "#common";

/** How much longer a message is under way, model ms; jitter is drawn for each, up to so much more. */
export interface NetworkDelay {
  byMs: number;
  jitterMs: number;
}

/** The way between a frontend and one worker: whatever is sent either way arrives later, in its order. */
export class SlowNetwork {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
    this.port = (server.address() as AddressInfo).port;
  }

  /** Listens on loopback. @param name seeds what is drawn @param delay asked for every message */
  static async open(
    targetPort: number,
    timers: TimerQueue,
    name: string,
    delay: () => NetworkDelay,
  ): Promise<SlowNetwork> {
    const random = randomStream(name, "network");
    const sockets = new Set<Socket>();
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
      const far = connect({ port: targetPort, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
      for (const socket of [near, far]) {
        sockets.add(socket);
        socket.once("close", () => sockets.delete(socket));
      }
      carry(near, far, timers, random, delay);
      carry(far, near, timers, random, delay);
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ port: 0, host: "127.0.0.1" }, resolve);
    });
    return new SlowNetwork(server, sockets);
  }

  /** No more connections; those that there are close as their ends do. */
  closeWhenEmpty(): void {
    this.#server.close();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

function carry(from: Socket, to: Socket, timers: TimerQueue, random: RandomStream, delay: () => NetworkDelay): void {
  let lastMs = 0;
  const later = (act: () => void) => {
    const { byMs, jitterMs } = delay();
    const nowMs = timers.clock.nowMs();
    const atMs = Math.max(lastMs, nowMs + byMs + (jitterMs > 0 ? jitterMs * random.next() : 0));
    if (atMs <= nowMs) {
      act();
      return;
    }
    lastMs = atMs;
    timers.at(atMs, act);
  };
  from.on("data", (bytes) => later(() => void (to.destroyed || to.write(bytes))));
  from.once("end", () => later(() => to.end()));
  // What breaks off does so at once: nothing is left that could be late.
  from.once("error", () => to.destroy());
  from.once("close", () => later(() => to.destroy()));
}
