/** What the page's build adds to Vite: the list of shipped models and the service worker's list. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Plugin, transformWithOxc } from 'vite';
import type { ShippedModel } from './worker/catalogue.ts';

/** Code for Node that the page never reaches: Dawn for Node is behind a test for navigator.gpu. */
export const nothingFromNode: Plugin = {
  name: 'nothing-from-node',
  enforce: 'pre',
  resolveId: (id) => (id.endsWith('/dawn.ts') ? '\0nothing' : null),
  load: (id) => (id === '\0nothing' ? 'export const dawn = undefined;' : null),
};

const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');

/** Models of the repository that go with the page, as models/<name>/… and models/index.json beside it. */
export function shippedModels(folder: string): Plugin {
  return {
    name: 'shipped-models',
    apply: 'build',
    generateBundle() {
      const models: ShippedModel[] = [];
      const pocket = join(folder, 'pocket');
      if (existsSync(pocket)) {
        const files = readdirSync(pocket)
          .filter((name) => /\.(gguf|safetensors|json|vectors)$/.test(name))
          .map((name) => {
            const source = readFileSync(join(pocket, name));
            this.emitFile({ type: 'asset', fileName: `models/pocket/${name}`, source });
            return { name, size: source.length, sha256: sha256(source) };
          });
        models.push({ id: 'pocket', title: 'Pocket', files });
      }
      this.emitFile({ type: 'asset', fileName: 'models/index.json', source: JSON.stringify({ models }) });
    },
  };
}

/** Compiles the service worker with the list of built files, whose hash is its version. */
export function offline(entry: string): Plugin {
  return {
    name: 'offline',
    apply: 'build',
    generateBundle: {
      order: 'post',
      async handler(_, bundle) {
        const files = Object.values(bundle).filter(({ fileName }) => !/^models\/|\.(map|ttf|woff)$/.test(fileName));
        const names = files.map(({ fileName }) => fileName).sort();
        const contents = files.map((f) => sha256(f.type === 'chunk' ? f.code : f.source)).sort();
        const { code } = await transformWithOxc(await readFile(entry, 'utf8'), entry);
        const constants = `const FILES = ${JSON.stringify(names)};\nconst VERSION = '${sha256(contents.join()).slice(0, 16)}';\n`;
        this.emitFile({ type: 'asset', fileName: 'sw.js', source: constants + code });
      },
    },
  };
}
