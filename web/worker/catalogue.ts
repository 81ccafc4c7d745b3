/**
 * Which models there are: beside the page (models/index.json), in storage, known by name on the hub, any other
 * repository of the hub, files dropped from disk. Each becomes a list of files and how to ask for their bytes.
 */
import { z } from 'zod';
import { UserError } from '../../src/errors.ts';
import { readText } from '../../src/formats/bytes_source.ts';
import { Hub } from '../../src/formats/hub_client.ts';
import { choose, KNOWN_MODELS, knownModel, parseRepository } from '../../src/formats/hub_models.ts';
import type { RequestBytes } from '../../src/formats/transfer.ts';
import type { Fetchable, ModelFile } from '../storage/model_store.ts';
import { remoteSource } from './remote_source.ts';

/** A model beside the page: models/<id>/<name> for each file. The first of the list is the default. */
export interface ShippedModel {
  id: string;
  title: string;
  files: { name: string; size: number; sha256: string }[];
}

const PLAIN = /^[\w][\w.-]*$/;
const indexSchema = z.object({
  models: z.array(
    z.object({
      id: z.string().regex(PLAIN),
      title: z.string(),
      files: z.array(z.object({ name: z.string().regex(PLAIN), size: z.int().min(1), sha256: z.string().length(64) })),
    }),
  ),
});

/** Models beside the page; none where there is no list. `base` is where the page lies. */
export async function shippedModels(base: URL): Promise<ShippedModel[]> {
  const url = new URL('models/index.json', base);
  const response = await fetch(url, { cache: 'no-cache' }).catch(() => undefined);
  if (!response?.ok) return [];
  const list = indexSchema.safeParse(await response.json().catch(() => undefined));
  if (!list.success) throw new UserError(`${url.pathname}: is not a list of models: build the page again`);
  return list.data.models;
}

/** Asks this page's own server. */
export function requestFrom(url: URL): RequestBytes {
  return async (offset, signal) => {
    const response = await fetch(url, { signal, headers: offset > 0 ? { Range: `bytes=${offset}-` } : {} });
    if (response.ok) return response;
    await response.body?.cancel();
    if (response.status >= 500) throw new Error(`the server answered ${response.status}`);
    throw new UserError(`${url.pathname}: the server answered ${response.status}: is the file still there?`);
  };
}

export function fromShipped({ id, title, files }: ShippedModel, base: URL): Fetchable {
  return {
    id,
    title,
    files: files.map(({ name, size, sha256 }) => ({ name, size, proof: { sha256 } })),
    requests: files.map(({ name }) => requestFrom(new URL(`models/${id}/${name}`, base))),
  };
}

/** Names of models that lacuna knows on the hub, with their size. */
export const knownModels = (): { id: string; title: string; bytes: number }[] =>
  Object.entries(KNOWN_MODELS).map(([id, { file, size }]) => ({ id, title: titleOf(file), bytes: size }));

const titleOf = (file: string): string => file.replace(/^.*\//, '').replace(/\.(gguf|safetensors)$/, '');

/** How long the hub has to answer. */
const PATIENCE_MS = 30_000;

/** A known name, or `owner/name[@revision][:file.gguf]`. Throws a UserError that names the way out. */
export async function fromHub(name: string): Promise<Fetchable> {
  const known = knownModel(name);
  if (known) {
    const hub = new Hub(known.repo, 'main', PATIENCE_MS);
    const file: ModelFile = { name: known.file, size: known.size, proof: { sha256: known.sha256 } };
    return { id: name, title: titleOf(known.file), files: [file], requests: [lazily(hub, known.file, known.size)] };
  }
  const repository = parseRepository(name);
  const hub = new Hub(repository.id, repository.revision, PATIENCE_MS);
  const wanted = await choose(hub, repository, async ({ path, size }) =>
    readText(remoteSource(path, size, lazily(hub, path, size))),
  );
  if (wanted.some(({ path }) => path === 'adapter_config.json'))
    throw new UserError(`${name}: is an adapter, not a model: load its base model, then drop the adapter’s files`);
  return {
    id: name,
    title: name,
    files: wanted.map(({ path, size, checksum }) => ({ name: path.replace(/^.*\//, ''), size, proof: checksum })),
    requests: wanted.map(({ path, size }) => lazily(hub, path, size)),
  };
}

/** Where a file's bytes are is asked only when they are wanted. */
function lazily(hub: Hub, path: string, size: number): RequestBytes {
  let request: Promise<RequestBytes> | undefined;
  return async (offset, signal) => {
    request ??= hub.requester(path, size);
    try {
      return await (await request)(offset, signal);
    } catch (error) {
      // The address that it gave may have expired.
      request = undefined;
      throw error;
    }
  };
}

const ADAPTER = /^adapter_(config\.json|model\.(safetensors|bin))$/;

/** Files dropped from disk, an adapter's apart from its model's. Throws a UserError where there is no model among them. */
export function fromFiles(files: readonly File[]): { model: Fetchable; adapter: File[] } {
  const adapter = files.filter(({ name }) => ADAPTER.test(name));
  const own = files.filter(({ name }) => !ADAPTER.test(name)).sort((a, b) => (a.name < b.name ? -1 : 1));
  const weights = own.find(({ name }) => /\.(gguf|safetensors)$/.test(name));
  if (!weights)
    throw new UserError(
      `${own.map(({ name }) => name.slice(0, 40)).join(', ') || 'these files'}: no model among them: give a .gguf file, or config.json, tokenizer.json and the .safetensors together`,
    );
  const stamps = own.map(({ name, size, lastModified }) => `${name} ${size} ${lastModified}`);
  return {
    adapter,
    model: {
      id: `file ${stamps.join(' ')}`.slice(0, 180),
      title: titleOf(weights.name),
      files: own.map(({ name, size }, i) => ({ name, size, proof: { stamp: stamps[i] } })),
      requests: own.map((file) => async (offset) => {
        const headers = { 'content-range': `bytes ${offset}-${file.size - 1}/${file.size}` };
        return new Response(file.slice(offset).stream(), { status: 206, headers });
      }),
    },
  };
}
