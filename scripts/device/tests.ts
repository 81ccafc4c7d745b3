/** Every kernel's tests in one program, for a machine without vitest: LACUNA_TEST_GPUS=native node tests.mjs [PART OF A NAME]... */
import { runCollected } from '../../test/shim/vitest.ts';

import.meta.glob('../../kernels/**/*.test.ts', { eager: true });

process.exit((await runCollected(process.argv.slice(2))) ? 1 : 0);
