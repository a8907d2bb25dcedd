import type { Role } from "#planner/core";

export type Backend = "vllm" | "sglang" | "trtllm";

/** Names that worker services bore before they had a type (Dynamo 0.4 to 0.6). */
const FORMER_NAMES: Record<Backend, Record<Role, string>> = {
  vllm: { prefill: "VllmPrefillWorker", decode: "VllmDecodeWorker" },
  sglang: { prefill: "prefill", decode: "decode" },
  trtllm: { prefill: "TRTLLMPrefillWorker", decode: "TRTLLMDecodeWorker" },
};

/** What of a component tells whether it plays a role. */
export interface RoleComponent {
  name: string;
  /** `prefill`, `decode`, `worker` …; null where nobody says. */
  type: string | null;
  /** Its type does not tell prefill from decode workers: names do, then. */
  isUntyped: boolean;
  /** Of its container, one word each. */
  args: readonly string[];
}

export interface RoleResolution<Component extends RoleComponent> {
  components: Partial<Record<Role, Component>>;
  /** Null where nobody says. */
  model: string | null;
  /** What keeps the deployment from being planned for; one sentence each. */
  problems: string[];
}

export interface RoleQuestion {
  roles: readonly Role[];
  backend?: Backend;
  /** The model is known otherwise: the workers need not name it. */
  model?: string;
}

/** Which components play the roles, by their types, else by the names that workers had before they had types. */
export function resolveRoles<Component extends RoleComponent>(
  all: readonly Component[],
  { roles, backend = "vllm", model }: RoleQuestion,
): RoleResolution<Component> {
  const components: Partial<Record<Role, Component>> = {};
  const problems: string[] = [];
  for (const role of roles) {
    const found = candidates(all, role, backend, roles.length === 1);
    if (found.length === 1) components[role] = found[0]!;
    else problems.push(unresolved(all, role, found));
  }
  const named = model === undefined ? modelOf(components, problems) : model;
  return { components, model: named, problems };
}

function candidates<Component extends RoleComponent>(
  components: readonly Component[],
  role: Role,
  backend: Backend,
  isAlone: boolean,
): Component[] {
  const typed = components.filter(({ type }) => type === role);
  if (typed.length > 0) return typed;
  const formerly = components.filter(({ name, isUntyped }) => isUntyped && name === FORMER_NAMES[backend][role]);
  if (formerly.length > 0) return formerly;
  return isAlone && role === "decode" ? components.filter(({ type }) => type === "worker") : [];
}

function unresolved(components: readonly RoleComponent[], role: Role, found: readonly RoleComponent[]): string {
  if (found.length > 1)
    return `${found.length} components are ${role} workers: ${found.map(({ name }) => name).join(", ")}`;
  const others = components.map(({ name, type }) => (type === null ? name : `${name} (${type})`));
  return `no component is the ${role} worker; there are ${others.join(", ") || "none"}`;
}

function modelOf(components: Partial<Record<Role, RoleComponent>>, problems: string[]): string | null {
  const named = Object.values(components).flatMap(({ name, args }) => {
    const model = flag(args, "--served-model-name") ?? flag(args, "--model");
    return model === undefined ? [] : [{ name, model }];
  });
  const models = [...new Set(named.map(({ model }) => model))];
  if (models.length > 1) {
    problems.push(`workers serve different models: ${named.map(({ name, model }) => `${name} ${model}`).join(", ")}`);
  }
  return models[0] ?? null;
}

function flag(args: readonly string[], name: string): string | undefined {
  for (const [index, text] of args.entries()) {
    if (text === name) return unquoted(args[index + 1]);
    if (text.startsWith(`${name}=`)) return unquoted(text.slice(name.length + 1));
  }
  return undefined;
}

function unquoted(text: string | undefined): string | undefined {
  return text?.replace(/^(["'])(.*)\1$/, "$2");
}
