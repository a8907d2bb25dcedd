import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { storeOf } from "../../src/cli/global-planner/store.ts";
import { runUnderstudy } from "./run-understudy.ts";

describe("the store of understudy global-planner", () => {
  it("is the flag's, else that of etcd's own variable, which holds addresses alone, else etcd on this machine", () => {
    const environment = { ETCD_ENDPOINTS: "http://a:2379,b:2379" };
    expect(storeOf("file:./state", environment).location).toEqual({ kind: "file", folder: "./state" });
    expect(storeOf(undefined, environment).location).toEqual({
      kind: "etcd",
      endpoints: ["http://a:2379", "http://b:2379"],
    });
    expect(storeOf(undefined, {}).location).toEqual({ kind: "etcd", endpoints: ["http://127.0.0.1:2379"] });
  });

  it("is asked with the secrets that planners have for it", () => {
    const environment = {
      ETCD_AUTH_USERNAME: "planner",
      ETCD_AUTH_PASSWORD: "secret",
      UNDERSTUDY_PLANNER_VIRTUAL_STORE_TOKEN: "token",
    };
    expect(storeOf(undefined, environment).access).toEqual({ username: "planner", password: "secret", token: "token" });
  });
});

describe("flags that can't be", () => {
  it.each([
    [["--max-total-gpus", "-2"], /--max-total-gpus takes a whole number of GPUs, or -1 for no limit/],
    [["--max-total-gpus", "many"], /--max-total-gpus takes a whole number of GPUs/],
    [["--intent-cache-ttl-seconds", "0"], /--intent-cache-ttl-seconds takes seconds above 0/],
    [["--decode-engine-num-gpu", "0"], /--decode-engine-num-gpu takes a whole number of 1 or more/],
    [["--environment", "cloud"], /kubernetes, virtual, none/],
    [["--environment", "virtual", "--virtual-store", "x"], /found "x", expected etcd:URL/],
  ])("%j is refused, in one sentence", (flags, message) => {
    const { status, stderr } = runUnderstudy(tmpdir(), "global-planner", ...flags);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
  });
});
