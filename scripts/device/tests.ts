/**
 * Every kernel's tests, and of the model's those of what only a GPU's memory holds, in one program, for a machine
 * without vitest: LACUNA_TEST_GPUS=native node tests.mjs [PART OF A NAME]...
 */
import { runCollected } from '../../test/shim/vitest.ts';

import.meta.glob(['../../kernels/**/*.test.ts', '../../src/model/project.test.ts'], { eager: true });

process.exit((await runCollected(process.argv.slice(2))) ? 1 : 0);
