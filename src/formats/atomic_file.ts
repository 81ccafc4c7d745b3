/** Writing files so that nothing half-written is ever left under the final name. */
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import process from 'node:process';
import { fileError } from './file_source.ts';

/**
 * Writes all files under temporary names beside their targets, then renames them in the order given. A failure
 * before the renames leaves the targets as they were; the temporary files are removed. Folders are made as needed.
 */
export async function writeFiles(
  files: readonly { path: string; chunks: Iterable<Uint8Array | string> }[],
): Promise<void> {
  const written: { path: string; temporary: string }[] = [];
  let current = '';
  try {
    for (const { path, chunks } of files) {
      current = path;
      await mkdir(dirname(path), { recursive: true });
      const temporary = `${path}.${process.pid}.tmp`;
      written.push({ path, temporary });
      const file = await open(temporary, 'w');
      try {
        for (const chunk of chunks) await file.writeFile(chunk);
        // Without it a crash soon after the rename may leave the new name with no bytes behind it.
        await file.sync();
      } finally {
        await file.close();
      }
    }
    for (const { path, temporary } of written) {
      current = path;
      await rename(temporary, path);
    }
  } catch (error) {
    for (const { temporary } of written) await rm(temporary, { force: true });
    throw fileError(current, error);
  }
}
