/** Light, dark or as the system says: a button that goes through the three, kept for the next visit. */
import { useState } from 'preact/hooks';
import { recall, remember } from './settings.ts';

const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const isTheme = (value: unknown): value is Theme => THEMES.includes(value as Theme);

export const loadTheme = (): Theme => recall('theme', isTheme) ?? 'system';

export function applyTheme(theme: Theme): void {
  const root = document.documentElement;
  if (theme === 'system') root.removeAttribute('data-theme');
  else root.dataset.theme = theme;
}

export function ThemeButton() {
  const [theme, setTheme] = useState(loadTheme);
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  return (
    <button
      type="button"
      class="quiet theme"
      title={`Colours: ${theme}. Click for ${next}.`}
      onClick={() => {
        applyTheme(next);
        remember('theme', next === 'system' ? undefined : next);
        setTheme(next);
      }}
    >
      <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">
        <circle cx="10" cy="10" r="7.25" fill="none" stroke="currentColor" stroke-width="1.5" />
        {theme === 'dark' && <circle cx="10" cy="10" r="7" fill="currentColor" />}
        {theme === 'system' && <path d="M10 3a7 7 0 0 1 0 14z" fill="currentColor" />}
      </svg>
      <span class="theme-name">{theme === 'system' ? 'Auto' : theme === 'light' ? 'Light' : 'Dark'}</span>
      <span class="unseen"> colours</span>
    </button>
  );
}
