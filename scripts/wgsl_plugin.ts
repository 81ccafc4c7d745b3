/** The Vite plugin that gives Node and the browser what Deno has: a .wgsl file imported as text. */
import { readFile } from 'node:fs/promises';
import type { Plugin } from 'vite';

export const wgsl: Plugin = {
  name: 'wgsl-as-text',
  enforce: 'pre',
  async load(id) {
    if (!id.endsWith('.wgsl')) return null;
    this.addWatchFile(id);
    return { code: `export default ${JSON.stringify(await readFile(id, 'utf8'))};`, map: null };
  },
};
