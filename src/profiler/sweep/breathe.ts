/**
 * Lets the process hear Ctrl-C, which it can't while estimates follow one another without waiting for anything.
 * @throws the signal's reason
 */
export async function breathe(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
  signal.throwIfAborted();
}
