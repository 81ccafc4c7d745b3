/**
 * The page without a network: keeps every built file and answers with it. A new build is a new version, which takes
 * over when the last tab of the old one is closed, so that a tab never mixes two. Models are not kept here (the engine
 * stores those that were asked for), only the list of them. The build puts FILES and VERSION in front.
 */
declare const FILES: readonly string[];
declare const VERSION: string;

interface WorkerEvent extends Event {
  waitUntil(done: Promise<unknown>): void;
}
interface FetchEvent extends WorkerEvent {
  request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface Scope {
  registration: { scope: string };
  clients: { claim(): Promise<void> };
  addEventListener(name: 'install' | 'activate', listener: (event: WorkerEvent) => void): void;
  addEventListener(name: 'fetch', listener: (event: FetchEvent) => void): void;
}
const worker = self as unknown as Scope;

const { scope } = worker.registration;
// Several copies of the page may live on one origin, each in its folder.
const prefix = `lacuna ${scope} `;
const current = prefix + VERSION;
const models = new URL('models/', scope).href;
const list = new URL('models/index.json', scope).href;

worker.addEventListener('install', (event) => {
  const fresh = FILES.map((name) => new Request(new URL(name, scope), { cache: 'no-cache' }));
  event.waitUntil(
    caches.open(current).then(async (cache) => {
      await cache.addAll([...fresh, new Request(scope, { cache: 'no-cache' })]);
      // A host without models has no list of them either.
      await cache.add(list).catch(() => {});
    }),
  );
});

worker.addEventListener('activate', (event) => {
  const clean = async () => {
    for (const name of await caches.keys()) if (name.startsWith(prefix) && name !== current) await caches.delete(name);
    await worker.clients.claim();
  };
  event.waitUntil(clean());
});

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = request.url.split(/[?#]/)[0];
  if (request.method !== 'GET' || !url.startsWith(scope)) return;
  if (url === list) event.respondWith(newest(request));
  else if (!url.startsWith(models)) event.respondWith(kept(request));
});

/** What was kept; where it was not, the network's. */
async function kept(request: Request): Promise<Response> {
  const cache = await caches.open(current);
  return (await cache.match(request, { ignoreSearch: true })) ?? fetch(request);
}

/** The network's answer, which is kept; without a network, the one before. */
async function newest(request: Request): Promise<Response> {
  const cache = await caches.open(current);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const before = await cache.match(request);
    if (before) return before;
    throw error;
  }
}
