/**
 * `make web`: builds the page and serves it on this machine, with the models that `lacuna pull` has cached.
 *
 *   node scripts/run.mjs scripts/web.ts [--port N] [--host ADDRESS]
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'vite';
import { modelCacheDir } from '../src/formats/hub.ts';
import { modelsIn, serve } from './static_server.ts';

const at = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const { values } = parseArgs({
  options: { port: { type: 'string', default: '8000' }, host: { type: 'string', default: '127.0.0.1' } },
});

await build({ configFile: at('web/vite.config.ts'), logLevel: 'error' });
const models = modelsIn(modelCacheDir());
try {
  const { url } = await serve({ root: at('dist-web'), models, host: values.host, port: Number(values.port) });
  console.log(`page    ${url}`);
  console.log(`models  ${models.map(({ id }) => id).join(', ') || 'none cached: `npx lacuna pull smollm2-135m`'}`);
} catch (error) {
  if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
  console.error(`port ${values.port} is taken: make web ARGS="--port 0" takes a free one`);
  process.exitCode = 2;
}
