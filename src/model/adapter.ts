/** Puts a PEFT LoRA adapter on a loaded model: each module's A and B beside the projection that it updates. */
import { UserError } from '../errors.ts';
import { unpackDense } from '../formats/dequantize.ts';
import type { Adapter } from '../formats/peft.ts';
import type { TensorInfo } from '../formats/tensor.ts';
import type { Gpu } from '../gpu/gpu.ts';
import type { Tensor } from '../gpu/tensor.ts';
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

/** Throws a UserError that names the module where the adapter was made for another model. */
export async function attachAdapter(gpu: Gpu, model: ModelWeights, adapter: Adapter): Promise<void> {
  const places = linearPlaces(model);
  for (const [path, { A, B, r, scale }] of adapter.modules) {
    const place = places.get(path);
    if (!place)
      throw new UserError(
        `${adapter.name}: ${path} is not a linear of this model's ${model.config.layers} layers: the adapter belongs to another model`,
      );
    const { p, column, N, site } = place;
    const fits = A.shape[0] === r && A.shape[1] === p.K && B.shape[0] === N && B.shape[1] === r;
    if (!fits)
      throw new UserError(
        `${adapter.name}: ${path} has A [${A.shape}] and B [${B.shape}], and this model's layer takes [${r}, ${p.K}] and [${N}, ${r}]: the adapter belongs to another model`,
      );
    const lora = { r, scale, A: await upload(gpu, adapter.name, A), B: await upload(gpu, adapter.name, B) };
    p.loras.push({ column, lora, site });
  }
}

async function upload(gpu: Gpu, name: string, data: TensorInfo): Promise<Tensor> {
  const dtype = data.dtype as 'F32' | 'F16' | 'BF16';
  const values = await unpackDense({ kind: 'dense', path: data.name, shape: data.shape, dtype, data });
  if (!values.every(Number.isFinite)) throw new UserError(`${name}: ${data.name} holds NaN or infinity`);
  return gpu.upload(data.name, 'f32', data.shape, values);
}
