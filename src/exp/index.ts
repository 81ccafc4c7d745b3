/** The experiments by name. */
import { UserError } from '../errors.ts';
import { quote } from '../formats/quote.ts';
import { exp010 } from './exp010.ts';
import { inferGen } from './exp010_infer_gen.ts';
import { exp012 } from './exp012.ts';
import type { Experiment } from './experiment.ts';

export { inferGen } from './exp010_infer_gen.ts';
export { type Experiment, PRESETS, type Preset, settingsOf } from './experiment.ts';

/** Those that train a retriever. */
export const experiments: readonly Experiment[] = [exp010, exp012];

/** The experiment of that name, or undefined for exp010_infer_gen, which trains nothing. Throws a UserError that lists all. */
export function experimentNamed(name: string): Experiment | undefined {
  const found = experiments.find((e) => e.name === name);
  if (found || name === inferGen.name) return found;
  const names = [...experiments, inferGen].map((e) => e.name).join(', ');
  throw new UserError(`${quote(name)} is no experiment: there are ${names} (lacuna train --list explains them)`);
}
