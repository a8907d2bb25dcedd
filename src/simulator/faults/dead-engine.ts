import type { Engine, EngineConfig, EngineLoad, FinishedPass, PassCounters } from "#mocker/engine";

/** What is left of an engine that died: what it had counted. Whatever still comes for it is lost. */
export class DeadEngine implements Engine {
  readonly config: EngineConfig;
  readonly counters: PassCounters;
  readonly busy = false;
  readonly plannedPasses = 0;
  holdPrefill = false;
  readonly wakeMs = Number.POSITIVE_INFINITY;
  readonly hostBlocks = 0;

  constructor({ config, counters }: Engine) {
    this.config = config;
    this.counters = counters;
  }

  hasWork(): boolean {
    return false;
  }

  isEmpty(): boolean {
    return true;
  }

  start(): number {
    return Number.NaN;
  }

  interrupt(): number {
    return Number.NaN;
  }

  passEndMs(): number {
    return Number.NaN;
  }

  lockTo(): void {}

  complete(): void {}

  stop(): void {}

  submit(): string | null {
    return null;
  }

  reserve(): void {}

  activate(): void {}

  release(): void {}

  cancel(): void {}

  load(): EngineLoad {
    return {
      running: 0,
      waiting: 0,
      queuedPrefillTokens: 0,
      kvTokens: 0,
      usedBlocks: 0,
      lastPassMs: Number.NaN,
      lastDecodeBatch: 0,
      lastDecodeKvTokens: 0,
      computedTokens: 0,
    };
  }

  recordPasses(): void {}

  finishedPass(): FinishedPass | null {
    return null;
  }
}
