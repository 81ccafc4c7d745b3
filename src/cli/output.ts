/** What the commands that write models share: where to, not over what is there, and nothing left after Ctrl-C. */
import { readdir, realpath, stat } from 'node:fs/promises';
import process from 'node:process';
import { UserError } from '../errors.ts';
import { removeUnfinished } from '../formats/atomic_file.ts';
import { fileError } from '../formats/file_source.ts';

/**
 * UserError where `out` is there already (a folder that is empty does not count) and `force` is not given, is of the
 * other kind than is to be written, or is one of `inputs`.
 */
export async function checkOutput(
  out: string,
  kind: 'file' | 'folder',
  inputs: readonly string[],
  force = false,
): Promise<void> {
  const found = await stat(out).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw fileError(out, error);
  });
  if (!found) return;
  if (found.isDirectory() !== (kind === 'folder'))
    throw new UserError(`${out}: is a ${kind === 'folder' ? 'file' : 'folder'}; --out is the ${kind} to write`);
  const place = await realpath(out);
  for (const input of inputs)
    if ((await realpath(input).catch(() => input)) === place)
      throw new UserError(`${out}: is read from; write to another place`);
  const empty = kind === 'folder' && (await readdir(out)).length === 0;
  if (!empty && !force) throw new UserError(`${out}: is there already; --force writes over it`);
}

/** From now on Ctrl-C removes what is half-written, says so and ends the command. */
export function cleanUpOnInterrupt(): void {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)
    process.once(signal, () => {
      removeUnfinished();
      process.stderr.write('lacuna: stopped; nothing was written\n');
      process.exit(code);
    });
}
