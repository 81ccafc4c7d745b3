/**
 * Runs a TypeScript file under Node with the build's own plugins, so that .wgsl imports work without a build:
 *
 *   node scripts/run.mjs FILE.ts [arguments]
 */
import { resolve } from 'node:path';
import { loadConfigFromFile, runnerImport } from 'vite';

process.argv.splice(1, 1);
process.argv[1] = resolve(process.argv[1]);
const { config } = await loadConfigFromFile({ command: 'serve', mode: 'development' }, 'vite.config.ts');
await runnerImport(process.argv[1], { plugins: config.plugins });
