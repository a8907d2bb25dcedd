import type { PipelineContext } from "#src/profiler";

export interface Said {
  info: string[];
  detail: string[];
  warning: string[];
  error: string[];
}

/** A context that keeps what was said and what was stored. */
export function pipelineContext(stored = new Map<string, unknown>(), signal = new AbortController().signal) {
  const said: Said = { info: [], detail: [], warning: [], error: [] };
  const context: PipelineContext = {
    log: {
      info: (text) => said.info.push(text),
      detail: (text) => said.detail.push(text),
      warning: (text) => said.warning.push(text),
      error: (text) => said.error.push(text),
    },
    signal,
    folderOf: (phase, { layout, tag }) => `${phase}_${layout.gpus}gpus_${tag}`,
    store: {
      load: (folder, question) => stored.get(`${folder} ${JSON.stringify(question)}`),
      save: (folder, question, result) => void stored.set(`${folder} ${JSON.stringify(question)}`, result),
    },
  };
  return { context, said, stored };
}
