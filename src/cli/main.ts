#!/usr/bin/env node
/** The command `lacuna`: a thin layer over the library. Errors a user can mend end in one line and exit code 2. */
import { Command } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import { UserError } from '../errors.ts';
import { baselineCommand } from './baseline.ts';
import { benchCommand } from './bench.ts';
import { demoCommand } from './demo.ts';
import { doctorCommand } from './doctor.ts';
import { embedCommand } from './embed.ts';
import { evalCommand } from './eval.ts';
import { exportCommand } from './export.ts';
import { generateSampleCommand } from './generate_sample.ts';
import { mergeCommand } from './merge.ts';
import { newModelCommand } from './new_model.ts';
import { pullCommand } from './pull.ts';
import { quantizeCommand } from './quantize.ts';
import { rankCommand } from './rank.ts';
import { trainCommand } from './train.ts';
import { tuneCommand } from './tune.ts';

const program = new Command('lacuna')
  .description('Rank the misconceptions behind a wrong answer, with a language model on WebGPU.')
  .version(manifest.version)
  .showHelpAfterError('(lacuna --help says more)')
  .configureOutput({ outputError: (text, write) => write(`lacuna: ${text.replace(/^error: /, '')}`) })
  .exitOverride((error) => {
    process.exit(error.exitCode === 0 ? 0 : 2);
  })
  .addHelpText(
    'after',
    `
Examples:
  lacuna doctor
  lacuna pull smollm2-135m
  lacuna rank --model smollm2-135m --taxonomy data/sample/misconception_mapping.csv \\
    --question 'What is 1/2 + 1/3?' --correct '5/6' --incorrect '2/5'`,
  );

for (const add of [
  doctorCommand,
  pullCommand,
  embedCommand,
  rankCommand,
  evalCommand,
  trainCommand,
  baselineCommand,
  mergeCommand,
  quantizeCommand,
  exportCommand,
  generateSampleCommand,
  newModelCommand,
  demoCommand,
  benchCommand,
  tuneCommand,
])
  add(program);

try {
  await program.parseAsync();
  // Dawn keeps the process alive while its instance is referenced, and it always is.
  process.exit(process.exitCode ?? 0);
} catch (error) {
  if (error instanceof UserError) {
    process.stderr.write(`lacuna: ${error.message}\n`);
    process.exit(2);
  }
  const { message, stack } = error as Error;
  process.stderr.write(
    process.env.LACUNA_DEBUG ? `${stack}\n` : `lacuna: internal error: ${message} (LACUNA_DEBUG=1 shows where)\n`,
  );
  process.exit(1);
}
