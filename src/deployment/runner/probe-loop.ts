import type { Probe } from "../plan/types.ts";
import { ProbeWindow } from "./probe-window.ts";

/** Probes of a replica: of its manifest, or of its kind. */
export interface ProbeSet {
  /** Where it is asked, without a path. */
  url: string;
  startup: Probe;
  readiness: Probe;
  liveness: Probe;
}

export interface ProbeListener {
  ready(isReady: boolean): void;
  /** It is to be ended: it did not come up in time, or answers no more. */
  dead(reason: string): void;
}

/** Until it is there, a process is asked often, but may take five minutes; then Kubernetes' own defaults, with more patience. */
export const DEFAULT_PROBES = {
  startup: {
    periodSeconds: 0.1,
    timeoutSeconds: 5,
    failureThreshold: 3000,
    successThreshold: 1,
    initialDelaySeconds: 0,
  },
  readiness: { periodSeconds: 1, timeoutSeconds: 4, failureThreshold: 3, successThreshold: 1, initialDelaySeconds: 0 },
  liveness: { periodSeconds: 5, timeoutSeconds: 10, failureThreshold: 6, successThreshold: 1, initialDelaySeconds: 0 },
} as const;

/** As Kubernetes asks: startup until it passes, then readiness and liveness side by side. Periods are model time. */
export class ProbeLoop {
  readonly #set: ProbeSet;
  readonly #timeScale: number;
  readonly #listener: ProbeListener;
  readonly #stop = new AbortController();

  constructor(set: ProbeSet, timeScale: number, listener: ProbeListener) {
    this.#set = set;
    this.#timeScale = timeScale;
    this.#listener = listener;
    void this.#run();
  }

  stop(): void {
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    const { startup, readiness, liveness } = this.#set;
    const began = await this.#ask(startup, (passes) => passes !== null);
    if (this.#stop.signal.aborted) return;
    if (!began) return this.#listener.dead(`it did not come up: ${describe(startup)}`);
    void this.#ask(readiness, (passes) => {
      if (passes !== null && !this.#stop.signal.aborted) this.#listener.ready(passes);
      return false;
    });
    void this.#ask(liveness, (passes) => passes === false).then((passes) => {
      if (!this.#stop.signal.aborted && !passes) this.#listener.dead(`it no longer answers: ${describe(liveness)}`);
    });
  }

  /** Asks until `enough` of a verdict, or stopped; returns the last verdict. */
  async #ask(probe: Probe, enough: (passes: boolean | null) => boolean): Promise<boolean | null> {
    const window = new ProbeWindow(probe);
    await this.#pause(probe.initialDelaySeconds);
    while (!this.#stop.signal.aborted) {
      const isGood = await answersWell(`${this.#set.url}${probe.path}`, probe.timeoutSeconds * 1000, this.#stop.signal);
      if (this.#stop.signal.aborted) break;
      if (enough(window.answered(isGood))) break;
      await this.#pause(probe.periodSeconds);
    }
    return window.passes;
  }

  #pause(seconds: number): Promise<void> {
    const { signal } = this.#stop;
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const timer = setTimeout(done, (seconds * 1000) / this.#timeScale);
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      }
      signal.addEventListener("abort", done, { once: true });
    });
  }
}

/** As kubelet judges: any status from 200 to 399. */
async function answersWell(url: string, timeoutMs: number, stop: AbortSignal): Promise<boolean> {
  try {
    const response = await fetch(url, {
      redirect: "manual",
      signal: AbortSignal.any([stop, AbortSignal.timeout(timeoutMs)]),
    });
    await response.body?.cancel();
    return response.status >= 200 && response.status < 400;
  } catch {
    return false;
  }
}

function describe({ path, failureThreshold }: Probe): string {
  return `GET ${path} failed ${failureThreshold} times`;
}
