import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "#common";
import {
  buildSurface,
  decodeMockerTable,
  decodeNpy,
  decodeProfileJson,
  encodeMockerTable,
  encodeNpy,
  encodeNpz,
  encodeProfileJson,
  loadProfile,
  openNpz,
  type Profile,
  validateProfile,
} from "#profiles";

// `npm run soak` raises the count; the seed is fixed, so that a failure comes back.
const RUNS = { numRuns: Number(process.env.UNDERSTUDY_FUZZ_RUNS ?? 400), seed: 7 };

const profile: Profile = {
  name: "small",
  prefill: {
    isl: [100, 900, 2100, 4000],
    ttftMs: [10, 30, 70, 150],
    throughputPerGpu: [10_000, 30_000, 30_000, 26_666],
  },
  decode: {
    kvUsage: [0.001, 0.5, 0.9, 0.002, 0.5, 0.9],
    contextLength: [350, 350, 350, 700, 700, 700],
    itlMs: [5, 20, 30, 5.5, 12, 17],
    throughputPerGpu: [571, 71_000, 85_000, 500, 59_000, 75_000],
    maxKvTokens: 1_000_000,
  },
  provenance: { model: "m", gpusPerDecodeEngine: 1 },
};
const vector = (data: number[]) => ({ dtype: "<f8" as const, shape: [data.length], data });
const arrays = {
  prefill_isl: vector(profile.prefill.isl),
  prefill_ttft: vector(profile.prefill.ttftMs),
  prefill_thpt_per_gpu: vector(profile.prefill.throughputPerGpu),
  x_kv_usage: vector(profile.decode.kvUsage),
  y_context_length: vector(profile.decode.contextLength),
  z_itl: vector(profile.decode.itlMs),
  z_thpt_per_gpu: vector(profile.decode.throughputPerGpu),
  max_kv_tokens: { dtype: "<i8" as const, shape: [1], data: [1_000_000] },
};
const table = {
  prefillIsl: [1, 50],
  prefillTtftMs: [1, 2],
  decodeActiveKvTokens: [0, 100, 200],
  decodeContextLength: [1, 50],
  decodeItlMs: [
    [1, 2],
    [3, 4],
    [5, 6],
  ],
};

/** Small wounds: bytes changed, removed, doubled, cut off. */
const wounds = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    kind: fc.constantFrom("set", "remove", "insert", "cut", "ones"),
    value: fc.integer({ min: 0, max: 255 }),
    count: fc.integer({ min: 1, max: 12 }),
  }),
  { minLength: 1, maxLength: 6 },
);

type Wound = typeof wounds extends fc.Arbitrary<infer W> ? W : never;

function wounded(bytes: Uint8Array, list: Wound): Uint8Array {
  const result = Array.from(bytes);
  for (const { at, kind, value, count } of list) {
    const index = Math.floor(at * result.length);
    if (kind === "set") result[index] = value;
    else if (kind === "remove") result.splice(index, count);
    else if (kind === "insert") result.splice(index, 0, ...new Array<number>(count).fill(value));
    else if (kind === "ones") result.fill(0xff, index, index + Math.min(count, 8));
    else result.length = index;
  }
  return Uint8Array.from(result);
}

/** Wounds to numbers and words of a text: what a hand or another program would get wrong. */
function woundedText(text: string, list: Wound): string {
  const odd = [
    "NaN",
    "-1",
    "1e308",
    "1e-320",
    "null",
    '"x"',
    "[]",
    "{}",
    "1e999",
    "-0",
    "",
    "[[1]]",
    "true",
    '"Infinity"',
  ];
  let result = text;
  for (const { at, kind, value } of list) {
    const tokens = [...result.matchAll(/-?\d[\d.e+-]*|"[^"]*"|[[\]{},:]/g)];
    const token = tokens[Math.floor(at * tokens.length)];
    if (!token) break;
    const replacement = kind === "remove" ? "" : kind === "insert" ? token[0].repeat(2) : odd[value % odd.length]!;
    result = result.slice(0, token.index) + replacement + result.slice(token.index + token[0].length);
  }
  return result;
}

/** Reads; a UserError is an answer, any other exception a failure. What is read must be fit for use. */
function survives(read: () => Profile | undefined): void {
  let found: Profile | undefined;
  try {
    found = read();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    expect(error.exitCode).toBe(2);
    expect(error.message).not.toBe("");
    return;
  }
  if (!found || validateProfile(found).some((finding) => finding.severity === "error")) return;
  const surface = buildSurface(found);
  const { kvUsage, contextLength } = found.decode;
  const answers = [
    surface.ttftMs(found.prefill.isl[0]!),
    surface.itlMs(kvUsage[0]!, contextLength[0]!),
    surface.decodeThroughputPerGpu(kvUsage[0]!, contextLength[0]!),
    surface.bestThroughputPerGpu(10, 1000).throughputPerGpu,
  ];
  for (const answer of answers) {
    expect(answer).toBeGreaterThan(0);
    expect(answer).toBeLessThan(Number.POSITIVE_INFINITY);
  }
}

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-fuzz-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bytes = fc.uint8Array({ maxLength: 300 });

describe("whatever the bytes, reading ends in a profile or in one clear error", () => {
  it("arbitrary bytes as npy, npz and JSON", () => {
    fc.assert(
      fc.property(bytes, fc.string({ maxLength: 200 }), (data, text) => {
        survives(() => void decodeNpy(data, "f"));
        survives(() => void openNpz(data, "f"));
        survives(() => decodeProfileJson(text, "f", "n"));
      }),
      RUNS,
    );
  });

  it("arbitrary headers of npy arrays", () => {
    const header = fc.tuple(
      fc.constantFrom("'<f8'", "'>i4'", "'<U9'", "'|b1'", "'|O'", "'<f2'", "[('a', '<f8')]", "''"),
      fc.constantFrom("True", "False", "None"),
      fc.array(fc.oneof(fc.integer({ min: -3, max: 40 }), fc.bigInt({ min: 0n, max: 1n << 70n })), { maxLength: 40 }),
    );
    fc.assert(
      fc.property(header, bytes, fc.constantFrom(1, 2, 3), ([descr, order, shape], data, version) => {
        const text = `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': (${shape.map((n) => `${n},`).join("")})}`;
        const head =
          version === 1 ? [text.length & 0xff, text.length >> 8] : [text.length & 0xff, text.length >> 8, 0, 0];
        const all = [
          0x93,
          0x4e,
          0x55,
          0x4d,
          0x50,
          0x59,
          version,
          0,
          ...head,
          ...new TextEncoder().encode(text),
          ...data,
        ];
        survives(() => void decodeNpy(Uint8Array.from(all), "f"));
      }),
      RUNS,
    );
  });

  it("wounded npy arrays", () => {
    const whole = encodeNpy({ dtype: "<i8", shape: [3, 2], data: [1, 2, 3, 4, 5, 6] });
    fc.assert(
      fc.property(wounds, (list) => survives(() => void decodeNpy(wounded(whole, list), "f"))),
      RUNS,
    );
  });

  it.each([false, true])("wounded npz files with both halves of a profile (deflate: %s)", (deflate) => {
    const whole = encodeNpz(arrays, { deflate });
    const path = join(folder, "wounded.npz");
    fc.assert(
      fc.property(wounds, (list) => {
        writeFileSync(path, wounded(whole, list));
        survives(() => loadProfile(path));
      }),
      RUNS,
    );
  });

  it("npz files whose arrays hold odd numbers", () => {
    const odd = fc.oneof(
      fc.double(),
      fc.double({ min: 0, max: 1000, noNaN: true }),
      fc.constantFrom(0, -1, 1e300, 5e-324, 1, 2),
    );
    const values = fc.array(odd, { minLength: 1, maxLength: 4 });
    const path = join(folder, "odd.npz");
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(arrays)), values, (key, data) => {
        const whole = arrays[key as keyof typeof arrays].data;
        writeFileSync(path, encodeNpz({ ...arrays, [key]: vector([...data, ...whole].slice(0, whole.length)) }));
        survives(() => loadProfile(path));
      }),
      RUNS,
    );
  });

  it("wounded mocker tables", () => {
    const whole = encodeMockerTable(table);
    const path = join(folder, "table.npz");
    fc.assert(
      fc.property(wounds, (list) => {
        const broken = wounded(whole, list);
        writeFileSync(path, broken);
        survives(() => loadProfile(path));
        survives(() => void decodeMockerTable(openNpz(broken, "f"), "f"));
      }),
      RUNS,
    );
  });

  it("wounded profile.json texts", () => {
    const whole = encodeProfileJson(profile);
    fc.assert(
      fc.property(wounds, (list) => survives(() => decodeProfileJson(woundedText(whole, list), "f", "n"))),
      RUNS,
    );
  });

  it("arbitrary JSON documents of the right outline", () => {
    const part = fc.oneof(
      fc.jsonValue(),
      fc.dictionary(fc.constantFrom("isl", "prefill_isl", "z_itl", "data"), fc.jsonValue()),
    );
    const outline = fc.record(
      {
        format: fc.constantFrom("understudy-profile", "other"),
        prefill: part,
        decode: part,
        provenance: part,
        data: part,
        "prefill_raw_data.json": part,
        "decode_raw_data.json": part,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(outline, (document) => survives(() => decodeProfileJson(JSON.stringify(document), "f", "n"))),
      RUNS,
    );
  });

  it("folders with any selection of files in them", () => {
    const names = ["profile.json", "prefill_raw_data.json", "decode_raw_data.json"];
    const nested = ["selected_prefill_interpolation", "selected_decode_interpolation"].map((part) =>
      join(part, "raw_data.npz"),
    );
    const contents = fc.constantFrom<string | Uint8Array>("", "{}", "[", encodeProfileJson(profile), encodeNpz(arrays));
    let count = 0;
    fc.assert(
      fc.property(fc.uniqueArray(fc.constantFrom(...names, ...nested)), contents, (files, content) => {
        const path = join(folder, `folder-${count++}`);
        mkdirSync(path);
        for (const file of files) {
          mkdirSync(join(path, file, ".."), { recursive: true });
          writeFileSync(join(path, file), content);
        }
        survives(() => loadProfile(path));
      }),
      { ...RUNS, numRuns: Math.min(100, RUNS.numRuns) },
    );
  });
});
