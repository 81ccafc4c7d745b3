/** Folders made as needed, where Node's own `mkdir` with `recursive` never ends: under /proc, where nothing can be made. */
import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** Makes a folder and those it lies in, and gives those that were not there, from the top. Throws what mkdir throws. */
export async function makeFolder(path: string): Promise<string[]> {
  const missing: string[] = [];
  for (let at = resolve(path); !(await exists(at)); at = dirname(at)) missing.unshift(at);
  for (const folder of missing)
    await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
      // Somebody else may have made it meanwhile.
      if (error.code !== 'EEXIST') throw error;
    });
  return missing;
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
