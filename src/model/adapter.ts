/** Puts a PEFT LoRA adapter on a loaded model: each module's A and B beside the projection that it updates. */
import { UserError } from '../errors.ts';
import { readMatrix } from '../formats/lora_matrix.ts';
import type { Adapter, LoraTensors } from '../formats/peft.ts';
import type { TensorInfo } from '../formats/tensor.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { type ModelWeights, type Projection, projections } from './weights.ts';

/** A linear of the model: its projection, the columns of it that it makes, and its number in the network. */
export interface LinearPlace {
  p: Projection;
  column: number;
  N: number;
  site: number;
}

/** The linears of all layers by canonical path, in the network's order. */
export function linearPlaces(model: ModelWeights): Map<string, LinearPlace> {
  const places = new Map<string, LinearPlace>();
  for (const layer of model.layers)
    for (const p of projections(layer))
      for (const { path, column, N } of p.linears) places.set(path, { p, column, N, site: places.size });
  return places;
}

/** An adapted linear with its matrices as they are in the files: A [r, K], B [N, r]. */
export interface PlacedModule extends LinearPlace, LoraTensors {
  path: string;
}

/** Where an adapter's matrices belong. Throws a UserError that names the module where it was made for another model. */
export function placeModules(model: ModelWeights, adapter: Adapter): PlacedModule[] {
  const places = linearPlaces(model);
  return [...adapter.modules].map(([path, module]) => {
    const place = places.get(path);
    if (!place)
      throw new UserError(
        `${adapter.name}: ${path} is not a linear of this model's ${model.config.layers} layers: the adapter belongs to another model`,
      );
    const { p, N } = place;
    const { A, B, r } = module;
    const fits = A.shape[0] === r && A.shape[1] === p.K && B.shape[0] === N && B.shape[1] === r;
    if (!fits)
      throw new UserError(
        `${adapter.name}: ${path} has A [${A.shape}] and B [${B.shape}], and this model's layer takes [${r}, ${p.K}] and [${N}, ${r}]: the adapter belongs to another model`,
      );
    return { ...place, ...module, path };
  });
}

/** Throws a UserError for an adapter of another model, or one that holds numbers that are not finite. */
export async function attachAdapter(gpu: Gpu, model: ModelWeights, adapter: Adapter): Promise<void> {
  const upload = async (data: TensorInfo) => gpu.upload(data.name, 'f32', data.shape, await readMatrix(data));
  for (const { p, column, site, r, scale, A, B } of placeModules(model, adapter))
    p.loras.push({ column, lora: { r, scale, A: await upload(A), B: await upload(B) }, site });
}
