/**
 * Runs a TypeScript file under Node with the build's own settings, so that .wgsl imports work without a build:
 *
 *   node scripts/run.mjs FILE.ts [arguments]
 */
import { resolve } from 'node:path';
import { runnerImport } from 'vite';

process.argv.splice(1, 1);
process.argv[1] = resolve(process.argv[1]);
await runnerImport(process.argv[1]);
