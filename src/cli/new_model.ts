/** `lacuna new-model`: a model folder with a tokenizer learnt from generated questions and weights to train from. */

import { join } from 'node:path';
import process from 'node:process';
import { type Command, Option } from 'commander';
import { readTaxonomy } from '../data/eedi.ts';
import { queryText } from '../data/prompt.ts';
import { UserError } from '../errors.ts';
import { writeFiles } from '../formats/atomic_file.ts';
import { safetensorsFile } from '../formats/safetensors_write.ts';
import { generate } from '../generate/generate.ts';
import { configJson, configOf, newWeights, SHAPES, type Shape, sizesOf } from '../model/pocket/new_model.ts';
import { trainTokenizer } from '../model/pocket/tokenizer.ts';
import { natural, positive } from './options.ts';
import { checkOutput, cleanUpOnInterrupt } from './output.ts';
import { sampleTaxonomy } from './sample_folder.ts';

interface NewModelOptions extends Partial<Shape> {
  shape: keyof typeof SHAPES;
  out: string;
  seed: number;
  force?: boolean;
  json?: boolean;
}

/** Questions that the tokenizer is learnt from: enough for every phrasing, and no more than a few seconds. */
const QUESTIONS = 6000;

/** The option for each number of a shape, with what it must be a multiple of. */
const NUMBERS: Record<keyof Shape, { flag: string; multiple: number; about: string }> = {
  hiddenSize: { flag: '--hidden-size', multiple: 32, about: 'numbers a token' },
  layers: { flag: '--layers', multiple: 1, about: 'layers' },
  heads: { flag: '--heads', multiple: 1, about: 'attention heads' },
  kvHeads: { flag: '--kv-heads', multiple: 1, about: 'heads of keys and values' },
  headDim: { flag: '--head-dim', multiple: 32, about: 'numbers a head' },
  ffnSize: { flag: '--ffn-size', multiple: 32, about: 'numbers within the MLP' },
  vocabSize: { flag: '--vocab-size', multiple: 32, about: 'tokens' },
};
const FIELDS = Object.keys(NUMBERS) as (keyof Shape)[];

export function newModelCommand(program: Command): void {
  const command = program
    .command('new-model')
    .description('Make a small untrained model: a tokenizer learnt from generated questions, and random weights.')
    .addOption(new Option('--shape <name>', 'its shape').choices(Object.keys(SHAPES)).default('pocket'))
    .requiredOption('--out <dir>', 'the model folder to write')
    .option('--seed <s>', 'of the questions and the weights: the same seed gives the same files', natural, 1);
  for (const field of FIELDS)
    command.option(`${NUMBERS[field].flag} <n>`, `${NUMBERS[field].about} (default: the shape's)`, positive);
  command
    .option('--force', 'write over what is there')
    .option('--json', 'machine-readable output')
    .addHelpText(
      'after',
      `
The tokenizer reads the texts that queries and passages are made of: questions of generate-sample and the names of
data/sample. The model answers at random until \`lacuna train\` has trained it.

Examples:
  lacuna new-model --shape pocket --seed 1 --out runs/pocket-0
  lacuna new-model --layers 8 --ffn-size 640 --out runs/deeper-0 --json
  lacuna rank --model runs/pocket-0 --taxonomy data/sample/misconception_mapping.csv \\
    --question 'What is 1/2 + 1/3?' --correct '5/6' --incorrect '2/5'`,
    )
    .action(async (o: NewModelOptions) => {
      const shape = checkedShape(o);
      await checkOutput(o.out, 'folder', [], o.force);
      cleanUpOnInterrupt();
      const texts = await trainingTexts(o.seed);
      const tokenizer = trainTokenizer(texts, shape.vocabSize);
      if (tokenizer.vocabSize < shape.vocabSize)
        throw new UserError(`--vocab-size ${shape.vocabSize}: the texts give only ${tokenizer.vocabSize} tokens`);
      const config = configOf(shape, tokenizer.endId);
      await writeFiles([
        safetensorsFile(join(o.out, 'model.safetensors'), newWeights(config, o.seed), { format: 'pt' }),
        { path: join(o.out, 'config.json'), chunks: [configJson(config)] },
        { path: join(o.out, 'tokenizer.json'), chunks: [tokenizer.tokenizerJson] },
        { path: join(o.out, 'tokenizer_config.json'), chunks: [tokenizer.tokenizerConfig] },
      ]);
      const sizes = sizesOf(config);
      if (o.json) {
        process.stdout.write(`${JSON.stringify({ out: o.out, seed: o.seed, ...shape, ...sizes })}\n`);
        return;
      }
      const millions = (n: number) => `${(n / 1e6).toFixed(2)} million`;
      process.stdout.write(
        [
          `shape        ${FIELDS.map((field) => `${NUMBERS[field].flag.slice(2)} ${shape[field]}`).join(', ')}`,
          `parameters   ${millions(sizes.parameters)}: linears ${millions(sizes.linear)}, embedding ${millions(sizes.embedding)}`,
          `as int4      ${(sizes.int4Bytes / 1e6).toFixed(2)} MB: linears in Q4_1, embedding in Q8_0, without the tokenizer`,
          `${o.out}: untrained, seed ${o.seed}`,
          '',
        ].join('\n'),
      );
    });
}

/** The named shape with what the options change, or a UserError that names the option. */
function checkedShape(o: NewModelOptions): Shape {
  const shape = { ...SHAPES[o.shape] };
  for (const field of FIELDS) {
    const { flag, multiple } = NUMBERS[field];
    const value = o[field];
    if (value === undefined) continue;
    if (value % multiple !== 0) throw new UserError(`${flag} ${value}: must be a multiple of ${multiple}`);
    shape[field] = value;
  }
  if (shape.heads % shape.kvHeads !== 0)
    throw new UserError(`--kv-heads ${shape.kvHeads}: must divide --heads ${shape.heads}`);
  if (shape.vocabSize < 288) throw new UserError(`--vocab-size ${shape.vocabSize}: must be at least 288`);
  return shape;
}

/** Queries of generated questions, half of them with nothing but question and answers, and the taxonomy's names. */
async function trainingTexts(seed: number): Promise<string[]> {
  const taxonomy = await readTaxonomy(sampleTaxonomy());
  const queries = generate({ n: QUESTIONS, seed }).map(({ text, answers, correct, labels, construct, subject }) => {
    const [letter] = Object.keys(labels) as (keyof typeof answers)[];
    return queryText({ question: text, correct: answers[correct], incorrect: answers[letter], construct, subject });
  });
  // The names are few beside the questions, and every passage is one of them.
  const weight = Math.ceil(QUESTIONS / taxonomy.names.length);
  return [...queries, ...Array.from({ length: weight }, () => taxonomy.names).flat()];
}
