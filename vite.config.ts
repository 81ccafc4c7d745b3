import { readFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';
import manifest from './package.json' with { type: 'json' };

/** Gives Node and the browser what Deno has: a .wgsl file imported as text. */
const wgsl: Plugin = {
  name: 'wgsl-as-text',
  enforce: 'pre',
  async load(id) {
    if (!id.endsWith('.wgsl')) return null;
    this.addWatchFile(id);
    return { code: `export default ${JSON.stringify(await readFile(id, 'utf8'))};`, map: null };
  },
};

export default defineConfig({
  plugins: [wgsl],
  build: {
    target: 'node20',
    outDir: 'dist',
    minify: false,
    sourcemap: true,
    lib: { entry: { cli: 'src/cli/main.ts', index: 'src/index.ts' }, formats: ['es'] },
    rollupOptions: {
      // A package and whatever is imported from inside it.
      external: [
        ...builtinModules,
        /^node:/,
        ...Object.keys(manifest.dependencies).map((name) => new RegExp(`^${name}(/|$)`)),
      ],
    },
  },
  test: {
    include: ['src/**/*.test.ts', 'kernels/**/*.test.ts', 'test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
