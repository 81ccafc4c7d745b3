/**
 * An experiment of this folder as one file, to lie beside what pack.sh unpacks:
 *   EXPERIMENT=gemm npx vite build --config scripts/device/experiment.vite.config.ts     makes .device/gemm/gemm.mjs
 */
import { fileURLToPath } from 'node:url';
import { mergeConfig } from 'vite';
import base from './vite.config.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const name = process.env.EXPERIMENT ?? 'gemm';
const config = mergeConfig(base, { build: { outDir: `${root}.device/${name}` } });
config.build.rollupOptions.input = { [name]: `${root}scripts/device/${name}.ts` };

export default config;
