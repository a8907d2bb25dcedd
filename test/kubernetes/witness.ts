import { expect } from "vitest";
import type { AuditEvent, KubeApiServer } from "./api-server.ts";
import type { Rule } from "./documented.ts";

/** The API server's audit log as the witness of what a program asked of it. */

export const DECISION = "authorization.k8s.io/decision";
const REASON = "authorization.k8s.io/reason";
/** What every account may ask: what it may do, and what the server serves. */
const OF_EVERYBODY = /ClusterRole "system:(basic-user|discovery)"/;

/** A rule's rights one by one. */
export function rightsOf({ apiGroups, resources, resourceNames, verbs }: Rule): string[] {
  return apiGroups.flatMap((group) =>
    resources.flatMap((resource) =>
      verbs.flatMap((verb) =>
        (resourceNames ?? ["*"]).map((name) => `${verb} ${resource}${group === "" ? "" : `.${group}`} ${name}`),
      ),
    ),
  );
}

/** The rights of these rules that a request took. */
export function rightsUsed(rules: readonly Rule[], { verb, objectRef }: AuditEvent): string[] {
  if (objectRef === undefined) return [];
  const { apiGroup = "", resource, subresource, name } = objectRef;
  const full = subresource === undefined ? resource : `${resource}/${subresource}`;
  return rules
    .filter(({ apiGroups, resources, resourceNames, verbs }) => {
      const isNamed = resourceNames === undefined || (name !== undefined && resourceNames.includes(name));
      return apiGroups.includes(apiGroup) && resources.includes(full) && verbs.includes(verb) && isNamed;
    })
    .flatMap((rule) =>
      rightsOf({
        apiGroups: [apiGroup],
        resources: [full],
        verbs: [verb],
        ...(rule.resourceNames === undefined ? {} : { resourceNames: [name!] }),
      }),
    );
}

/**
 * All that a user asked for in a namespace was allowed, by the Role of that name, and by these rules of the Role each right was
 * needed.
 */
export function expectExactly(
  server: KubeApiServer,
  user: string,
  namespace: string,
  rules: readonly Rule[],
  role = user,
): void {
  const events = server.audit(user).filter(({ objectRef }) => [undefined, namespace].includes(objectRef?.namespace));
  const refused = events.filter(({ annotations }) => annotations?.[DECISION] !== "allow");
  expect(refused.map(({ verb, requestURI }) => `${verb} ${requestURI}`)).toEqual([]);
  const byRole = events.filter(({ annotations }) => !OF_EVERYBODY.test(annotations?.[REASON] ?? ""));
  expect(byRole.length).toBeGreaterThan(0);
  for (const { annotations } of byRole) expect(annotations?.[REASON]).toContain(`of Role "${role}"`);
  const used = new Set(byRole.flatMap((event) => rightsUsed(rules, event)));
  expect(rules.flatMap(rightsOf).filter((right) => !used.has(right))).toEqual([]);
}
