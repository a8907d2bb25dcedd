/** What `envsubst` would fill in, as the manifests of Dynamo's documents have it. */
const PLACEHOLDER = /^\$(\w+|\{\w+\})$/;

/** The namespace that an object names; undefined where it names none, or a variable that nothing has filled in. */
export function namedNamespace(metadata: unknown): string | undefined {
  const namespace = (metadata as { namespace?: unknown } | undefined)?.namespace;
  if (typeof namespace !== "string" || namespace === "" || PLACEHOLDER.test(namespace)) return undefined;
  return namespace;
}
