/** The command around `pull`; the downloads themselves are tested in src/formats/hub.test.ts. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UserError } from '../errors.ts';
import { pullCommand } from './pull.ts';

describe('lacuna pull', () => {
  const cache = mkdtempSync(join(tmpdir(), 'lacuna-pull-test-'));
  const before = process.env.LACUNA_CACHE;
  const model = join(cache, 'models/owner/name/x.gguf');

  beforeAll(() => {
    process.env.LACUNA_CACHE = cache;
    mkdirSync(join(model, '..'), { recursive: true });
    writeFileSync(model, '');
  });
  afterAll(() => {
    if (before === undefined) delete process.env.LACUNA_CACHE;
    else process.env.LACUNA_CACHE = before;
    rmSync(cache, { recursive: true });
  });

  /** What the command prints to stdout. */
  async function run(...args: string[]): Promise<string> {
    const program = new Command().exitOverride();
    pullCommand(program);
    const { write } = process.stdout;
    let out = '';
    process.stdout.write = (chunk) => {
      out += chunk;
      return true;
    };
    try {
      await program.parseAsync(['pull', ...args], { from: 'user' });
    } finally {
      process.stdout.write = write;
    }
    return out;
  }

  test('prints where a model lies that is here already', async () => {
    expect(await run('owner/name')).toBe(`${model}\n`);
    expect(JSON.parse(await run('owner/name', '--json'))).toEqual({
      model: 'owner/name',
      path: model,
      downloaded: false,
    });
  });

  test('hands on the error of a name that is none', async () => {
    const error = await run('nonsense').catch((e) => e);
    expect(error).toBeInstanceOf(UserError);
  });
});
