/** Where the page starts: theme first, so that nothing flashes, then the page, then the worker. */
import { render } from 'preact';
import { App } from './ui/app.tsx';
import { start } from './ui/session.ts';
import { applyTheme, loadTheme } from './ui/theme.tsx';

applyTheme(loadTheme());
const root = document.getElementById('app')!;
root.textContent = '';
render(<App />, root);
start();

// The page itself without a network, from the second visit on; the worker keeps the models.
if ('serviceWorker' in navigator) {
  navigator.serviceWorker.register(new URL('sw.js', document.baseURI)).catch(() => {
    // A private window, plain http, Vite's own server: the page works, and needs the network next time.
  });
}
