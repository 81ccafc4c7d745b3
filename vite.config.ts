import { builtinModules } from 'node:module';
import { defineConfig } from 'vitest/config';
import manifest from './package.json' with { type: 'json' };
import { wgsl } from './scripts/wgsl_plugin.ts';

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
