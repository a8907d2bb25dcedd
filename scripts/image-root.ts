/**
 * The root file system and settings of the image that the Dockerfile describes, made without docker: its instructions are carried
 * out here, stage by stage, each stage a folder. `node scripts/image-root.ts FOLDER` makes it there.
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  constants,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type Instruction, parseDockerfile, words } from "./dockerfile.ts";
import { findOnPath } from "./tool-cache.ts";

const project = fileURLToPath(new URL("..", import.meta.url));

/** What a container is started with. */
export interface Image {
  /** Its root file system. */
  root: string;
  env: Record<string, string>;
  /** `UID:GID`. */
  user: string;
  workdir: string;
  entrypoint: string[];
  command: string[];
  healthcheck: string[];
  ports: number[];
}

interface Stage {
  base: string;
  root: string;
  workdir: string;
}

/** Files of the base images that the Dockerfile takes for granted, here from this machine. */
const NODE = "/usr/local/bin/node";

/** What else Debian's libc6 brings, which modules may be linked to. */
const REST_OF_LIBC = ["librt.so.1", "libresolv.so.2", "libutil.so.1", "libnss_files.so.2", "libnss_dns.so.2"];

/**
 * @param folder where stages are made; empty
 * @throws Error for instructions that it does not know, and commands that fail
 */
export function assembleImage(folder: string): Image {
  const stages = new Map<string, Stage>();
  let stage: Stage | null = null;
  let image: Image | null = null;
  for (const instruction of parseDockerfile(readFileSync(join(project, "Dockerfile"), "utf8"))) {
    if (instruction.name === "FROM") {
      const [base = "", , name = "image"] = words(instruction.text);
      stage = { base, root: join(folder, name), workdir: "/" };
      prepare(stage);
      stages.set(name, stage);
      image = {
        root: stage.root,
        env: {},
        user: "0:0",
        workdir: "/",
        entrypoint: [],
        command: [],
        healthcheck: [],
        ports: [],
      };
    } else if (stage === null || image === null) {
      throw new Error(`Dockerfile:${instruction.line}: ${instruction.name} before FROM`);
    } else {
      carryOut(instruction, stage, image, stages);
    }
  }
  if (image === null) throw new Error("Dockerfile: it describes no image");
  return image;
}

function carryOut(instruction: Instruction, stage: Stage, image: Image, stages: ReadonlyMap<string, Stage>): void {
  const { name, text, line } = instruction;
  switch (name) {
    case "WORKDIR":
      stage.workdir = text;
      image.workdir = text;
      mkdirSync(join(stage.root, text), { recursive: true });
      return;
    case "COPY":
      copy(instruction, stage, stages);
      return;
    case "RUN":
      run(text, stage);
      return;
    case "ENV":
      for (const word of words(text)) {
        const at = word.indexOf("=");
        image.env[word.slice(0, at)] = word.slice(at + 1);
      }
      return;
    case "USER":
      image.user = text;
      return;
    case "EXPOSE":
      image.ports = words(text).map(Number);
      return;
    case "HEALTHCHECK":
      image.healthcheck = JSON.parse(text.slice(text.indexOf("CMD ") + 4)) as string[];
      return;
    case "ENTRYPOINT":
      image.entrypoint = JSON.parse(text) as string[];
      return;
    case "CMD":
      image.command = JSON.parse(text) as string[];
      return;
    case "LABEL":
      return;
    default:
      throw new Error(`Dockerfile:${line}: ${name} is not known here`);
  }
}

/** What a base image brings: Node, or the libraries that a C++ program is linked to, and nothing else. */
function prepare({ base, root }: Stage): void {
  for (const path of ["tmp", "proc", "dev", "etc", "usr/local/bin"]) mkdirSync(join(root, path), { recursive: true });
  if (base.startsWith("node:")) {
    const wanted = /^node:(\d+)/.exec(base)![1];
    const here = process.versions.node.split(".")[0];
    if (wanted !== here) throw new Error(`the image has Node ${wanted}, this is ${here}`);
    copyFileSync(process.execPath, join(root, NODE), constants.COPYFILE_FICLONE);
    chmodSync(join(root, NODE), 0o755);
    return;
  }
  const ldd = findOnPath(["ldd"]);
  if (ldd === undefined) throw new Error("there is no ldd, which tells what Node is linked to");
  const listed = spawnSync(ldd, [process.execPath], { encoding: "utf8" });
  if (listed.status !== 0) throw new Error(`ldd ${process.execPath}: ${listed.stderr}`);
  const linked = [...listed.stdout.matchAll(/\/[^\s()]+/g)].map(([path]) => path);
  const libc = linked.find((path) => basename(path) === "libc.so.6")!;
  const beside = REST_OF_LIBC.map((name) => join(dirname(libc), name)).filter((path) => existsSync(path));
  for (const path of [...linked, ...beside]) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    copyFileSync(path, join(root, path));
  }
}

function copy({ text, line }: Instruction, stage: Stage, stages: ReadonlyMap<string, Stage>): void {
  const all = words(text);
  const from = all[0]!.startsWith("--from=") ? stages.get(all.shift()!.slice("--from=".length)) : undefined;
  if (from === undefined && text.startsWith("--"))
    throw new Error(`Dockerfile:${line}: no such stage, or flag: ${text}`);
  const target = all.pop()!;
  const destination = join(stage.root, resolve(stage.workdir, target));
  for (const source of all) {
    const entries = from === undefined ? contextEntries(source) : [join(from.root, source)];
    for (const entry of entries) {
      if (!existsSync(entry)) throw new Error(`Dockerfile:${line}: ${source} does not exist`);
      // Of a folder its contents, but of the whole context its entries.
      const isSpread = statSync(entry).isDirectory() && source !== ".";
      const isInto = target.endsWith("/") && !isSpread;
      const path = isInto ? join(destination, basename(entry)) : destination;
      mkdirSync(dirname(path), { recursive: true });
      cpSync(entry, path, { recursive: true, verbatimSymlinks: true, mode: constants.COPYFILE_FICLONE });
    }
  }
}

/** Of the build context: what .dockerignore lets through. */
function contextEntries(source: string): string[] {
  const allowed = contextFiles();
  if (source === ".") return allowed.map((name) => join(project, name));
  if (!allowed.includes(source)) throw new Error(`.dockerignore leaves out ${source}`);
  return [join(project, source)];
}

/** Top-level entries that docker would see. @throws Error where .dockerignore is not a list of exceptions from everything */
export function contextFiles(): string[] {
  const lines = readFileSync(join(project, ".dockerignore"), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  const [first, ...exceptions] = lines;
  if (first !== "*" || exceptions.some((line) => !/^![\w.-]+$/.test(line))) {
    throw new Error(".dockerignore: expected * and then one !name a line");
  }
  const names = exceptions.map((line) => line.slice(1));
  const here = readdirSync(project);
  return names.filter((name) => here.includes(name));
}

/** A shell's command in the stage's working directory. Its paths have to be relative: the root is this machine's. */
function run(text: string, { root, workdir }: Stage): void {
  const cwd = join(root, workdir);
  for (const [index, command] of text.split(/\s&&\s/).entries()) {
    // The lock file is the checkout's, and so is what it leads to; development's packages are not fetched once more.
    if (index === 0 && command === "npm ci --ignore-scripts") {
      symlinkSync(join(project, "node_modules"), join(cwd, "node_modules"));
      continue;
    }
    const env = { ...process.env, npm_config_prefer_offline: "true", npm_config_update_notifier: "false" };
    const { status, stderr, stdout } = spawnSync("sh", ["-euc", command], { cwd, env, encoding: "utf8" });
    if (status !== 0) throw new Error(`RUN ${command}: ${status}\n${stdout}${stderr}`);
  }
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) throw new Error("node scripts/image-root.ts FOLDER");
  console.log(JSON.stringify(assembleImage(resolve(folder)), null, 2));
}
