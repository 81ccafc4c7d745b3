/** A model whose every weight was trained, as writeModelFolder takes it: the masters, read back when their turn comes. */
import { type ModelWeights, weightsOf } from '../convert/weights.ts';
import { UserError } from '../errors.ts';
import type { Checkpoint } from '../formats/stored.ts';
import type { Parameter } from './parameters.ts';
import type { Trainable } from './trainable.ts';

/** Rows of a parameter that are one weight. */
interface Place {
  parameter: Parameter;
  first: number;
  count: number;
}

/**
 * The checkpoint's weights with the trained values; what is not trained (an untied lm_head) stays as it was. UserError
 * where a bias is trained that transformers' model has no place for.
 */
export async function trainedWeights(trainable: Trainable, checkpoint: Checkpoint): Promise<ModelWeights> {
  const { gpu, all } = trainable.parameters;
  const base = await weightsOf(checkpoint);
  const places = placesOf(all, (path) => base.get(path)!.shape[0]);
  const stray = [...places.keys()].find((path) => !base.has(path));
  if (stray)
    throw new UserError(
      `${checkpoint.name}: ${stray} has no place in transformers' ${checkpoint.config.family}: what is trained of it could not be written`,
    );
  return new Map(
    [...base].map(([path, weight]) => {
      const parts = places.get(path);
      if (!parts) return [path, weight];
      const [rows, columns = 1] = weight.shape;
      const open = async () => {
        const values = new Float32Array(rows * columns);
        let at = 0;
        for (const { parameter, first, count } of parts) {
          const whole = (await gpu.read(parameter.value)) as Float32Array;
          values.set(whole.subarray(first * columns, (first + count) * columns), at);
          at += count * columns;
        }
        const read = async (begin: number, end: number) => values.slice(begin * columns, end * columns);
        return { path, rows, columns, read };
      };
      return [path, { shape: weight.shape, open }];
    }),
  );
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
