import { UserError } from "./errors.ts";

const DURATION_MS: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const BYTES: Record<string, number> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/**
 * A duration in ms from `200ms`, `30s`, `10m`, `1h30m`, `1d`. A bare number is refused (its unit would be a guess), except 0.
 * @throws UserError COMMON_BAD_DURATION
 */
export function parseDurationMs(text: string | number, where?: string): number {
  if (text === 0 || text === "0") return 0;
  const trimmed = String(text).trim();
  const parts = [...trimmed.matchAll(/(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*(ns|us|ms|min|s|m|h|d)/g)];
  const length = parts.reduce((sum, part) => sum + part[0].length, 0);
  const ms = parts.reduce((sum, part) => sum + Number(part[1]) * DURATION_MS[part[2]!]!, 0);
  if (parts.length === 0 || length !== trimmed.replace(/\s+(?=\d)/g, "").length || !Number.isFinite(ms)) {
    throw new UserError({
      code: "COMMON_BAD_DURATION",
      message: `found ${JSON.stringify(text)}, expected a duration such as 200ms, 30s, 10m or 1h30m`,
      hint: /^\d+(\.\d+)?$/.test(trimmed)
        ? `give a unit: ${trimmed}ms or ${trimmed}s`
        : "units are ns, us, ms, s, m, h and d",
      ...(where === undefined ? {} : { where }),
    });
  }
  return ms;
}

/** Bytes from `131072`, `128KiB`, `1.5GB`. @throws UserError COMMON_BAD_BYTES */
export function parseBytes(text: string | number, where?: string): number {
  const match = /^(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*([A-Za-z]*)$/.exec(String(text).trim());
  const factor = match ? (match[2] === "" ? 1 : BYTES[match[2]!]) : undefined;
  if (!match || factor === undefined) {
    throw new UserError({
      code: "COMMON_BAD_BYTES",
      message: `found ${JSON.stringify(text)}, expected a number of bytes such as 131072, 128KiB or 1.5GB`,
      ...(where === undefined ? {} : { where }),
    });
  }
  return Number(match[1]) * factor;
}

/** Bytes per second from `64GB/s` (1 GB = 1e9 bytes, as the reference has it). @throws UserError COMMON_BAD_BYTES */
export function parseBytesPerSecond(text: string | number, where?: string): number {
  return parseBytes(typeof text === "string" ? text.replace(/\/s$|ps$/, "") : text, where);
}

/** `95 ms`, `12.5 s`, `30 min`, `2 h`: for people. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return "–";
  if (ms < 1000) return `${round(ms, 1)} ms`;
  if (ms < 120_000) return `${round(ms / 1000, 1)} s`;
  if (ms < 7_200_000) return `${round(ms / 60_000, 1)} min`;
  return `${round(ms / 3_600_000, 2)} h`;
}

function round(value: number, digits: number): number {
  const factor = 10 ** digits;
  return Math.round(value * factor) / factor;
}
