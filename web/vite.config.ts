/**
 * Builds the page into dist-web/: static files that any host serves under any path. The worker and what few visitors
 * need (the benchmarks) are chunks of their own; the service worker learns here what there is to keep.
 */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { wgsl } from '../scripts/wgsl_plugin.ts';
import { nothingFromNode, offline, shippedModels } from './build.ts';
import { sampleData } from './sample_plugin.ts';
import { woff2Only } from './woff2_only.ts';

const root = fileURLToPath(new URL('.', import.meta.url));
const file = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));

export default defineConfig({
  root,
  base: './',
  publicDir: false,
  plugins: [wgsl, woff2Only, sampleData, nothingFromNode, shippedModels(file('models')), offline(file('web/sw.ts'))],
  // Node's parser wants Node's Buffer; this is the same one with its own.
  resolve: { alias: { 'csv-parse/sync': 'csv-parse/browser/esm/sync' } },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  worker: { format: 'es', plugins: () => [wgsl, nothingFromNode] },
  build: { target: 'es2023', outDir: file('dist-web'), emptyOutDir: true, reportCompressedSize: false },
});
