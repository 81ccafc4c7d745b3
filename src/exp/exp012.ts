/** exp012: exp010 with more negatives. The published solution trained a second retriever so, to average with the first. */
import { asPublished, ours } from './exp010.ts';
import type { Experiment } from './experiment.ts';

export const exp012: Experiment = {
  name: 'exp012',
  about: 'exp010 with 256 negatives a step',
  asPublished: {
    ...asPublished,
    negatives: [256, 'a harder choice: the softmax is over some 270 passages instead of 110'],
  },
  ours,
};
