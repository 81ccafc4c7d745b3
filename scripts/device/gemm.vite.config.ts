/** gemm.ts as one file, .device/gemm/gemm.mjs, to lie beside what pack.sh unpacks. */
import { fileURLToPath } from 'node:url';
import { mergeConfig } from 'vite';
import base from './vite.config.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const config = mergeConfig(base, { build: { outDir: `${root}.device/gemm` } });
config.build.rollupOptions.input = { gemm: `${root}scripts/device/gemm.ts` };

export default config;
