import type { ReplicaTemplate } from "./types.ts";

/** What may stand before and after a path within a text: `--config=/a/b`, `{"dir": "/a/b"}`, `/a:/b`. */
const BEFORE = "(^|[\\s=,:;'\"([{])";
const AFTER = "(?=$|[/\\s,:;'\")\\]}])";

/**
 * A template's command line and environment with the container's paths as they are on this machine: all that lies at or under a
 * mount. The longest mount that fits counts.
 * @param real where a mount lies on this machine
 */
export function rewritePaths(
  { argv, env, mounts }: Pick<ReplicaTemplate, "argv" | "env" | "mounts">,
  real: (mountPath: string) => string,
): { argv: string[]; env: Record<string, string> } {
  const longestFirst = [...mounts].sort((a, b) => b.length - a.length);
  const rewrite = (text: string): string => {
    if (longestFirst.length === 0) return text;
    const any = longestFirst.map((mount) => mount.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("|");
    return text.replace(new RegExp(`${BEFORE}(${any})${AFTER}`, "g"), (_, before: string, mount: string) => {
      return before + real(mount);
    });
  };
  return {
    argv: argv.map(rewrite),
    env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, rewrite(value)])),
  };
}

/** The mount that a path of the container lies at or under; undefined where none does. */
export function mountOf(path: string, mounts: readonly string[]): string | undefined {
  return mounts
    .filter((mount) => path === mount || path.startsWith(mount === "/" ? "/" : `${mount}/`))
    .sort((a, b) => b.length - a.length)[0];
}
