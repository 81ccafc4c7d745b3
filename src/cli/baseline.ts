/** `lacuna baseline`: the rankers without a language model that one must beat, as rows of the same report. */
import { type Command, Option } from 'commander';
import { identify, loadEedi } from '../data/eedi.ts';
import { checkPredictionPath, writePredictions } from '../data/predictions.ts';
import { UserError } from '../errors.ts';
import { judgePredictions, requireFold } from '../metrics/predictions.ts';
import { BASELINES, type Baseline, rankBaseline } from '../retrieve/baseline.ts';
import { ANALYZERS, type AnalyzerName } from '../retrieve/tfidf.ts';
import { natural } from './options.ts';
import { type Progress, progress } from './progress.ts';
import { formatReport } from './report.ts';

interface BaselineCommandOptions {
  data: string;
  method: Baseline;
  analyzer?: AnalyzerName;
  fold?: number;
  out?: string;
  json?: boolean;
}

export function baselineCommand(program: Command): void {
  program
    .command('baseline')
    .description('Rank with word counts or by the nearest labelled question, and score it: what a model must beat.')
    .requiredOption('--data <dir>', "labelled data in Eedi's columns: train.csv, misconception_mapping.csv")
    .addOption(new Option('--method <method>', 'how to rank').choices(BASELINES).default('tfidf'))
    .addOption(
      new Option('--analyzer <terms>', 'what TF-IDF counts (default: the best)').choices(Object.keys(ANALYZERS)),
    )
    .option('--fold <k>', 'rank and score the questions of this fold only', natural)
    .option('--out <file>', 'write the rankings: .parquet, .csv or .json')
    .option('--json', 'machine-readable output')
    .addHelpText(
      'after',
      `
Methods:
  tfidf     TF-IDF of the question's texts against the misconceptions' names; char (3-5 letters) by default
  bm25      Okapi BM25 of the same
  nearest   the misconceptions of the most similar labelled questions, never of the question's own fold
  combined  tfidf + 0.5 nearest

Examples:
  lacuna baseline --data eedi --method tfidf --fold 0
  lacuna baseline --data data/sample --method nearest --out preds.csv`,
    )
    .action(async ({ data: dir, method, analyzer, fold, out, json }: BaselineCommandOptions) => {
      if (method === 'bm25' && analyzer)
        throw new UserError('--analyzer goes with tfidf, nearest and combined, not with bm25');
      if (out) checkPredictionPath(out);
      const data = await loadEedi(dir);
      requireFold(data, fold);
      let bar: Progress | undefined;
      const rows = rankBaseline(data, {
        method,
        analyzer,
        fold,
        onProgress(done, total) {
          bar ??= progress(method, total, 'rows');
          bar.update(done);
        },
      });
      bar?.stop();
      if (out) await writePredictions(out, rows);
      const { report } = judgePredictions(data, rows, { fold, file: method });
      if (json) {
        process.stdout.write(
          `${JSON.stringify({ method, analyzer: analyzer ?? null, fold: fold ?? null, ...report })}\n`,
        );
        return;
      }
      const { description } = await identify(dir);
      const what = [method, analyzer, fold === undefined ? undefined : `fold ${fold}`].filter((part) => part);
      process.stdout.write(`${what.join(', ')} on ${dir} (${description})\n${formatReport(report, 25)}`);
      if (out) process.stdout.write(`${out}: ${rows.length} rankings\n`);
    });
}
