/** An experiment is a page of settings, each with a sentence on why: what `lacuna train --list` prints, and what is run. */
import type { SettingName, Settings } from '../train/settings.ts';

export const PRESETS = ['default', 'as-published'] as const;
export type Preset = (typeof PRESETS)[number];

/** A setting's value, and why it is that. */
type Reasoned<T> = readonly [value: T, why: string];

/** Every setting, as published. */
export type Recipe = { readonly [N in SettingName]: Reasoned<Settings[N]> };

/** Settings that differ here unless `--preset as-published` is given. */
export type Changes = { readonly [N in SettingName]?: Reasoned<Settings[N]> };

/** The training of a retriever. */
export interface Experiment {
  name: string;
  /** In one sentence. */
  about: string;
  asPublished: Recipe;
  ours: Changes;
}

/** What a preset of an experiment sets. */
export function settingsOf({ asPublished, ours }: Experiment, preset: Preset): Settings {
  const recipe = preset === 'default' ? { ...asPublished, ...ours } : asPublished;
  return Object.fromEntries(Object.entries(recipe).map(([name, [value]]) => [name, value])) as Settings;
}
