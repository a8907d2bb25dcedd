import { once } from "node:events";
import { get } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { BearerTokens } from "#common/http";
import { dashboardApp, listenAt } from "#planner/service";

const page = {
  whole: () => "<p>whole</p>",
  content: () => "<p>now</p>",
  fragment: (name: string) => (name === "tick-3" ? "<p>why</p>" : null),
};
const made = (tokens: string[] = []) => dashboardApp({ page, tokens: new BearerTokens(tokens), names: ["127.0.0.1"] });
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

describe("the dashboard's server", () => {
  it("serves the page, live, and what of it changes", async () => {
    const { app } = made();
    const whole = await app.inject({ url: "/", headers: { host: "127.0.0.1" } });
    expect(whole.body).toBe("<p>whole</p>");
    expect(whole.headers["content-security-policy"]).toContain("connect-src 'self'");
    expect((await app.inject({ url: "/content", headers: { host: "127.0.0.1" } })).body).toBe("<p>now</p>");
  });

  it("serves what a tick opens to, and says where there is none such any more", async () => {
    const { app } = made();
    const open = (name: string) => app.inject({ url: `/ticks/${name}`, headers: { host: "127.0.0.1" } });
    expect(await open("tick-3")).toMatchObject({ statusCode: 200, body: "<p>why</p>" });
    expect((await open("tick-4")).statusCode).toBe(404);
  });

  it("needs the token where there is one", async () => {
    const { app } = made(["secret"]);
    const answer = await app.inject({ url: "/", headers: { host: "127.0.0.1" } });
    expect(answer.statusCode).toBe(401);
    expect(answer.headers["www-authenticate"]).toEqual(["Bearer", 'Basic realm="understudy planner", charset="UTF-8"']);
  });

  it.each([
    ["Bearer secret", 200],
    ["Bearer public", 401],
    // As a browser sends what somebody types into its dialog; passwords may have colons.
    [`Basic ${btoa("me:secret")}`, 200],
    [`Basic ${btoa(":a:b")}`, 200],
    [`Basic ${btoa("secret:")}`, 401],
    [`Basic ${btoa("me:public")}`, 401],
    ["Basic !", 401],
  ])("takes the token from programs and browsers (%s: %i)", async (authorization, statusCode) => {
    const { app } = made(["secret", "a:b"]);
    const answer = await app.inject({ url: "/content", headers: { host: "127.0.0.1", authorization } });
    expect(answer.statusCode).toBe(statusCode);
  });

  it("tells each viewer of each tick, and forgets those who leave", async () => {
    const { app, tick } = made();
    const url = await listenAt(app, "127.0.0.1", 0);
    closing.push(() => app.close());
    const request = get(`${url}/events`);
    const [response] = await once(request, "response");
    expect(response.headers["content-type"]).toBe("text/event-stream");
    let text = "";
    response.on("data", (chunk: Buffer) => (text += chunk));
    tick(7);
    while (!text.includes("data: 7")) await once(response, "data");
    expect(text).toContain("event: tick\ndata: 7\n\n");
    request.destroy();
    await once(request, "close");
    tick(8);
  });
});
