/** From a data folder to what the trainer takes: token ids of the training rows, of the held-out ones, and of every name. */
import { type EediData, loadEedi, type Pair } from '../data/eedi.ts';
import { passageText, queryParts, queryText } from '../data/prompt.ts';
import { UserError } from '../errors.ts';
import type { Tokenizer } from '../model/tokenizer.ts';
import type { TrainingData } from './events.ts';
import { checkFold, type Settings } from './settings.ts';

export interface DataOptions {
  /** The fold that is held out. Without one every row is trained on and nothing is measured. */
  fold?: number;
  /** Leaves rationales.csv out, in training and in validation. */
  withoutRationales?: boolean;
  /** The longest text that the model takes. */
  maxPositions: number;
}

export interface PreparedData {
  data: TrainingData;
  eedi: EediData;
  /** The held-out rows, in the order of `data.validation`. */
  heldOut: Pair[];
  /** Training texts that are longer than their lengths let through. */
  cut: { queries: number; passages: number };
}

/**
 * Reads a folder in Eedi's columns and tokenizes it: queries and passages cut to queryLength and passageLength for
 * training, to evalLength for ranking. Throws a UserError for what loadEedi refuses, for a fold that the data has not,
 * where nothing is left to train on or to measure with, for a name without a token and for texts longer than the
 * model's positions.
 */
export async function prepareData(
  dir: string,
  tokenizer: Tokenizer,
  settings: Pick<Settings, 'queryLength' | 'passageLength' | 'evalLength'>,
  { fold, withoutRationales, maxPositions }: DataOptions,
): Promise<PreparedData> {
  const eedi = await loadEedi(dir);
  const { pairs, taxonomy, folds } = eedi;
  if (fold !== undefined) checkFold(fold, folds);
  const heldOut = fold === undefined ? [] : pairs.filter((pair) => pair.fold === fold);
  const training = fold === undefined ? pairs : pairs.filter((pair) => pair.fold !== fold);
  if (training.length === 0)
    throw new UserError(`${dir}: every labelled row is of fold ${fold}: none is left to train on`);
  if (fold !== undefined && heldOut.length === 0)
    throw new UserError(`${dir}: fold ${fold} has no labelled row: hold out another`);

  const rowOf = new Map(taxonomy.ids.map((id, row) => [id, row]));
  const labelsOf = (some: readonly Pair[]) => some.map(({ label }) => rowOf.get(label!)!);
  const encode = (pair: Pair) => tokenizer.encode(queryText(queryParts(pair, { rationale: !withoutRationales })));
  const [queries, held] = [training.map(encode), heldOut.map(encode)];
  const passages = taxonomy.names.map((name) => tokenizer.encode(passageText(name)));
  const empty = passages.findIndex((ids) => ids.length === 0);
  if (empty >= 0)
    throw new UserError(`${dir}: the name of misconception ${taxonomy.ids[empty]} gives no token with this model`);

  const { queryLength, passageLength, evalLength } = settings;
  const shortened = (texts: readonly Uint32Array[], length: number, name: string) => {
    const longest = texts.reduce((n, ids) => Math.max(n, Math.min(ids.length, length)), 0);
    if (longest > maxPositions)
      throw new UserError(
        `--set ${name}=${length}: a text has ${longest} tokens, and this model was made for ${maxPositions}: set ${name}=${maxPositions}`,
      );
    return texts.map((ids) => ids.subarray(0, length));
  };
  const labels = labelsOf(training);
  const known = new Set(labels);
  const longer = (texts: readonly Uint32Array[], length: number) => texts.filter((ids) => ids.length > length).length;
  const judgedBy = labelsOf(heldOut);
  return {
    data: {
      queries: shortened(queries, queryLength, 'queryLength'),
      labels,
      passages: shortened(passages, passageLength, 'passageLength'),
      validation: heldOut.length
        ? {
            queries: shortened(held, evalLength, 'evalLength'),
            labels: judgedBy,
            seen: judgedBy.map((label) => known.has(label)),
            passages: shortened(passages, evalLength, 'evalLength'),
          }
        : undefined,
    },
    eedi,
    heldOut,
    cut: { queries: longer(queries, queryLength), passages: longer(passages, passageLength) },
  };
}
