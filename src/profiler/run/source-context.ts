import { yamlStream } from "#src/deployment";
import { engineLayout } from "#src/estimator";
import { baseDeployment, candidateDeployment } from "./documents.ts";
import type { Run } from "./run-context.ts";
import type { SourceContext } from "./types.ts";

/** What an engine source of this run may use of it. */
export function sourceContext(run: Run): SourceContext {
  const { request, backend, folder, log, facts, services } = run;
  const one = { layout: engineLayout("tp1"), replicas: 1 };
  let base: ReturnType<typeof baseDeployment> | undefined;
  const candidate: SourceContext["candidate"] = (phase, mapping) => {
    base ??= baseDeployment(run, { prefill: one, decode: one });
    return candidateDeployment(run, base, phase, mapping);
  };
  return {
    request,
    backend,
    folder: folder.path,
    candidate,
    candidateYaml: (phase, mapping) => yamlStream([candidate(phase, mapping)], request.dialect),
    write: (name, data) => folder.write(name, data),
    log,
    facts,
    ...(services.python === undefined ? {} : { python: services.python }),
    ...(services.speedup === undefined ? {} : { speedup: services.speedup }),
    ...(services.cluster === undefined ? {} : { cluster: services.cluster }),
  };
}
