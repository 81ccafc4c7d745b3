/** The weights of a model whose tensors carry Hugging Face's names: plain, GPTQ or AWQ. */
import { UserError } from '../errors.ts';
import type { ModelConfig } from './config.ts';
import { denseShapes, linearShapes, needsBias } from './decoder_paths.ts';
import type { Quantization } from './quantization.ts';
import { quote } from './quote.ts';
import type { StoredDense, StoredLinear } from './stored.ts';
import { readTensor, type TensorInfo } from './tensor.ts';
import { checkTensor, storedDense, storedLinear, type Weights } from './weights.ts';

/** Where a file's tensors come from, for messages, and the tensors by their names in it. */
export interface NamedTensors {
  readonly name: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
}

/** Every weight the config asks for, shapes checked, act-order decided (which reads each g_idx). */
export async function safetensorsWeights(
  file: NamedTensors,
  config: ModelConfig,
  quantization: Quantization | undefined,
): Promise<Weights> {
  const find = finder(file);
  if (find(`layers.${config.layers}.input_layernorm.weight`))
    throw new UserError(`${file.name}: has more than the ${config.layers} layers that config.json names`);

  const dense = new Map<string, StoredDense>();
  for (const [path, shape] of denseShapes(config))
    dense.set(path, storedDense(path, need(file, find, `${path}.weight`), shape));

  const linears = new Map<string, StoredLinear>();
  const paths = [...linearShapes(config)];
  // A few at a time: each act-order decision is a small read, which over a network is a round trip.
  for (let i = 0; i < paths.length; i += 8) {
    const some = paths.slice(i, i + 8);
    const read = some.map(([path, { N, K }]) => linear(file, find, config, quantization, path, N, K));
    for (const stored of await Promise.all(read)) linears.set(stored.path, stored);
  }
  return { linears, dense };
}

type Find = (name: string) => TensorInfo | undefined;

/** Looks tensors up by their names in the bare model; in a causal LM's file they begin with "model.". */
function finder(file: NamedTensors): Find {
  const prefix = file.tensors.has('model.embed_tokens.weight') ? 'model.' : '';
  return (name) => file.tensors.get(name.startsWith('lm_head.') ? name : prefix + name);
}

function need(file: NamedTensors, find: Find, name: string): TensorInfo {
  const tensor = find(name);
  if (tensor) return tensor;
  const some = [...file.tensors.keys()].slice(0, 3).map(quote).join(', ');
  throw new UserError(`${file.name}: has no tensor ${quote(name)}; it begins with ${some || 'none at all'}`);
}

async function linear(
  file: NamedTensors,
  find: Find,
  config: ModelConfig,
  quantization: Quantization | undefined,
  path: string,
  N: number,
  K: number,
): Promise<StoredLinear> {
  const biasTensor = needsBias(config, path) ? need(file, find, `${path}.bias`) : find(`${path}.bias`);
  const bias = biasTensor && storedDense(`${path}.bias`, biasTensor, [N]);
  const weight = find(`${path}.weight`);
  const packed = find(`${path}.qweight`);
  if (weight && packed)
    throw new UserError(`${file.name}: ${path} has both a weight and a qweight; keep the one that is meant`);
  // Quantised models keep some linears, mostly lm_head, as they were.
  if (!packed) return storedLinear(path, weight ?? need(file, find, `${path}.weight`), N, K, bias);
  if (!quantization)
    throw new UserError(`${file.name}: ${quote(packed.name)} is packed, but config.json has no quantization_config`);

  if (N % 8 !== 0 || K % 8 !== 0)
    throw new UserError(
      `${packed.source.name}: ${quote(packed.name)}: ${K} inputs and ${N} outputs are not multiples of 8`,
    );
  const group = quantization.groupSize === -1 ? K : quantization.groupSize;
  const groups = Math.ceil(K / group);
  const qzeros = checkTensor(need(file, find, `${path}.qzeros`), 'I32', [groups, N / 8]);
  const scales = checkTensor(need(file, find, `${path}.scales`), 'F16', [groups, N]);
  if (quantization.method === 'awq') {
    const qweight = checkTensor(packed, 'I32', [K, N / 8]);
    return { path, N, K, bias, kind: 'awq', group, qweight, qzeros, scales };
  }
  const qweight = checkTensor(packed, 'I32', [K / 8, N]);
  const order = find(`${path}.g_idx`);
  const gIdx = order && (await isActOrder(checkTensor(order, 'I32', [K]), group)) ? order : undefined;
  return { path, N, K, bias, kind: 'gptq', group, zeroBias: quantization.zeroBias, qweight, qzeros, scales, gIdx };
}

/**
 * Whether g_idx says something else than floor(k / group). UserError where it leaves the groups, or fills them
 * unevenly: the run-time layout sorts inputs by group, and takes groups of one size.
 */
async function isActOrder(gIdx: TensorInfo, group: number): Promise<boolean> {
  const K = gIdx.shape[0];
  const values = new Int32Array((await readTensor(gIdx)).buffer);
  const counts = new Uint32Array(Math.ceil(K / group));
  let ordered = true;
  for (let k = 0; k < K; k++) {
    const g = values[k];
    if (!(g >= 0 && g < counts.length))
      throw new UserError(
        `${gIdx.source.name}: ${quote(gIdx.name)} puts input ${k} into group ${g}; there are ${counts.length} groups`,
      );
    counts[g]++;
    ordered &&= g === Math.floor(k / group);
  }
  if (ordered) return false;
  for (let g = 0; g < counts.length; g++) {
    const size = Math.min(group, K - g * group);
    if (counts[g] !== size)
      throw new UserError(
        `${gIdx.source.name}: ${quote(gIdx.name)} puts ${counts[g]} inputs into group ${g}, which takes ${size}`,
      );
  }
  return true;
}
