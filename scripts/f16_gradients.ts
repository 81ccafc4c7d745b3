/**
 * How far f16 moves a training step's gradients from f32's, on a real model with an adapter that has learnt something:
 *
 *   node scripts/run.mjs scripts/f16_gradients.ts MODEL.gguf ADAPTER DATA
 *
 * Three training rows of DATA (at most 110 tokens of each), seven passages, no dropout, one step at the tiers `portable`
 * (f32) and `subgroup` (f16, at the loss scale that such a run settles at). Minutes on a software driver.
 */
import process from 'node:process';
import { exp010 } from '../src/exp/exp010.ts';
import { settingsOf } from '../src/exp/experiment.ts';
import { openCheckpoint } from '../src/formats/checkpoint_file.ts';
import { readAdapter } from '../src/formats/peft.ts';
import { Gpu } from '../src/gpu/gpu.ts';
import { loadModel } from '../src/model/load.ts';
import { tokenizerOf } from '../src/model/tokenizer_of.ts';
import { prepareData } from '../src/train/data.ts';
import { continuedLora } from '../src/train/lora_weights.ts';
import { createStep } from '../src/train/step.ts';

const [modelPath, adapterPath, dataPath] = process.argv.slice(2);
if (!dataPath) {
  console.error('usage: node scripts/run.mjs scripts/f16_gradients.ts MODEL.gguf ADAPTER DATA');
  process.exit(2);
}
const [QUERIES, PASSAGES, LENGTH, LOSS_SCALE] = [3, 7, 110, 1024];

async function gradients(tier: 'subgroup' | 'portable', lossScale: number): Promise<Map<string, Float32Array>> {
  const gpu = await Gpu.open({ tier });
  const checkpoint = await openCheckpoint(modelPath);
  const settings = { ...settingsOf(exp010, 'default'), queryLength: LENGTH };
  const { data } = await prepareData(dataPath, tokenizerOf(checkpoint), settings, {
    withoutRationales: true,
    maxPositions: checkpoint.config.maxPositions,
  });
  const rows = [...new Set([...data.labels.slice(0, QUERIES), ...data.passages.keys()])].slice(0, PASSAGES);
  const [queries, passages] = [data.queries.slice(0, QUERIES), rows.map((row) => data.passages[row])];
  const chunkTokens = [...queries, ...passages].reduce((n, ids) => n + ids.length, 0);
  const trainable = await continuedLora(
    gpu,
    await loadModel(gpu, checkpoint, { exact: true }),
    await readAdapter(adapterPath, checkpoint.config),
  );
  const step = await createStep(gpu, trainable, {
    ...{ beta1: 0.9, beta2: 0.95, eps: 1e-8, clip: 0, scale: 20, seed: 1, dropout: 0 },
    ...{ queries: QUERIES, passages: rows.length, chunkTokens, keep: true, maxLength: 288 },
  });
  const targets = data.labels.slice(0, QUERIES).map((label) => rows.indexOf(label));
  const at = { lr: 0, weightDecay: 0, updates: 0, step: 0, lossScale };
  const { loss } = await step.run({ queries, passages, targets, ...at });
  console.log(`${tier}, loss scale ${lossScale}: ${chunkTokens} tokens, loss ${loss.toFixed(6)}`);
  const found = new Map<string, Float32Array>();
  for (const { name, gradient } of trainable.parameters.all)
    found.set(
      name,
      ((await gpu.read(gradient)) as Float32Array).map((v) => v / lossScale),
    );
  gpu.close();
  return found;
}

const exact = await gradients('portable', 1);
const rounded = await gradients('subgroup', LOSS_SCALE);
let [all, norm] = [0, 0];
const errors = [...exact].map(([name, values]) => {
  let [squared, own] = [0, 0];
  values.forEach((v, i) => {
    squared += (v - rounded.get(name)![i]) ** 2;
    own += v ** 2;
  });
  [all, norm] = [all + squared, norm + own];
  return { name, error: Math.sqrt(squared / own) };
});
errors.sort((a, b) => b.error - a.error);
const [worst, median] = [errors[0], errors[errors.length >> 1]];
console.log(
  `all gradients together ${Math.sqrt(all / norm).toFixed(5)}, median of matrices ${median.error.toFixed(5)}, worst ${worst.error.toFixed(5)} (${worst.name})`,
);
process.exit(0);
