import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EtcdServer } from "../etcd.ts";
import { freePort, waitFor } from "../integration/processes.ts";

/** Those whom the server knows; `admin` may do all, the others what a Role lets them. */
export type ApiUser = "admin" | "planner" | "frontend" | "executor" | "shard" | "runner" | "stranger";

export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata?: {
    name?: string;
    namespace?: string;
    generation?: number;
    resourceVersion?: string;
    labels?: Record<string, string>;
    uid?: string;
    deletionTimestamp?: string;
    ownerReferences?: { uid: string }[];
  };
  [field: string]: unknown;
}

/** One request, as the server's audit log has it. */
export interface AuditEvent {
  verb: string;
  requestURI: string;
  user: { username: string };
  /** Absent of requests for no resource, such as discovery. */
  objectRef?: { apiGroup?: string; resource: string; subresource?: string; namespace?: string; name?: string };
  responseStatus?: { code: number };
  annotations?: Record<string, string>;
  /** What was sent, of Dynamo's objects. */
  requestObject?: unknown;
}

const START_MS = 120_000;
/** Who asked for what, and what came of it; what was sent of Dynamo's objects alone. */
const AUDIT_POLICY = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [{ level: "Request", resources: [{ group: "nvidia.com" }] }, { level: "Metadata" }],
};

/** A real kube-apiserver on a real etcd, on loopback; no controllers: nothing happens that a test doesn't do. */
export class KubeApiServer {
  readonly url: string;
  readonly #program: string;
  readonly #etcd: EtcdServer;
  readonly #folder: string;
  readonly #port: number;
  #process: ChildProcess | null = null;
  #output = "";

  private constructor(program: string, etcd: EtcdServer, port: number) {
    this.#program = program;
    this.#etcd = etcd;
    this.#port = port;
    this.url = `https://127.0.0.1:${port}`;
    this.#folder = mkdtempSync(join(tmpdir(), "understudy-kube-"));
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    this.#write("sa.pub", publicKey.export({ type: "spki", format: "pem" }).toString());
    this.#write("sa.key", privateKey.export({ type: "pkcs1", format: "pem" }).toString());
    this.#write("audit-policy.yaml", JSON.stringify(AUDIT_POLICY));
    const users: ApiUser[] = ["admin", "planner", "frontend", "executor", "shard", "runner", "stranger"];
    this.#write(
      "tokens.csv",
      users.map((user) => `${user}-token,${user},${user},"${user === "admin" ? "system:masters" : ""}"\n`).join(""),
    );
  }

  static async start(tools: { etcd: string; kubeApiserver: string }): Promise<KubeApiServer> {
    const etcd = await EtcdServer.start(tools.etcd);
    const server = new KubeApiServer(tools.kubeApiserver, etcd, await freePort());
    await server.run().catch(async (error: unknown) => {
      await server.stop();
      throw error;
    });
    return server;
  }

  /** Begins, or goes on with the data that it had when it was killed. */
  async run(): Promise<void> {
    const file = (name: string) => join(this.#folder, name);
    this.#process = spawn(
      this.#program,
      [
        `--etcd-servers=${this.#etcd.url}`,
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        `--secure-port=${this.#port}`,
        `--cert-dir=${this.#folder}`,
        "--service-cluster-ip-range=10.0.0.0/24",
        `--service-account-issuer=${this.url}`,
        `--service-account-key-file=${file("sa.pub")}`,
        `--service-account-signing-key-file=${file("sa.key")}`,
        `--token-auth-file=${file("tokens.csv")}`,
        "--authorization-mode=RBAC",
        "--disable-admission-plugins=ServiceAccount",
        "--endpoint-reconciler-type=none",
        `--audit-policy-file=${file("audit-policy.yaml")}`,
        `--audit-log-path=${file("audit.log")}`,
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    const running = this.#process;
    for (const stream of [running.stdout!, running.stderr!]) {
      stream.on("data", (data: Buffer) => {
        this.#output = (this.#output + data).slice(-4_000);
      });
    }
    await waitFor(
      "kube-apiserver to be ready",
      async () => {
        if (running.exitCode !== null) throw new Error(`kube-apiserver ended:\n${this.#output}`);
        return (await this.call("GET", "/readyz").catch(() => ({ status: 0 }))).status === 200;
      },
      START_MS,
    );
  }

  /** Ends it at once; the data stays. */
  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = null;
    if (running === null || running.exitCode !== null) return;
    const ended = once(running, "exit");
    running.kill("SIGKILL");
    await ended;
  }

  async stop(): Promise<void> {
    await this.kill();
    await this.#etcd.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** What a user has asked for so far; a watch that runs counts. */
  audit(user: string): AuditEvent[] {
    const path = join(this.#folder, "audit.log");
    if (!existsSync(path)) return [];
    const lines = readFileSync(path, "utf8").split("\n");
    // The last line may be half written.
    const events = lines.slice(0, -1).map((line) => JSON.parse(line) as AuditEvent);
    return events.filter(({ user: { username } }) => username === user);
  }

  /** Path of a kubeconfig. @param server another address that leads here, without TLS */
  kubeconfig(user: ApiUser = "admin", namespace = "default", server?: string): string {
    const cluster =
      server === undefined
        ? { server: this.url, "certificate-authority": join(this.#folder, "apiserver.crt") }
        : { server, "insecure-skip-tls-verify": true };
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "test", cluster }],
      users: [{ name: user, user: { token: `${user}-token` } }],
      contexts: [{ name: "test", context: { cluster: "test", user, namespace } }],
      "current-context": "test",
    };
    return this.#write(
      `kubeconfig-${user}-${namespace}-${server === undefined ? "tls" : new URL(server).port}`,
      JSON.stringify(config),
    );
  }

  /** One request as the admin. */
  call(method: string, path: string, body?: unknown, contentType = "application/json") {
    return new Promise<{ status: number; body: string }>((resolve, reject) => {
      const headers = { authorization: "Bearer admin-token", "content-type": contentType };
      // The certificate is the server's own and of this moment: there is nothing to check it against.
      const options = { method, headers, rejectUnauthorized: false, agent: false, timeout: 30_000 };
      const sent = request(`${this.url}${path}`, options, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (data: string) => {
          text += data;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
        response.on("error", reject);
      });
      sent.on("error", reject);
      sent.on("timeout", () => sent.destroy(new Error("no answer in 30 s")));
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** As `call`, tried again while the server says it is busy, as it does for a while after it learnt a new resource. @throws for others than 2xx */
  async json<Body = KubeObject>(method: string, path: string, body?: unknown, contentType?: string): Promise<Body> {
    const answer = await waitFor(`${method} ${path}`, async () => {
      const { status, body: text } = await this.call(method, path, body, contentType);
      return status === 429 ? null : { status, text };
    });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text.slice(0, 2_000)}`);
    return JSON.parse(answer.text) as Body;
  }

  /** Merge patch. */
  merge(path: string, patch: unknown): Promise<KubeObject> {
    return this.json("PATCH", path, patch, "application/merge-patch+json");
  }

  async namespace(name: string): Promise<string> {
    await this.json("POST", "/api/v1/namespaces", { metadata: { name } });
    return name;
  }

  #write(name: string, text: string): string {
    const path = join(this.#folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }
}
