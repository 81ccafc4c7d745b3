/** vector.ts as one file, .device/vector/vector.mjs, to lie beside what pack.sh unpacks. */
import { fileURLToPath } from 'node:url';
import { mergeConfig } from 'vite';
import base from './vite.config.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const config = mergeConfig(base, { build: { outDir: `${root}.device/vector` } });
config.build.rollupOptions.input = { vector: `${root}scripts/device/vector.ts` };

export default config;
