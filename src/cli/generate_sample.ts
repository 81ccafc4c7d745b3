/** `lacuna generate-sample`: questions in any number for the sample taxonomy, in the files of a data folder. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { readQuestions, readTaxonomy } from '../data/eedi.ts';
import { UserError } from '../errors.ts';
import { writeFiles } from '../formats/atomic_file.ts';
import { SPLITS, type Split } from '../generate/draw.ts';
import { eediFiles } from '../generate/eedi_files.ts';
import { generate } from '../generate/generate.ts';
import { natural, positive } from './options.ts';
import { type Progress, progress } from './progress.ts';
import { sampleFolder, sampleTaxonomy } from './sample_folder.ts';

interface GenerateSampleOptions {
  n: number;
  seed: number;
  split: Split;
  out: string;
  force?: boolean;
  json?: boolean;
}

/** Beyond this the kinds of question repeat themselves more than they add. */
const MOST = 1_000_000;
/** Seeds are 32 bits wide. */
const SEEDS = 2 ** 32;

export function generateSampleCommand(program: Command): void {
  program
    .command('generate-sample')
    .description('Write multiple-choice questions whose wrong answers are computed by applying misconceptions.')
    .option('--n <count>', 'how many questions', positive, 20_000)
    .option('--seed <s>', 'the same seed gives the same files', natural, 1)
    .addOption(
      new Option('--split <split>', 'held-out: phrasings, names and things that train never uses')
        .choices(SPLITS)
        .default('train'),
    )
    .requiredOption('--out <dir>', 'folder for train.csv, misconception_mapping.csv and folds.csv')
    .option('--force', 'write over a train.csv that is there')
    .option('--json', 'machine-readable output')
    .addHelpText(
      'after',
      `
The files have Eedi's columns, and every command with --data reads the folder. The taxonomy is that of data/sample;
no question has both the numbers and the correct answer of one of data/sample, which so stays a test.

Examples:
  lacuna generate-sample --n 20000 --seed 1 --out generated
  lacuna generate-sample --n 2000 --seed 2 --split held-out --out generated-test
  lacuna baseline --data generated-test --method tfidf`,
    )
    .action(async ({ n, seed, split, out, force, json }: GenerateSampleOptions) => {
      if (n > MOST) throw new UserError(`--n ${n}: at most ${MOST}`);
      if (seed >= SEEDS) throw new UserError(`--seed ${seed}: must be below ${SEEDS}`);
      if (!force && existsSync(join(out, 'train.csv')))
        throw new UserError(
          `${join(out, 'train.csv')} is there already: name another folder, or write over it with --force`,
        );
      const taxonomy = await readTaxonomy(sampleTaxonomy());
      const exclude = await readQuestions(join(sampleFolder(), 'train.csv'), taxonomy);
      let bar: Progress | undefined;
      const began = performance.now();
      const questions = generate({
        n,
        seed,
        split,
        exclude,
        onProgress(done) {
          bar ??= progress('generate', n, 'questions');
          if (done % 100 === 0) bar.update(done);
        },
      });
      bar?.stop();
      const files = eediFiles(questions, taxonomy);
      await writeFiles([...files].map(([name, text]) => ({ path: join(out, name), chunks: [text] })));
      const seconds = (performance.now() - began) / 1000;

      const used = questions.flatMap(({ labels }) => Object.values(labels));
      const misconceptions = new Set(used).size;
      const report = { out, split, seed, questions: n, labels: used.length, misconceptions, seconds };
      if (json) process.stdout.write(`${JSON.stringify(report)}\n`);
      else
        process.stdout.write(
          `${out}: ${n} questions (${split}, seed ${seed}), ${used.length} labels, ${misconceptions} of ${taxonomy.ids.length} misconceptions, ${seconds.toFixed(1)} s\n`,
        );
    });
}
