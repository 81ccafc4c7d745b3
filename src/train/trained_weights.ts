/**
 * A model whose every weight was trained, as writeModelFolder takes it: the masters, and their f16 copies where there
 * are any, read back when their turn comes.
 */
import type { ReadHalves } from '../convert/hf_folder.ts';
import { type ModelWeights, weightsOf } from '../convert/weights.ts';
import { UserError } from '../errors.ts';
import type { Checkpoint } from '../formats/stored.ts';
import type { Gpu } from '../gpu/gpu.ts';
import type { Tensor } from '../gpu/tensor.ts';
import type { Parameter } from './parameters.ts';
import type { Trainable } from './trainable.ts';

/** What the GPU gives back. */
type Numbers = Awaited<ReturnType<Gpu['read']>>;

/** Rows of a parameter that are one weight. */
interface Place {
  parameter: Parameter;
  first: number;
  count: number;
}

/**
 * The checkpoint's weights with the trained values, and those that are trained as the products read them in f16; what
 * is not trained (an untied lm_head) stays as it was. UserError where a bias is trained that transformers' model has no
 * place for.
 */
export async function trainedWeights(
  trainable: Trainable,
  checkpoint: Checkpoint,
): Promise<{ weights: ModelWeights; halves?: ReadHalves }> {
  const { parameters } = trainable;
  const { gpu } = parameters;
  const base = await weightsOf(checkpoint);
  const places = placesOf(parameters.all, (path) => base.get(path)!.shape[0]);
  const stray = [...places.keys()].find((path) => !base.has(path));
  if (stray)
    throw new UserError(
      `${checkpoint.name}: ${stray} has no place in transformers' ${checkpoint.config.family}: what is trained of it could not be written`,
    );
  /** Rows of a trained weight, and no others of its parameter, from what `tensorOf` has of that. */
  const read = async (path: string, begin: number, end: number, tensorOf: (parameter: Parameter) => Tensor) => {
    const columns = base.get(path)!.shape[1] ?? 1;
    const parts: Numbers[] = [];
    let above = 0;
    for (const { parameter, first, count } of places.get(path)!) {
      const [from, to] = [Math.max(begin - above, 0), Math.min(end - above, count)];
      if (from < to) parts.push(await gpu.read(tensorOf(parameter), (to - from) * columns, (first + from) * columns));
      above += count;
    }
    return joined(parts);
  };
  const masters = (path: string, begin: number, end: number) =>
    read(path, begin, end, ({ value }) => value) as Promise<Float32Array<ArrayBuffer>>;
  const halves = (path: string, begin: number, end: number) =>
    places.has(path)
      ? (read(path, begin, end, (parameter) => parameters.half(parameter)) as Promise<Uint16Array>)
      : undefined;
  const weights = new Map(
    [...base].map(([path, weight]) => {
      if (!places.has(path)) return [path, weight];
      const [rows, columns = 1] = weight.shape;
      const open = async () => ({
        ...{ path, rows, columns },
        read: (begin: number, end: number) => masters(path, begin, end),
      });
      return [path, { shape: weight.shape, open }];
    }),
  );
  return { weights, ...(gpu.activation === 'f16' && { halves }) };
}

/** Arrays of one type end to end. */
function joined(parts: readonly Numbers[]): Numbers {
  const [first, ...more] = parts;
  if (!more.length) return first;
  const all = new (first.constructor as new (length: number) => Numbers)(
    parts.reduce((n, { length }) => n + length, 0),
  );
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Where every weight lies: parameters are named by their paths joined by ' + ', and a large table is several. */
function placesOf(parameters: readonly Parameter[], rowsOf: (path: string) => number): Map<string, Place[]> {
  const places = new Map<string, Place[]>();
  for (const parameter of parameters) {
    const bias = parameter.name.endsWith(' bias') ? '.bias' : '';
    const paths = parameter.name.replace(/ bias$/, '').split(' + ');
    let first = 0;
    for (const path of paths) {
      const name = `${path.replace(/^embed_tokens \d+$/, 'embed_tokens')}${bias}`;
      const count = paths.length === 1 ? parameter.shape[0] : rowsOf(path);
      places.set(name, [...(places.get(name) ?? []), { parameter, first, count }]);
      first += count;
    }
  }
  return places;
}
