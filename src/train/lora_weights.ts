/** LoRA on a frozen base (Hu et al. 2021): new matrices, or those of an adapter that exists. */
import { keyOf, philox } from '../../kernels/dropout/philox.ts';
import { groups } from '../../kernels/lora/group.ts';
import { uniform } from '../data/random.ts';
import { readMatrix } from '../formats/lora_matrix.ts';
import type { Adapter, AdapterConfig, AdapterToWrite } from '../formats/peft.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { Recorder } from '../gpu/recorder.ts';
import { elements, type Tensor } from '../gpu/tensor.ts';
import { type LinearPlace, linearPlaces, placeModules } from '../model/adapter.ts';
import { freeModel, type ModelWeights } from '../model/weights.ts';
import { type Parameter, Parameters } from './parameters.ts';
import type { Trainable } from './trainable.ts';

export interface LoraSettings {
  rank: number;
  alpha: number;
  /** Scale by alpha / sqrt(rank) instead of alpha / rank (Kalajdzievski 2023). */
  rslora: boolean;
  dropout: number;
  /** The last words of the linears' paths: q_proj, … */
  targets: readonly string[];
  seed: number;
}

/** Random streams of a seed beside those of batches.ts, 0 and 1. */
const MATRICES = 2;

/** A trained linear and its shapes. */
interface Module extends LinearPlace {
  path: string;
  rank: number;
  scale: number;
  start: (() => Promise<{ A: Float32Array; B: Float32Array }>) | undefined;
}

/** Several modules' matrices, below each other. */
interface JoinedModules {
  A: Pick<Parameter, 'value' | 'gradient'>;
  B: Pick<Parameter, 'value' | 'gradient'>;
  widths?: readonly number[];
}

/** Puts matrices on a loaded model that has none: A uniform in ±1/sqrt(K) as PEFT draws it, B zero, so that the start is the base. */
export async function newLora(gpu: Gpu, model: ModelWeights, s: LoraSettings): Promise<Trainable> {
  const scale = s.alpha / (s.rslora ? Math.sqrt(s.rank) : s.rank);
  const modules = [...linearPlaces(model)]
    .filter(([path]) => s.targets.includes(path.split('.').at(-1)!))
    .map(([path, place]) => ({ ...place, path, rank: s.rank, scale, start: undefined }));
  return trainable(gpu, model, modules, s.seed);
}

/** The matrices of an adapter, to be trained on: ranks and scales are the adapter's. Throws a UserError where it is of another model. */
export async function continuedLora(gpu: Gpu, model: ModelWeights, adapter: Adapter): Promise<Trainable> {
  const modules = placeModules(model, adapter).map(({ A, B, r: rank, ...place }) => ({
    ...{ ...place, rank },
    start: async () => ({ A: await readMatrix(A), B: await readMatrix(B) }),
  }));
  return trainable(gpu, model, modules, 0);
}

async function trainable(gpu: Gpu, model: ModelWeights, modules: readonly Module[], seed: number): Promise<Trainable> {
  // All A of a projection lie behind each other, then all B, so that its adapters can be one.
  const sides = projectionsOf(modules);
  const parameters = new Parameters(
    gpu,
    sides.flatMap((side) => [
      ...side.map(({ path, p, rank }) => ({ name: `${path}.lora_A`, shape: [rank, p.K] })),
      ...side.map(({ path, N, rank }) => ({ name: `${path}.lora_B`, shape: [N, rank] })),
    ]),
  );
  const gradients = new Map<Tensor, Tensor>();
  let first = 0;
  for (const side of sides) {
    const G = side.length;
    const parts: (Module & JoinedModules)[] = side.map((m, g) => ({
      ...m,
      A: parameters.all[first + g],
      B: parameters.all[first + G + g],
    }));
    for (const { p, site, rank, start, A, B } of parts) {
      const values = start
        ? await start()
        : { A: drawn(rank, p.K, seed, site), B: new Float32Array(elements(B.value.shape)) };
      gpu.write(A.value, values.A);
      gpu.write(B.value, values.B);
    }
    const one = together(gpu, side) ? joined(parameters, first, side) : undefined;
    for (const { p, column, site, rank: r, scale, A, B, widths } of one ? [{ ...side[0], ...one }] : parts) {
      p.loras.push({ column, lora: { r, scale, A: A.value, B: B.value, widths }, site });
      gradients.set(A.value, A.gradient).set(B.value, B.gradient);
    }
    first += 2 * G;
  }
  const refresh = await new Recorder(gpu).finish();
  const free = () => {
    parameters.free();
    freeModel(gpu, model);
  };
  return { model, parameters, gradients, embedding: false, refresh, free };
}

/** Modules by the projection that they are on, in order of its columns. */
function projectionsOf(modules: readonly Module[]): Module[][] {
  const sides = new Map<Module['p'], Module[]>();
  for (const module of modules) sides.set(module.p, [...(sides.get(module.p) ?? []), module]);
  return [...sides.values()].map((side) => side.sort((a, b) => a.column - b.column));
}

/** Whether the adapters of a projection can be one: of one rank and scale, side by side. */
function together(gpu: Gpu, side: readonly Module[]): boolean {
  const [{ p, rank, scale }] = side;
  const alike = side.every((m, i) => {
    const beside = i === 0 || m.column === side[i - 1].column + side[i - 1].N;
    return m.rank === rank && m.scale === scale && beside;
  });
  const widths = side.map(({ N }) => N);
  return alike && groups(gpu.caps, rank, p.K, widths);
}

/** The adapters of a projection as one, where their parameters, from `first` on, leave no gaps. */
function joined(parameters: Parameters, first: number, side: readonly Module[]): JoinedModules | undefined {
  const [{ p, rank }, G] = [side[0], side.length];
  const widths = side.map(({ N }) => N);
  const A = parameters.joined(first, first + G - 1, [G * rank, p.K]);
  const B = parameters.joined(first + G, first + 2 * G - 1, [widths.reduce((a, b) => a + b, 0), rank]);
  return A && B && { A, B, widths };
}

/** Kaiming's uniform with a = sqrt(5), nn.Linear's own: within ±1/sqrt(K). */
function drawn(rank: number, K: number, seed: number, site: number): Float32Array {
  const next = uniform(philox([site, 0, MATRICES, 0], keyOf(seed))[0]);
  const bound = 1 / Math.sqrt(K);
  return Float32Array.from({ length: rank * K }, () => (2 * next() - 1) * bound);
}

/** The matrices as they are now, as PEFT writes them. */
export async function adapterOf(t: Trainable, config: AdapterConfig): Promise<AdapterToWrite> {
  const modules = new Map<string, { A: Float32Array; B: Float32Array; r: number }>();
  const { gpu, all } = t.parameters;
  const byName = new Map(all.map((parameter) => [parameter.name, parameter]));
  for (const A of all) {
    if (!A.name.endsWith('.lora_A')) continue;
    const B = byName.get(A.name.replace(/lora_A$/, 'lora_B'))!;
    const [a, b] = [(await gpu.read(A.value)) as Float32Array, (await gpu.read(B.value)) as Float32Array];
    modules.set(A.name.slice(0, -'.lora_A'.length), { A: a, B: b, r: A.shape[0] });
  }
  return { config, modules };
}

/** adapter_config.json of new matrices. */
export const adapterConfig = (s: LoraSettings, base: string): AdapterConfig => ({
  peft_type: 'LORA',
  task_type: 'FEATURE_EXTRACTION',
  base_model_name_or_path: base,
  r: s.rank,
  lora_alpha: s.alpha,
  lora_dropout: s.dropout,
  use_rslora: s.rslora,
  target_modules: [...s.targets],
  bias: 'none',
  fan_in_fan_out: false,
  inference_mode: true,
});
