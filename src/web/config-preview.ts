import type { Mapping } from "#src/profiler";

export interface PreviewOptions {
  model: string;
  backend: string;
  /** The deployment of these mappings as YAML. */
  configOf: (prefill: Mapping, decode: Mapping) => string;
}

/** The text that "Show Config" shows: what it is in comment lines, then the deployment. */
export function configPreview(prefill: Mapping, decode: Mapping, options: PreviewOptions): string {
  const engine = ({ layout, label }: Mapping) => `${layout.gpus} GPU(s), ${label}`;
  const head = [
    "# DynamoGraphDeployment Configuration",
    `# Prefill: ${engine(prefill)}`,
    `# Decode: ${engine(decode)}`,
    `# Model: ${oneLine(options.model)}`,
    `# Backend: ${oneLine(options.backend)}`,
  ];
  return `${head.join("\n")}\n${options.configOf(prefill, decode).trimEnd()}\n`;
}

/** Many rows share their mappings: each pair is rendered once. */
export function cachedPreviews(options: PreviewOptions): (prefill: Mapping, decode: Mapping) => string {
  const made = new Map<string, string>();
  return (prefill, decode) => {
    const key = `${prefill.tag}/${decode.tag}`;
    let preview = made.get(key);
    if (preview === undefined) {
      preview = configPreview(prefill, decode, options);
      made.set(key, preview);
    }
    return preview;
  };
}

/** A comment ends with its line. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, " ");
}
