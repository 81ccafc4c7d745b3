/** `lacuna train --list`: what the experiments are, as data and as text. */
import { type Experiment, experiments, inferGen, PRESETS, settingsOf } from '../exp/index.ts';
import { describeSetting, settingNames } from '../train/settings.ts';

/** The experiments as data: every setting of every preset, with its meaning and its reason. */
export function listing() {
  return [
    ...experiments.map((e) => ({
      name: e.name,
      about: e.about,
      presets: Object.fromEntries(PRESETS.map((preset) => [preset, settingsOf(e, preset)])),
      settings: Object.fromEntries(
        settingNames.map((name) => {
          const why = { 'as-published': e.asPublished[name][1], default: (e.ours[name] ?? e.asPublished[name])[1] };
          return [name, { meaning: describeSetting(name), why }];
        }),
      ),
    })),
    { name: inferGen.name, about: inferGen.about, presets: {}, settings: {} },
  ];
}

/** The first experiment in full, of the others what is otherwise in them. */
export function explanation(): string {
  const [first] = experiments;
  const described = experiments.map((e) => {
    const differs = settingNames.filter((name) => e === first || e.asPublished[name] !== first.asPublished[name]);
    const head = e === first ? `${e.name}: ${e.about}` : `${e.name}: ${e.about}; the rest is ${first.name}'s`;
    return `${head}\n\n${differs.map((name) => settingText(e, name)).join('')}`;
  });
  const ranks = `${inferGen.name}: ${inferGen.about}; ${inferGen.candidates} candidates of the ids that occur there, QuestionIds from ${inferGen.firstId}\n`;
  return `${[...described, ranks].join('\n')}
--preset as-published takes the values in brackets; --set name=value changes any.
`;
}

/** A setting, its value, what it means and why it has that value, wrapped at 110 columns. */
function settingText({ asPublished, ours }: Experiment, name: (typeof settingNames)[number]): string {
  const [published, publishedWhy] = asPublished[name];
  const [value, why] = ours[name] ?? asPublished[name];
  const brackets = ours[name] ? ` [as published ${published}: ${publishedWhy}]` : '';
  const shown = Array.isArray(value) ? `${value.length} linears` : `${value}`;
  const [indent, width] = [32, 78];
  const lines = [''];
  for (const word of `${describeSetting(name)}. Here: ${why}${brackets}`.split(' ')) {
    if (`${lines.at(-1)} ${word}`.length > width) lines.push('');
    lines.push(`${lines.pop()} ${word}`.trim());
  }
  const [head, ...rest] = lines;
  return `  ${name.padEnd(15)} ${shown.padEnd(13)} ${head}\n${rest.map((line) => `${' '.repeat(indent)}${line}\n`).join('')}`;
}
