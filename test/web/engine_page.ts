/**
 * The built worker in a bare page of the same origin, without the views: tests ask the engine itself. Code can be put
 * in front of the worker's own, for what a browser lacks or refuses.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import type { Engine } from '../../web/worker/api.ts';
import { buildPage, type PageOptions, TestPage } from './harness.ts';

type Comlink = typeof import('comlink');
/** What `evaluate` finds in the page. */
export interface Tab {
  engine: import('comlink').Remote<Engine>;
  /** Wraps a callback for the engine. */
  proxy: Comlink['proxy'];
  /** What went wrong, in one line; '' where nothing did. */
  failure(promise: Promise<unknown>): Promise<string>;
  /** For callbacks to leave what they were given. */
  seen: unknown[];
}

const comlink = readFileSync(createRequire(import.meta.url).resolve('comlink/dist/umd/comlink.js'), 'utf8');

export class EnginePage {
  /** Answers a request before the server does, as `first` of the server's options. */
  first: NonNullable<PageOptions['first']> = () => false;
  #page!: TestPage;
  /** Code that runs in the worker before its own. */
  #prefix = '';

  /** Serves `options.models` (the tiny one alone by default) and starts the browser. */
  static async start(options: PageOptions = {}): Promise<EnginePage> {
    const root = await buildPage();
    const worker = readdirSync(join(root, 'assets')).find((name) => /^worker-.*\.js$/.test(name)) as string;
    const code = readFileSync(join(root, 'assets', worker), 'utf8');
    const page = `<!doctype html><script src="comlink.js"></script><script>
      var worker = new Worker('assets/${worker}', { type: 'module' });
      Object.assign(window, { engine: Comlink.wrap(worker), proxy: Comlink.proxy, seen: [] });
      window.failure = (p) => p.then(() => '', (error) => error.message);
    </script>`;
    const self = new EnginePage();
    const first: NonNullable<PageOptions['first']> = (request, response) => {
      const name = request.url?.split('/').at(-1) ?? '';
      const answer = (type: string, text: string) => {
        response.writeHead(200, { 'content-type': type }).end(text);
        return true;
      };
      if (name === 'engine.html') return answer('text/html', page);
      if (name === 'comlink.js') return answer('text/javascript', comlink);
      if (name === worker && self.#prefix) return answer('text/javascript', `${self.#prefix};\n${code}`);
      return self.first(request, response);
    };
    self.#page = await TestPage.start({ ...options, first });
    return self;
  }

  get url(): string {
    return this.#page.url;
  }

  get context(): BrowserContext {
    return this.#page.context;
  }

  /** A tab with a fresh worker. */
  async open(prefix = ''): Promise<Page> {
    this.#prefix = prefix;
    const tab = await this.context.newPage();
    await tab.goto(`${this.url}engine.html`);
    return tab;
  }

  close(): Promise<void> {
    return this.#page.close();
  }
}
