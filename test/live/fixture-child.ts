/** A child process for tests: `node fixture-child.ts`, forked. As `parent` it forks one itself and tells its pid. */
import { UserError } from "#common";
import { say, serveParent } from "../../src/live/child/serve.ts";
import { Child } from "../../src/live/child-process.ts";

export type FixtureCalls = {
  double(value: number): number;
  refuse(hint: string): never;
  fail(argument: null): never;
  exit(code: number): Promise<never>;
  echo(value: unknown): unknown;
  announce(event: string): void;
};

const calls: FixtureCalls = {
  double: (value) => 2 * value,
  refuse: (hint) => {
    throw new UserError({ code: "FIXTURE_REFUSED", where: "here", message: "not like this", hint, exitCode: 1 });
  },
  fail: () => {
    throw new Error("a bug");
  },
  exit: (code) => {
    process.stderr.write("the last words\n");
    process.exit(code);
  },
  echo: (value) => value,
  announce: (event) => say(event),
};

switch (process.argv[2]) {
  case "child":
    serveParent(calls);
    break;
  case "deaf":
    setInterval(() => {}, 1000);
    say("up");
    break;
  case "broken":
    throw new Error("can not even begin");
  case "parent": {
    const child = await Child.start({
      name: "grandchild",
      kind: "child",
      entry: import.meta.filename,
      onDeath: () => {},
    });
    process.stdout.write(`${child.pid}\n`);
    break;
  }
}
