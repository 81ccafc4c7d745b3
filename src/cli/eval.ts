/** `lacuna eval`: a predictions file against labelled data. */
import type { Command } from 'commander';
import { identify, loadEedi } from '../data/eedi.ts';
import { readPredictions } from '../data/predictions.ts';
import { judgePredictions } from '../metrics/predictions.ts';
import { natural, positive } from './options.ts';
import { formatReport } from './report.ts';

interface EvalOptions {
  predictions: string;
  data: string;
  fold?: number;
  k: number;
  json?: boolean;
}

export function evalCommand(program: Command): void {
  program
    .command('eval')
    .description('Score predictions: MAP@25 and recall@25, for all, seen and unseen misconceptions.')
    .requiredOption('--predictions <file>', '.parquet, .csv or .json with MisconceptionId, pred, QuestionId, ans')
    .requiredOption('--data <dir>', "labelled data in Eedi's columns: train.csv, misconception_mapping.csv")
    .option('--fold <k>', 'score the questions of this fold only', natural)
    .option('--k <n>', 'score the first n of every ranking', positive, 25)
    .option('--json', 'machine-readable output')
    .addHelpText(
      'after',
      `
A misconception is seen where a question of another fold is labelled with it: a model trained on those folds knew it.
The intervals are the middle 95 % of 2,000 bootstrap samples of the rows.

Example:
  lacuna eval --predictions preds.parquet --data eedi --fold 0`,
    )
    .action(async ({ predictions, data: dir, fold, k, json }: EvalOptions) => {
      const rows = await readPredictions(predictions);
      const data = await loadEedi(dir);
      const { report, missing, unlabelled } = judgePredictions(data, rows, { fold, k, file: predictions });
      if (json) {
        process.stdout.write(`${JSON.stringify({ ...report, missing, unlabelled })}\n`);
        return;
      }
      const { description } = await identify(dir);
      process.stdout.write(`${dir} (${description})${fold === undefined ? '' : `, fold ${fold}`}\n`);
      process.stdout.write(formatReport(report, k));
      const where = fold === undefined ? '' : ` of fold ${fold}`;
      if (missing > 0)
        process.stderr.write(`${missing} labelled pairs${where} have no prediction and are not scored\n`);
      if (unlabelled > 0)
        process.stderr.write(`${unlabelled} predictions are for options without a label and are not scored\n`);
    });
}
