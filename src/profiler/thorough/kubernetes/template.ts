import { badTemplate } from "./errors.ts";

/** The URL that `{name}`, `{namespace}` and `{port}` of a template come to. @throws UserError PROFILER_BAD_URL_TEMPLATE */
export function filledTemplate(
  template: string,
  { name, namespace, port }: { name: string; namespace: string; port: number },
): string {
  const url = template
    .replaceAll("{name}", name)
    .replaceAll("{namespace}", namespace)
    .replaceAll("{port}", String(port));
  if (!URL.canParse(url) || !/^https?:/.test(url) || /[{}]/.test(url)) throw badTemplate(template);
  return url.replace(/\/+$/, "");
}
