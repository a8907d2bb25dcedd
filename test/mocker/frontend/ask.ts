import { afterEach } from "vitest";
import { type Frontend, type FrontendOptions, startFrontend } from "#mocker/frontend";
import { type FakeWorker, fakeWorker } from "./fake-worker.ts";

const cleanups: (() => Promise<unknown> | unknown)[] = [];

/** Runs when the test has ended, last registered first. */
export function cleanup(callback: () => Promise<unknown> | unknown): void {
  cleanups.push(callback);
}

afterEach(async () => {
  for (const callback of cleanups.splice(0).reverse()) await callback();
});

/** A fake worker that ends with the test. */
export async function worker(...args: Parameters<typeof fakeWorker>): Promise<FakeWorker> {
  const fake = await fakeWorker(...args);
  cleanup(() => fake.close());
  return fake;
}

/** A frontend over workers, all of which it knows as ready; it ends with the test. */
export async function frontend(
  workers: readonly { url: string }[],
  options: Partial<FrontendOptions> = {},
): Promise<Frontend> {
  const started = await startFrontend({
    discovery: { kind: "static", workers: workers.map(({ url }) => url) },
    logLevel: "silent",
    ...options,
  });
  cleanup(() => started.close());
  await started.whenReady(workers.length);
  return started;
}

export const CHAT = { model: "mock", messages: [{ role: "user", content: "hello there you" }] };

export function post(url: string, body: unknown, init: RequestInit = {}): Promise<Response> {
  return fetch(url, {
    method: "POST",
    ...init,
    headers: { "content-type": "application/json", ...init.headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

export function chat(to: Pick<Frontend, "url">, body: object = {}, init: RequestInit = {}): Promise<Response> {
  return post(`${to.url}/v1/chat/completions`, { ...CHAT, stream: true, ...body }, init);
}

/** The `data:` values of a stream's text. */
export function values(text: string): string[] {
  return [...text.matchAll(/^data: (.*)$/gm)].map((match) => match[1]!);
}

/** What the choices of a stream said. */
export function said(text: string): string {
  return values(text)
    .filter((value) => value.startsWith("{"))
    .map(
      (value) =>
        (JSON.parse(value) as { choices?: { delta?: { content?: string } }[] }).choices?.[0]?.delta?.content ?? "",
    )
    .join("");
}

/** Resolves when `look` is satisfied; looks again after every turn of the event loop. */
export async function until(look: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await look())) await new Promise((resolve) => setImmediate(resolve));
}

export async function metric(of: Frontend, sample: string): Promise<number | undefined> {
  const text = await (await fetch(`${of.url}/metrics`)).text();
  const line = text.split("\n").find((found) => found.startsWith(`${sample} `));
  return line === undefined ? undefined : Number(line.slice(sample.length + 1));
}
