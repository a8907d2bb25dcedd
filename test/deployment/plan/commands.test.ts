import { describe, expect, it } from "vitest";
import { mocker, type oneComponent, planned, plansOf, refusal } from "./support.ts";

const argvOf = (container: object, more: Parameters<typeof oneComponent>[1] = {}) =>
  planned(container, more).template.argv;
const shared = ["mocker", "--model-path", "a/b"];

describe("the command of a container", () => {
  it.each([
    ["command and args", { command: ["python3", "-m", "dynamo.mocker"], args: ["--model-path", "a/b"] }],
    ["args that begin with -m", { command: ["python3"], args: ["-m", "dynamo.mocker", "--model-path", "a/b"] }],
    ["a command alone", { command: ["/opt/venv/bin/python3.12", "-u", "-m", "dynamo.mocker", "--model-path=a/b"] }],
    ["args alone", { args: ["python", "-m", "dynamo.mocker", "--model-path", "a/b"] }],
    ["a flag and its value in one item", { command: ["python3", "-m", "dynamo.mocker"], args: ["--model-path a/b"] }],
    ["a shell", { command: ["/bin/sh", "-c"], args: ["exec python3 -m dynamo.mocker --model-path a/b"] }],
    ["a shell's options", { command: ["bash", "-euo", "pipefail", "-c", "python3 -m dynamo.mocker --model-path a/b"] }],
    ["a shell in one list", { command: ["sh", "-lc", "cd /x &&\npython3 -m dynamo.mocker \\\n --model-path a/b"] }],
    ["a beginning of a flag", { command: ["python3", "-m", "dynamo.mocker"], args: ["--model-p", "a/b"] }],
    [
      "another runner of Python",
      { command: ["uv", "run", "python", "-m", "dynamo.mocker"], args: ["--model-path=a/b"] },
    ],
    ["a variable of Kubernetes", { ...mocker("--model-path", "$(ORG)/b"), env: [{ name: "ORG", value: "a" }] }],
    [
      "variables of a shell",
      {
        command: ["sh", "-c", 'python3 -m dynamo.mocker --model-path "$ORG"/$M'],
        env: [
          { name: "ORG", value: "a" },
          { name: "M", value: "b" },
        ],
      },
    ],
  ])("is found: %s", (_, container) => {
    expect(argvOf(container)).toEqual(shared);
  });

  it("keeps what Kubernetes keeps: unknown references, doubled dollars", () => {
    expect(argvOf(mocker("--model-path", "$(NONE)", "--model-name", "$$(ORG)"))).toEqual([
      "mocker",
      "--model-path",
      "$(NONE)",
      "--model-name",
      "$(ORG)",
    ]);
  });

  it("is Dynamo's frontend for a frontend without one, as its operator has it", () => {
    const frontend = { component: { name: "Frontend", type: "frontend" } };
    expect(argvOf({}, frontend)).toEqual(["frontend"]);
    expect(argvOf({ args: ["-m", "dynamo.frontend", "--router-mode", "kv"] }, frontend)).toEqual([
      "frontend",
      "--router-mode",
      "kv",
    ]);
    expect(refusal(() => planned({})).code).toBe("DEPLOYMENT_NO_COMMAND");
  });

  it.each([
    ["python3 -m dynamo.vllm --model x", "dynamo.vllm"],
    ["python3 -m dynamo.sglang", "dynamo.sglang"],
    ["python3 -m dynamo.trtllm", "dynamo.trtllm"],
    ["python3 -m vllm.entrypoints.openai.api_server", "vllm.entrypoints.openai.api_server"],
    ["python3 -m sglang.launch_server", "sglang.launch_server"],
    ["vllm serve x", "vllm"],
    ["trtllm-serve x", "trtllm-serve"],
  ])("is refused where it is a real engine: %s", (line, name) => {
    for (const container of [{ command: line.split(" ") }, { command: ["sh", "-c"], args: [line] }]) {
      const error = refusal(() => planned(container));
      expect(error.code).toBe("DEPLOYMENT_REAL_ENGINE");
      expect(error.message).toContain(`found ${name}, a real engine`);
      expect(error.hint).toContain("understudy profile");
      expect(error.where).toMatch(/^dgd\.yaml:1:\d+ \(spec\.components\[0\]\.podTemplate\.spec\.containers\[0\]\)$/);
    }
  });

  it.each([
    [["sleep", "infinity"], "DEPLOYMENT_NO_COUNTERPART"],
    [["python3", "-m", "dynamo.router"], "DEPLOYMENT_NO_COUNTERPART"],
    [["python3", "serve.py"], "DEPLOYMENT_NO_COUNTERPART"],
    [["understudy", "conquer"], "DEPLOYMENT_NO_COUNTERPART"],
    [["sh", "-c", "for i in 1 2; do python3 -m dynamo.mocker; done"], "DEPLOYMENT_SCRIPT"],
    [["python3", "-m", "dynamo.mocker", "--blok-size", "4"], "DEPLOYMENT_UNKNOWN_FLAG"],
    [["python3", "-m", "dynamo.mocker", "--max-num", "4"], "DEPLOYMENT_AMBIGUOUS_FLAG"],
    [["python3", "-m", "dynamo.mocker", "--block-size"], "DEPLOYMENT_BAD_FLAG"],
    [["python3", "-m", "dynamo.mocker", "--block-size", "big"], "DEPLOYMENT_BAD_FLAG"],
    [["python3", "-m", "dynamo.mocker", "--engine-type", "tgi"], "DEPLOYMENT_BAD_FLAG"],
    [["python3", "-m", "dynamo.mocker", "--aic-perf-model=yes"], "DEPLOYMENT_BAD_FLAG"],
    [["python3", "-m", "dynamo.mocker", "model"], "DEPLOYMENT_UNEXPECTED_ARGUMENT"],
    [["python3", "-m", "dynamo.mocker", "--response-replay-trace-path", "t"], "DEPLOYMENT_FLAG_REFUSED"],
    [["python3", "-m", "dynamo.mocker", "--planner-profile-data", "/data"], "DEPLOYMENT_NOT_MOUNTED"],
    [["python3", "-m", "dynamo.frontend", "--router-mode", "direct"], "DEPLOYMENT_BAD_FLAG"],
    [["python3", "-m", "dynamo.frontend", "-i"], "DEPLOYMENT_FLAG_REFUSED"],
    [["python3", "-m", "dynamo.planner", "--config", "/none.json"], "DEPLOYMENT_NOT_MOUNTED"],
    [["python3", "-m", "dynamo.planner", "--config", '{"ttft_ms": "soon"}'], "PLANNER_CONFIG_INVALID"],
  ])("is refused with its place: %j", (command, code) => {
    const error = refusal(() => planned({ command }));
    expect(error.code).toBe(code);
    expect(error.where).toMatch(/^dgd\.yaml:1:\d+ \(spec\.components\[0\]/);
    expect(error.exitCode).toBe(2);
  });

  it("proposes the flag that was meant", () => {
    expect(refusal(() => planned(mocker("--blok-size", "4"))).hint).toBe('did you mean "--block-size"?');
  });

  it("names the service of v1alpha1, with its line", () => {
    const error = refusal(() =>
      plansOf(`apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: { name: old }
spec:
  services:
    decode:
      componentType: worker
      extraPodSpec:
        mainContainer:
          command: [python3, -m, dynamo.vllm]
`),
    );
    expect(error.where).toBe("dgd.yaml:10:11 (spec.services.decode.extraPodSpec.mainContainer)");
  });
});

describe("Dynamo's mocker", () => {
  it("has the flags of all its generations", () => {
    const old = planned(
      mocker("--is-prefill-worker", "--watermark", "0.02", "--model-path", "a/b", "--num-workers", "3"),
    );
    expect(old.template.argv).toEqual([
      "mocker",
      "--disaggregation-mode",
      "prefill",
      "--watermark",
      "0.02",
      "--model-path",
      "a/b",
      "--num-workers",
      "3",
    ]);
    expect([old.model, old.template.workersPerReplica]).toEqual(["b", 3]);
  });

  it("leaves aside what has no meaning here, and says so", () => {
    const { template, notes } = planned(
      mocker("--model-name", "m", "--discovery-backend", "etcd", "--request-plane=nats", "--bootstrap-ports", "1,2"),
    );
    expect(template.argv).toEqual(["mocker", "--model-name", "m"]);
    expect(notes).toEqual([
      "decode: --discovery-backend etcd left aside: workers and frontends meet over HTTP here",
      "decode: --request-plane nats left aside: workers and frontends meet over HTTP here",
      "decode: --bootstrap-ports 1,2 left aside: workers and frontends meet over HTTP here",
    ]);
  });

  it("keeps the engine's type and the settings of its scheduler", () => {
    const engine = [
      "--engine-type",
      "trtllm",
      "--sglang-schedule-policy",
      "lpm",
      "--sglang-clip-max-new-tokens",
      "100",
    ];
    expect(argvOf(mocker(...engine))).toEqual(["mocker", ...engine]);
  });
});

describe("Dynamo's frontend", () => {
  const frontend = (args: string[], env: object[] = []) =>
    planned(
      { command: ["python3", "-m", "dynamo.frontend"], args, env },
      { component: { name: "Frontend", type: "frontend" } },
    );

  it("routes as its flags or its variables say; where it listens is the runner's to say", () => {
    const { template, role } = frontend([
      "--http-port",
      "9000",
      "--router-mode=kv",
      "--router-temperature",
      "0.5",
      "--no-kv-events",
    ]);
    expect(template.argv).toEqual(["frontend", "--router-mode", "kv", "--router-temperature", "0.5", "--no-kv-events"]);
    expect([template.port, template.kind, role]).toEqual([9000, "frontend", "frontend"]);
    const byVariables = frontend(
      [],
      [
        { name: "DYN_ROUTER_MODE", value: "kv" },
        { name: "DYN_HTTP_PORT", value: "8080" },
        { name: "DYN_ROUTER_USE_KV_EVENTS", value: "false" },
      ],
    );
    expect(byVariables.template.argv).toEqual(["frontend", "--router-mode", "kv", "--no-kv-events"]);
    expect(byVariables.template.port).toBe(8080);
    expect(frontend(["--router-mode", "random"], [{ name: "DYN_ROUTER_MODE", value: "kv" }]).template.argv).toEqual([
      "frontend",
      "--router-mode",
      "random",
    ]);
  });

  it("leaves aside what has no meaning here, and says so", () => {
    const { template, notes } = frontend([
      "--namespace",
      "x",
      "--model-path",
      "/m",
      "--tls-cert-path",
      "/c",
      "--migration-limit",
      "3",
    ]);
    expect(template.argv).toEqual(["frontend"]);
    expect(notes).toHaveLength(4);
  });
});

describe("our own commands", () => {
  it("lose what the runner says, and keep the rest", () => {
    const own = (...words: string[]) => ({ command: ["understudy"], args: words });
    const { template, model } = planned(
      own(
        "mocker",
        "--model-name",
        "m",
        "--host",
        "0.0.0.0",
        "--port=9090",
        "--advertise-host",
        "$(POD_IP)",
        "--num-workers=2",
      ),
    );
    expect(template.argv).toEqual(["mocker", "--model-name", "m", "--num-workers=2"]);
    expect([model, template.workersPerReplica]).toEqual(["m", 2]);
    const frontend = planned(
      own("frontend", "--port", "8000", "--discovery", "kubernetes", "--kube-selector", "a=b", "--router-mode", "kv"),
    );
    expect(frontend.template.argv).toEqual(["frontend", "--router-mode", "kv"]);
    expect([frontend.template.port, frontend.template.kind]).toEqual([8000, "frontend"]);
    expect(planned(own("frontend", "--worker", "http://a", "http://b", "--seed", "1")).template.argv).toEqual([
      "frontend",
      "--seed",
      "1",
    ]);
    const load = planned(own("load", "--rate", "3"));
    expect([load.template.kind, load.template.argv, load.role]).toEqual(["command", ["load", "--rate", "3"], "other"]);
  });

  it("are known without the program's name, as the image's own entry point takes them", () => {
    expect(argvOf({ args: ["mocker", "--model-name", "m"] })).toEqual(["mocker", "--model-name", "m"]);
    expect(argvOf({ command: ["node", "/app/bin/understudy.mjs", "mocker"] })).toEqual(["mocker"]);
  });
});

describe("the profiler", () => {
  it.each(["dynamo.profiler", "benchmarks.profiler.profile_sla"])(
    "%s is ours, whose command line takes Dynamo's",
    (module) => {
      const { template, role } = planned(
        { command: ["python3", "-m", module], args: ["--config", "{}"] },
        { component: { name: "prof" } },
      );
      expect(template.argv).toEqual(["profile", "python3", "-m", module, "--config", "{}"]);
      expect([template.kind, role]).toEqual(["profiler", "other"]);
    },
  );
});
