import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { Caller, type Calls, type EventMessage } from "./child/channel.ts";
import { notReady, processDied } from "./errors.ts";

/** A child that has loaded its modules says so; a machine that is busy takes its time. */
const START_TIMEOUT_MS = 60_000;
/** What a child is given to end by itself, real ms, before it is killed. */
const STOP_TIMEOUT_MS = 5000;
const STDERR_KEPT = 16_384;

/** This package's entry of child processes: a source in a checkout, JavaScript in the built package. */
const ENTRY = fileURLToPath(new URL(`./child/main${extname(import.meta.url)}`, import.meta.url));

export interface ChildOptions<Event> {
  /** For messages: `frontend`, `decode workers 1`. */
  name: string;
  /** Which calls it answers. */
  kind: string;
  /** Module that runs in the process; default: this package's own. */
  entry?: string;
  onEvent?: (event: Event) => void;
  /** All that it writes, to stdout and stderr. */
  onOutput?: (text: string) => void;
  /** Told once where it ends without having been stopped. */
  onDeath: (error: Error) => void;
}

/** A process of a live run. It ends when its parent does, however that may come about. */
export class Child<C extends Calls, Event = never> {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #caller: Caller<C>;
  readonly #exited: Promise<void>;
  #stderr = "";
  #stopping = false;

  private constructor(options: ChildOptions<Event>, up: (error: Error | null) => void) {
    this.name = options.name;
    this.#process = fork(options.entry ?? ENTRY, [options.kind], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      serialization: "advanced",
      execArgv: [],
    });
    for (const stream of [this.#process.stdout!, this.#process.stderr!]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.#stderr = (this.#stderr + text).slice(-STDERR_KEPT);
        options.onOutput?.(text);
      });
    }
    this.#caller = new Caller<C>({ send: (message, sent) => this.#process.send(message as object, sent) });
    this.#process.on("message", (message: unknown) => {
      if (this.#caller.receive(message)) return;
      const { event } = message as EventMessage<Event | "up">;
      if (event === "up") up(null);
      else options.onEvent?.(event);
    });
    this.#exited = this.#ended().then((how) => {
      const error = processDied(this.name, how, this.#stderr);
      this.#caller.close(error);
      up(error);
      if (!this.#stopping) options.onDeath(error);
    });
  }

  /** Resolves when the process answers calls. @throws UserError LIVE_PROCESS_DIED, LIVE_NOT_READY */
  static async start<C extends Calls, Event = never>(options: ChildOptions<Event>): Promise<Child<C, Event>> {
    let up: (error: Error | null) => void = () => {};
    const isUp = new Promise<void>((resolve, reject) => {
      up = (error) => (error === null ? resolve() : reject(error));
    });
    const child = new Child<C, Event>(options, up);
    const timer = setTimeout(
      () => up(notReady(options.name, START_TIMEOUT_MS / 1000, child.#stderr)),
      START_TIMEOUT_MS,
    );
    try {
      await isUp;
      return child;
    } catch (error) {
      await child.stop();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** @throws what the child threw, or UserError LIVE_PROCESS_DIED */
  call<K extends keyof C & string>(name: K, argument: Parameters<C[K]>[0]): Promise<Awaited<ReturnType<C[K]>>> {
    return this.#caller.call(name, argument);
  }

  /** Cuts the line to the child, upon which it ends; kills it where it doesn't. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#process.connected) this.#process.disconnect();
    const kill = setTimeout(() => this.#process.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await this.#exited;
    clearTimeout(kill);
  }

  /**
   * How the process ended, once all it said has come in. Node's `close` event would tell both, but never comes where the
   * parent has cut the line.
   */
  async #ended(): Promise<string> {
    const streams = [this.#process.stdout!, this.#process.stderr!].map((stream) => once(stream, "close"));
    try {
      const [code, signal] = (await once(this.#process, "exit")) as [number | null, NodeJS.Signals | null];
      await Promise.all(streams);
      return signal === null ? `exit code ${code}` : `signal ${signal}`;
    } catch (error) {
      return (error as Error).message;
    }
  }
}
