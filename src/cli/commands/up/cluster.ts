import { join } from "node:path";
import type { ClusterOptions } from "#planner/connectors";
import { ClusterStore, planGraph, type StateFolder } from "#src/deployment";
import type { RunOptions } from "./run.ts";
import type { Screen } from "./screen.ts";

/** The deployments of an API server, and of the requests for some. */
export function clusterSource(
  cluster: ClusterOptions,
  state: StateFolder,
  screen: Screen,
  { playEngines, timeScale = 1 }: { playEngines?: string; timeScale?: number },
): RunOptions["source"] {
  return async (runner) => {
    const store = await ClusterStore.open({
      cluster,
      runner,
      plan: (graph, referred) => planGraph(graph, referred, playEngines),
      timeScale,
      folder: join(state.path, "cluster"),
      holder: state.path,
      program: [process.execPath, process.argv[1]!],
      log: (line) => screen.say(line),
    });
    screen.say(`playing namespace ${store.namespace} of ${store.server} (nvidia.com/${store.version})`);
    return {
      wanted: store.deployments,
      endsWithLast: false,
      start: () => store.start(),
      end: () => store.end(),
      // Its objects say what becomes of the processes until the last one has ended.
      close: () => store.leave(),
    };
  };
}
