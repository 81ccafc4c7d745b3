/**
 * A browser for tests of the page: builds it once, serves it with models, and opens it in Debian's Chromium on
 * SwiftShader. Tests that need it skip, with a line that says why, only where Chromium is absent.
 *
 * @example
 * ```ts
 * describePage('rank', (page) => {
 *   test('…', async () => { const p = await page().open(); await p.getByRole('button', { name: 'Rank' }).click(); });
 * });
 * ```
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, describe } from 'vitest';
import { type ModelFolder, modelsIn, type ServeOptions, serve } from '../../scripts/static_server.ts';
import { GOLDEN } from '../golden/golden.ts';

export const CHROMIUM = '/usr/bin/chromium';

const FLAGS = [
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--enable-features=Vulkan',
  '--use-webgpu-adapter=swiftshader',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--disable-quic',
];

const file = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** A tiny Qwen2 with random weights and its own tokenizer: loads in a moment, and ranks nonsense reproducibly. */
export const TINY: ModelFolder = {
  id: 'tiny',
  title: 'Tiny',
  files: ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'].map(
    (name) => `${GOLDEN}qwen2-f32/${name}`,
  ),
};

let built: Promise<string> | undefined;

/** Builds the page into a folder of this process's own; once. */
export function buildPage(): Promise<string> {
  built ??= (async () => {
    const outDir = mkdtempSync(join(tmpdir(), 'lacuna-page-'));
    process.once('exit', () => rmSync(outDir, { recursive: true, force: true }));
    await build({ configFile: file('web/vite.config.ts'), logLevel: 'error', build: { outDir } });
    return outDir;
  })();
  return built;
}

export interface PageOptions extends BrowserContextOptions {
  /** Models served beside the page: TINY alone by default. */
  models?: readonly ModelFolder[];
  /** Also what the repository ships, as visitors get it; default false: what a test asks for is what it gets. */
  shipped?: boolean;
  /** The folder of the server under which the page lies. */
  path?: string;
  first?: ServeOptions['first'];
  /** More of Chromium's flags. */
  flags?: readonly string[];
}

/** A served page and a browser with a profile of its own, whose storage lives as long as this. */
export class TestPage {
  readonly url: string;
  readonly context: BrowserContext;
  /** What went wrong in any page: uncaught errors and lines on the console. A test that expects none asserts so. */
  readonly errors: string[] = [];
  readonly #server: Server;
  readonly #profile: string;

  private constructor(url: string, context: BrowserContext, server: Server, profile: string) {
    this.url = url;
    this.context = context;
    this.#server = server;
    this.#profile = profile;
    context.on('weberror', (e) => this.errors.push(e.error().message));
    context.on('console', (message) => {
      if (message.type() === 'error') this.errors.push(message.text());
    });
  }

  static async start({
    models = [TINY],
    shipped = false,
    path,
    first,
    flags = [],
    ...options
  }: PageOptions = {}): Promise<TestPage> {
    const { server, url } = await serve({
      root: await buildPage(),
      models,
      shipped,
      path,
      first,
    });
    const profile = mkdtempSync(join(tmpdir(), 'lacuna-profile-'));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: CHROMIUM,
      headless: true,
      args: [...FLAGS, ...flags],
      ...options,
    });
    return new TestPage(url, context, server, profile);
  }

  /** Opens the page in a new tab. */
  async open(): Promise<Page> {
    const page = await this.context.newPage();
    await page.goto(this.url);
    return page;
  }

  /** Takes the server away, as an unplugged cable would. */
  async unplug(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async close(): Promise<void> {
    await this.context.close();
    this.#server.closeAllConnections();
    this.#server.close();
    rmSync(this.#profile, { recursive: true, force: true });
  }
}

/** A suite on one TestPage; skipped where Chromium is absent. */
export function describePage(name: string, body: (page: () => TestPage) => void, options: PageOptions = {}): void {
  if (!existsSync(CHROMIUM)) {
    console.log(`skipped: ${name}, since ${CHROMIUM} is not installed (make setup installs it for the tests)`);
    describe.skip(name, () => body(() => undefined as never));
    return;
  }
  describe(name, () => {
    let page: TestPage;
    beforeAll(async () => {
      page = await TestPage.start(options);
    });
    afterAll(() => page?.close());
    body(() => page);
  });
}

/** The models that `lacuna pull` has cached here. */
export const cachedModels = (): ModelFolder[] =>
  modelsIn(process.env.HOME ? join(process.env.HOME, '.cache/lacuna/models') : '');
