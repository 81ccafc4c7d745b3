/** Tokens a second of whole forward passes, for published shapes with random int4 weights, and where the time goes. */
import type { Gpu } from '../gpu/gpu.ts';
import { profileLines } from '../gpu/recorder.ts';
import { SHAPES, syntheticModel } from '../model/synthetic.ts';
import type { Tokenizer } from '../model/tokenizer.ts';
import { Embedder } from './embedder.ts';
import { forwardFlops } from './estimate.ts';

/** Shapes, sequences and lengths of the benchmark; software drivers get the smallest alone. */
const CASES: readonly [model: keyof typeof SHAPES, sequences: number, length: number, activations?: 'int8'][] = [
  ['SmolLM2-135M', 16, 144],
  ['SmolLM2-135M', 64, 144],
  ['Qwen2.5-0.5B', 16, 144],
  ['Qwen2.5-0.5B', 16, 144, 'int8'],
  ['Qwen2.5-0.5B', 64, 144],
  ['Qwen2.5-0.5B', 64, 144, 'int8'],
  ['Qwen2.5-1.5B', 16, 144],
  ['Qwen2.5-7B', 16, 144],
  ['Qwen2.5-7B', 64, 92],
  ['Qwen2.5-7B', 64, 92, 'int8'],
];

/** Benchmarks need ids, not text. */
const noTokenizer: Tokenizer = {
  encode: () => new Uint32Array(),
  decode: () => '',
  vocabSize: 1024,
  tokenId: () => undefined,
  eosIds: [],
};

export async function forwardBench(gpu: Gpu, print: (line: string) => void, only = ''): Promise<void> {
  const cases = CASES.filter(([name, , , form]) => name.includes(only) && (!form || gpu.caps.matrixI8));
  for (const [name, n, length, form] of gpu.description.software ? cases.slice(0, 1) : cases) {
    const config = SHAPES[name];
    const model = syntheticModel(gpu, config, 128 <= config.hiddenSize && config.hiddenSize % 128 === 0 ? 128 : 32);
    const embedder = await Embedder.create(gpu, model, noTokenizer, {
      maxLength: 288,
      batchTokens: Math.max(288, n * length),
      activations: form,
    });
    const tokens = Array.from({ length: n }, (_, s) =>
      Uint32Array.from({ length }, (_, i) => (s * 7919 + i * 31) % 1024),
    );
    const vectors = await embedder.embedTokens(tokens);
    if (!vectors.every(Number.isFinite)) throw new Error(`${name}: the forward pass gave numbers that are not finite`);
    // Ten batches back to back, twice over to warm up: the GPU idles at a fraction of its clock.
    const many = Array.from({ length: 10 }, () => tokens).flat();
    for (let i = 0; i < (gpu.description.software ? 0 : 2); i++) await embedder.embedTokens(many);
    const samples: number[] = [];
    for (let i = 0; i < (gpu.description.software ? 1 : 5); i++) {
      const began = performance.now();
      await embedder.embedTokens(many);
      samples.push((performance.now() - began) / 1e3);
    }
    const seconds = samples.sort((a, b) => a - b)[samples.length >> 1];
    const total = many.length * length;
    const flops = forwardFlops(
      config,
      many.map(() => length),
    );
    print(
      `${name.padEnd(14)} int4${form ? ', activations int8' : ''}, ${n} x ${length}: ${Math.round(total / seconds)} tokens/s, ${(flops / seconds / 1e12).toFixed(1)} TFLOP/s, ${((1e3 * seconds) / 10).toFixed(2)} ms a batch`,
    );
    if (gpu.caps.timestamps) for (const line of profileLines(await embedder.profile(tokens))) print(`    ${line}`);
    embedder.free();
  }
}
