/** The plan's weights are the bytes that a run's base takes once it is loaded. */
import { expect, test } from 'vitest';
import { goldenPath } from '../../test/golden/golden.ts';
import { describeGpus } from '../../test/gpus.ts';
import { exp010 } from '../exp/exp010.ts';
import { settingsOf } from '../exp/experiment.ts';
import { openCheckpoint } from '../formats/checkpoint_file.ts';
import { loadModel } from '../model/load.ts';
import { freeModel, projections } from '../model/weights.ts';
import type { TrainingData } from './events.ts';
import { planTraining } from './plan.ts';
import { tokensOf } from './tokens.ts';

const ids = (...texts: number[][]) => texts.map((text) => Uint32Array.from(text));

const DATA: TrainingData = {
  queries: ids([9, 3, 3], [60, 4]),
  labels: [0, 1],
  passages: ids([3, 9], [5], [11, 12]),
  validation: { queries: ids([64, 3]), labels: [2], seen: [false], passages: ids([3, 9], [5, 66], [11, 12]) },
};

test('tokens are those of all texts, in order, each once', () => {
  expect([...tokensOf(DATA)]).toEqual([3, 4, 5, 9, 11, 12, 60, 64, 66]);
  expect([...tokensOf({ ...DATA, validation: undefined })]).toEqual([3, 4, 5, 9, 11, 12, 60]);
});

describeGpus('the plan of a run', (gpu) => {
  test.each(['qwen2-f32', 'qwen2-bf16', 'gptq-act-order', 'gguf-q4_0', 'gguf-mixed', 'gguf-q8_0'])(
    '%s',
    async (name) => {
      const g = gpu();
      const checkpoint = await openCheckpoint(goldenPath(name));
      const settings = { ...settingsOf(exp010, 'default'), batch: 2 };
      const tokens = tokensOf(DATA);
      const options = { tokens: tokens.length, chunkTokens: 16, keepBytes: 0 };
      const plan = (train: 'lora' | 'all') =>
        planTraining(checkpoint, g.caps, DATA, settings, { train, ...options }).bytes.weights;
      const before = g.allocated;
      const model = await loadModel(g, checkpoint, { exact: true, tokens });
      // Norms, biases and act-order's permutations are too small to be planned.
      const small = model.layers.flatMap((layer) => [
        ...[layer.inputNorm, layer.postNorm],
        ...projections(layer).flatMap((p) =>
          p.parts.flatMap(({ bias, weight }) => [bias, weight.kind === 'q4' ? weight.perm : undefined]),
        ),
      ]);
      const rest = [model.norm, ...small].reduce((n, t) => n + (t?.bytes ?? 0), 0);
      expect(plan('lora')).toBe(g.allocated - before - rest);
      freeModel(g, model);
      await checkpoint.close();
    },
  );
});
