import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { encodeNpz, type NpyInput, openNpz } from "#profiles";
import { describeWithPython } from "../tools.ts";

await describeWithPython("numpy and ours read each other's files", ["numpy"], (python) => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "understudy-numpy-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const run = (script: string, ...args: string[]): string =>
    execFileSync(python, ["-c", script, ...args], { encoding: "utf8", cwd: folder });

  const makeArrays = `
import numpy as np, sys
values = np.array([[1.5, -2.25, 3.0], [4.0, 5.5, -6.75]])
arrays = {
  "f8": values, "f4": values.astype("<f4"), "i8": (values * 4).astype("<i8"), "i4": (values * 4).astype("<i4"),
  "fortran": np.asfortranarray(values), "big": values.astype(">f8"), "big_int": (values * 4).astype(">i8"),
  "cube": np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)), "flag": np.array([True, False]),
  "scalar": np.array(7.0), "empty": np.zeros((0, 3)), "text": np.array(["tp1", "äß€😀"]), "nan": np.array([np.nan, np.inf, -np.inf]),
  "max_kv_tokens": np.array([2**53 - 1]),
}`;

  const expectArrays = (path: string): void => {
    const npz = openNpz(readFileSync(join(folder, path)), path);
    const numbers = (key: string): number[] => Array.from(npz.get(key).data as Float64Array);
    const values = [1.5, -2.25, 3, 4, 5.5, -6.75];
    for (const key of ["f8", "f4", "fortran", "big"]) {
      expect(numbers(key), key).toEqual(values);
      expect(npz.get(key).shape, key).toEqual([2, 3]);
    }
    for (const key of ["i8", "i4", "big_int"]) {
      expect(numbers(key), key).toEqual(values.map((value) => value * 4));
    }
    expect(numbers("cube")).toEqual(Array.from({ length: 24 }, (_, i) => i));
    expect(npz.get("cube").shape).toEqual([2, 3, 4]);
    expect(numbers("flag")).toEqual([1, 0]);
    expect(npz.get("scalar")).toMatchObject({ shape: [], data: Float64Array.of(7) });
    expect(npz.get("empty")).toMatchObject({ shape: [0, 3], data: new Float64Array(0) });
    expect(npz.get("text").data).toEqual(["tp1", "äß€😀"]);
    expect(numbers("nan")).toEqual([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    expect(numbers("max_kv_tokens")).toEqual([2 ** 53 - 1]);
  };

  it("read what savez and savez_compressed write: types, orders, shapes, strings", () => {
    run(`${makeArrays}
np.savez("stored.npz", **arrays)
np.savez_compressed("deflated.npz", **arrays)`);
    expectArrays("stored.npz");
    expectArrays("deflated.npz");
  });

  it("read a ZIP64 directory", () => {
    // numpy writes ZIP64 sizes in local headers only; forcing the limits down puts them into the directory and its end
    // record too.
    run(`${makeArrays}
import zipfile
zipfile.ZIP64_LIMIT = 16
zipfile.ZIP_FILECOUNT_LIMIT = 1
np.savez("zip64.npz", **arrays)`);
    expectArrays("zip64.npz");
    // Python keeps small numbers in the plain end record as well; a writer may also leave all to the ZIP64 record.
    const bytes = readFileSync(join(folder, "zip64.npz"));
    expect(bytes.readUInt32LE(bytes.length - 22)).toBe(0x06054b50);
    expect(bytes.readUInt32LE(bytes.length - 22 - 20)).toBe(0x07064b50);
    bytes.fill(0xff, bytes.length - 22 + 8, bytes.length - 22 + 20);
    writeFileSync(join(folder, "zip64-only.npz"), bytes);
    expectArrays("zip64-only.npz");
  });

  it("read .npy versions 1, 2 and 3", () => {
    run(`
import numpy as np, zipfile, io
with zipfile.ZipFile("versions.npz", "w") as z:
  for version in (1, 2, 3):
    data = io.BytesIO()
    np.lib.format.write_array(data, np.arange(5.0), version=(version, 0))
    z.writestr(f"v{version}.npy", data.getvalue())`);
    const npz = openNpz(readFileSync(join(folder, "versions.npz")), "versions.npz");
    for (const key of ["v1", "v2", "v3"]) expect(npz.numbers(key, 1).data).toEqual(Float64Array.of(0, 1, 2, 3, 4));
  });

  it.each([false, true])("write what numpy reads back bit for bit (deflate: %s)", (deflate) => {
    const f8 = [Math.PI, -1e-300, 5e-324, Number.MAX_VALUE, Number.NaN, Number.POSITIVE_INFINITY, -0, 0];
    const arrays: Record<string, NpyInput> = {
      f8: { dtype: "<f8", shape: [2, 4], data: f8 },
      f4: { dtype: "<f4", shape: [3], data: [0.1, -2, 3e38] },
      i8: { dtype: "<i8", shape: [3], data: [0, -(2 ** 53) + 1, 2 ** 53 - 1] },
      i4: { dtype: "<i4", shape: [2, 1, 1], data: [-(2 ** 31), 2 ** 31 - 1] },
      none: { dtype: "<f8", shape: [0], data: [] },
    };
    writeFileSync(join(folder, "ours.npz"), encodeNpz(arrays, { deflate }));
    const dump = run(`
import numpy as np, json
z = np.load("ours.npz", allow_pickle=False)
print(json.dumps({k: [str(z[k].dtype), list(z[k].shape), z[k].tobytes().hex(), bool(z[k].flags["C_CONTIGUOUS"])] for k in z.files}))`);
    const bytes = (buffer: ArrayBufferView): string =>
      Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength).toString("hex");
    expect(JSON.parse(dump)).toEqual({
      f8: ["float64", [2, 4], bytes(Float64Array.from(f8)), true],
      f4: ["float32", [3], bytes(Float32Array.from([0.1, -2, 3e38])), true],
      i8: ["int64", [3], bytes(BigInt64Array.from([0n, -(2n ** 53n) + 1n, 2n ** 53n - 1n])), true],
      i4: ["int32", [2, 1, 1], bytes(Int32Array.from([-(2 ** 31), 2 ** 31 - 1])), true],
      none: ["float64", [0], "", true],
    });
  });
});
