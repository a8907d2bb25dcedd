import { readFileSync } from "node:fs";
import type { ProphetEngine } from "#planner/predictors";

/** BFGS finds the reference's optimum most closely; where its line search fails, L-BFGS often goes on. */
const ALGORITHMS = ["bfgs", "lbfgs"] as const;

let loading: Promise<ProphetEngine> | null = null;

/** Loads Prophet (Grafana's augurs, with Stan's optimizer) once; takes some 100 ms and 10 MB the first time. */
export function loadProphet(): Promise<ProphetEngine> {
  loading ??= load();
  return loading;
}

async function load(): Promise<ProphetEngine> {
  await silenceStan();
  const { initSync, Prophet } = await import("@bsull/augurs/prophet");
  const { optimizer } = await import("@bsull/augurs-prophet-wasmstan");
  initSync({ module: readFileSync(new URL("prophet_bg.wasm", import.meta.resolve("@bsull/augurs/prophet"))) });
  return (times, values, atTime) => {
    for (const algorithm of ALGORITHMS) {
      const model = new Prophet({ optimizer, uncertaintySamples: 0 });
      try {
        model.fit({ ds: [...times], y: [...values] }, { algorithm });
        const forecast = model.predict({ ds: [atTime] }).yhat.point[0];
        if (forecast !== undefined && Number.isFinite(forecast)) return forecast;
      } catch {
        // No optimum by this algorithm: the next one, or null.
      } finally {
        model.free();
      }
    }
    return null;
  };
}

/** Stan reports a failed line search on stderr as well as by its result; only the result is wanted. */
async function silenceStan(): Promise<void> {
  // The shim's types leave out what its documentation offers for replacing streams.
  const cli: unknown = await import("@bytecodealliance/preview2-shim/cli");
  if (!canReplaceStderr(cli)) return;
  const silent = Object.assign(Object.create(cli.stderr.OutputStream.prototype), {
    checkWrite: () => 65_536n,
    write: () => {},
    blockingWriteAndFlush: () => {},
    flush: () => {},
    blockingFlush: () => {},
  });
  cli._setStderr(silent);
}

interface ReplaceableStderr {
  stderr: { OutputStream: { prototype: object } };
  _setStderr(stream: object): void;
}

function canReplaceStderr(cli: unknown): cli is ReplaceableStderr {
  return typeof cli === "object" && cli !== null && "stderr" in cli && "_setStderr" in cli;
}
