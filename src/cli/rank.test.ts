/** What `rank` refuses before it opens a model. */
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { UserError } from '../errors.ts';
import { rankCommand } from './rank.ts';
import { sampleTaxonomy } from './sample_folder.ts';

const rank = (...args: string[]): Promise<unknown> => {
  const program = new Command('lacuna').exitOverride();
  rankCommand(program);
  return program.parseAsync(['rank', ...args], { from: 'user' });
};

describe('rank refuses', () => {
  const one = ['--model', 'nowhere', '--taxonomy', sampleTaxonomy()];
  const texts = (question: string, correct: string, incorrect: string) => [
    ...['--question', question],
    ...['--correct', correct],
    ...['--incorrect', incorrect],
  ];

  test.each([
    ['no question at all', one, 'give one of'],
    ['a question without its answers', [...one, '--question', 'What is 1 + 1?'], 'belong together'],
    ['an empty question', [...one, ...texts(' ', '2', '3')], '--question is empty'],
    ['an empty wrong answer', [...one, ...texts('What is 1 + 1?', '2', '')], '--incorrect is empty'],
    ['a wrong answer that is right', [...one, ...texts('What is 1 + 1?', '2', ' 2')], 'no error to explain'],
    [
      'another model without a taxonomy',
      ['--model', 'nowhere', ...texts('What is 1 + 1?', '2', '3')],
      sampleTaxonomy(),
    ],
    [
      'examples that are nowhere',
      [...one, ...texts('What is 1 + 1?', '2', '3'), '--examples'],
      '--examples needs a CSV',
    ],
    [
      'examples that are no questions',
      [...one, ...texts('What is 1 + 1?', '2', '3'), '--examples', sampleTaxonomy()],
      'missing columns QuestionId',
    ],
    [
      'a fold of no data',
      [...one, ...texts('What is 1 + 1?', '2', '3'), '--fold', '0'],
      '--fold belongs to --data: leave it out',
    ],
    [
      'a taxonomy beside the data’s own',
      ['--model', 'pocket', '--data', 'data/sample', '--taxonomy', sampleTaxonomy()],
      '--data brings its own',
    ],
    [
      'a subject of a file of questions',
      [...one, '--input', 'x.csv', '--subject', 'Fractions'],
      '--subject belongs to --question',
    ],
    [
      'a weight of no examples',
      [...one, ...texts('What is 1 + 1?', '2', '3'), '--examples-weight', '.3'],
      '--examples-weight belongs to --examples',
    ],
  ])('%s', async (_, args, message) => {
    const refused = rank(...args);
    await expect(refused).rejects.toThrow(UserError);
    await expect(refused).rejects.toThrow(message);
  });

  test('activations in another form than int8', async () => {
    const said: string[] = [];
    const program = new Command('lacuna').exitOverride().configureOutput({ writeErr: (text) => said.push(text) });
    rankCommand(program);
    program.commands[0].exitOverride().configureOutput({ writeErr: (text) => said.push(text) });
    const args = ['rank', ...one, ...texts('What is 1 + 1?', '2', '3'), '--activations', 'int4'];
    await expect(program.parseAsync(args, { from: 'user' })).rejects.toThrow('must be one of int8');
  });
});
