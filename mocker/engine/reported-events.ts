import type { EngineConfig, KvEvent } from "./types.ts";

/** What a cache tells its changes, so that `onEvent` hears of those the configuration reports; null: of none. */
export function reportedEvents(
  { kvEvents }: EngineConfig,
  onEvent: (event: KvEvent) => void,
): ((event: KvEvent) => void) | null {
  if (kvEvents === false) return null;
  if (kvEvents === true) return onEvent;
  // Content that one request alone can hit has a negative id.
  return (event) => {
    if (event.blockId >= 0) onEvent(event);
  };
}
