/** The linear layers that a model's forward pass asks plans for, read off what it records. */
import { Sequences } from '../../kernels/attention/sequences.ts';
import type { LinearShape } from '../../kernels/linear/linear.types.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { Recorder } from '../gpu/recorder.ts';
import { type DType, type Tensor, tensorBytes } from '../gpu/tensor.ts';
import { activations, forward } from '../model/decoder.ts';
import type { ModelWeights } from '../model/weights.ts';

/**
 * The distinct shapes of a model's linears for batches of up to `rows` tokens. Nothing is compiled or run, and no
 * activation is allocated.
 */
export function linearShapes(gpu: Gpu, model: ModelWeights, rows: number): LinearShape[] {
  const asked = new Map<string, LinearShape>();
  const tuning = {
    get(key: string): undefined {
      asked.set(key, JSON.parse(key));
    },
  };
  const paper = withoutMemory(gpu, tuning);
  const { config } = model;
  const seqs = new Sequences(paper, rows, rows);
  forward(new Recorder(paper), model, activations(paper, config, rows, 1), seqs);
  return [...asked.values()];
}

/** The same GPU, but one whose tensors have no bytes: what is recorded on it cannot run. */
export function withoutMemory(gpu: Gpu, tuning?: Gpu['tuning']): Gpu {
  const buffer = gpu.device.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE });
  const tensor = (label: string, dtype: DType, shape: readonly number[]): Tensor => {
    return { label, dtype, shape, buffer, bytes: tensorBytes(dtype, shape) };
  };
  const uniform = (label: string, words: Uint32Array) => tensor(label, 'u32', [words.length]);
  return Object.assign(Object.create(gpu) as Gpu, { tuning, tensor, upload: tensor, uniform, write: () => {} });
}
