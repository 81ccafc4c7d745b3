/**
 * Bundles for a GPU machine that has no npm: the command line, with its benchmarks, the kernel tests, and this folder's
 * experiments, with everything inside but `webgpu`, which pack.sh puts beside them.
 */
import { builtinModules } from 'node:module';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import base from '../../vite.config.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const file = (path: string) => `${root}${path}`;

export default defineConfig({
  root,
  plugins: base.plugins,
  resolve: { alias: { vitest: file('test/shim/vitest.ts') }, conditions: ['node'] },
  ssr: { noExternal: true, external: ['webgpu', 'koffi'] },
  build: {
    ssr: true,
    target: 'node20',
    outDir: file('.device/base/bundle'),
    emptyOutDir: true,
    minify: true,
    rollupOptions: {
      input: {
        cli: file('src/cli/main.ts'),
        tests: file('scripts/device/tests.ts'),
        ...Object.fromEntries(
          [
            'adapters',
            'attention',
            'attention.backward',
            'embed',
            'gemm',
            'int8',
            'lora',
            'matrix_loads',
            'occupancy',
            'vector',
          ].map((name) => [name, file(`scripts/device/${name}.ts`)]),
        ),
      },
      external: [...builtinModules, /^node:/, 'webgpu'],
      // `expect` reads __dirname when it loads.
      output: {
        banner: "globalThis.__dirname ??= '/';",
        entryFileNames: '[name].mjs',
        chunkFileNames: '[name]-[hash].mjs',
      },
    },
  },
});
