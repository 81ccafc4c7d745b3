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
