// Whether the server of a container is well: 0 where one of its addresses answers 200 within three seconds, else 1.
// Addresses come from the command line, else $UNDERSTUDY_HEALTH_URL, else the default ports of frontend, worker and planner.
const DEFAULT_PORTS = [8000, 8001, 9086, 9090];
const TIMEOUT_MS = 3000;

const named = process.argv.length > 2 ? process.argv.slice(2) : process.env.UNDERSTUDY_HEALTH_URL?.split(",");
const urls = named ?? DEFAULT_PORTS.map((port) => `http://127.0.0.1:${port}/health`);

const answers = urls.map(async (url) => {
  const { status } = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (status !== 200) throw new Error(`${url} answers ${status}`);
});
try {
  await Promise.any(answers);
  process.exit(0);
} catch (error) {
  const reasons = error.errors ?? [error];
  console.error(reasons.map((reason) => reason.cause?.message ?? reason.message).join("; "));
  process.exit(1);
}
