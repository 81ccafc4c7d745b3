/** `lacuna demo`: three worked examples from the sample data, ranked by a model and, beside it, by TF-IDF. */
import type { Command } from 'commander';
import { loadEedi } from '../data/eedi.ts';
import { plainText, queryParts, queryText } from '../data/prompt.ts';
import type { Pair } from '../data/questions.ts';
import { DEFAULT_MAX_LENGTH } from '../infer/embedder.ts';
import { Ranker } from '../retrieve/ranker.ts';
import { fitTfidf } from '../retrieve/tfidf.ts';
import { adapterLine } from './diagnosis.ts';
import { example, type Listed } from './example.ts';
import { locateModel, readyEmbedder } from './options.ts';
import { embedPassages } from './rank.ts';
import { sampleFolder } from './sample_folder.ts';

const MODEL = 'pocket';
const TOP = 5;

/** Wrong options of data/sample, described in its README. */
const EXAMPLES: readonly (readonly [questionId: number, answer: string])[] = [
  [25, 'C'],
  [69, 'C'],
  [135, 'D'],
];

export function demoCommand(program: Command): void {
  program
    .command('demo')
    .description('Rank three worked examples against the sample taxonomy, beside TF-IDF.')
    .option('--model <model>', 'another model than the one that comes with lacuna', MODEL)
    .addHelpText('after', '\nExamples:\n  lacuna demo\n  lacuna demo --model smollm2-135m')
    .action(async ({ model }: { model: string }) => {
      const data = await loadEedi(sampleFolder());
      const { ids, names } = data.taxonomy;
      const pairs = EXAMPLES.map(([id, answer]) => data.pairs.find((p) => p.questionId === id && p.answer === answer)!);
      const path = await locateModel(model);

      const options = { model, maxLength: DEFAULT_MAX_LENGTH, pooling: 'last', cache: true } as const;
      const embedder = await readyEmbedder(path, options);
      const { description, caps } = embedder.gpu;
      process.stdout.write(`adapter  ${adapterLine(description, caps.tier)}\nmodel    ${path}\n`);
      // Names and questions go through one cache, so that the second run embeds nothing.
      const queries = pairs.map((pair) => queryText(queryParts(pair)));
      const vectors = await embedPassages(embedder, [...names, ...queries], path, options);
      const split = names.length * embedder.dimensions;
      const ranker = await Ranker.create(embedder.gpu, vectors.subarray(0, split), embedder.dimensions, names.length);
      const rankings = await ranker.rank(vectors.subarray(split));

      const corpus = data.pairs.map((pair) => plainText(queryParts(pair)));
      const tfidf = fitTfidf(names, { corpus });
      const words = tfidf.rank(
        pairs.map((pair) => plainText(queryParts(pair))),
        names.length,
      );

      const width = Math.min(140, process.stdout.columns ?? 100);
      const list = (pair: Pair, { indices }: { indices: ArrayLike<number> }): Listed => {
        const order = Array.from(indices);
        return {
          top: order.slice(0, TOP).map((row) => ({ id: ids[row], name: names[row] })),
          place: 1 + order.indexOf(ids.indexOf(pair.label!)),
        };
      };
      pairs.forEach((pair, i) => {
        const sides = { model: list(pair, rankings[i]), words: list(pair, words[i]) };
        process.stdout.write(`\n${example(i + 1, pair, data.taxonomy, model, sides, width)}`);
      });
      process.stdout.write(`\n${model === MODEL ? CAVEAT : UNTRAINED}`);
    });
}

const CAVEAT = `* marks the misconception behind the answer. ${MODEL} is a small model that lacuna trained on questions
which it generates itself (lacuna generate-sample); these three are not among them. TF-IDF compares letters alone.
`;

const UNTRAINED = `* marks the misconception behind the answer. A model that was never trained for this task ranks hardly better than
a guess; TF-IDF compares letters alone and is the bar to clear. \`lacuna train\` trains one, and --adapter takes it:
  npx lacuna rank --model MODEL --adapter DIR --taxonomy data/sample/misconception_mapping.csv \\
    --input data/sample/train.csv --out predictions.csv
`;
