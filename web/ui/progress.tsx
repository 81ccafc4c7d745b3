/** A bar with what is being done, how far it is, how fast and how long it still takes. */
import type { Progress } from '../worker/api.ts';
import { progressText } from './units.ts';

export function ProgressBar({ title, progress }: { title: string; progress?: Progress }) {
  const share = progress && progress.total > 0 ? Math.min(1, progress.done / progress.total) : undefined;
  return (
    <div class="progress">
      <p class="progress-title">{title}</p>
      <progress aria-label={title} {...(share === undefined ? {} : { value: share })} max={1} />
      <p class="progress-text">
        {progress ? (title.includes(progress.what) ? '' : `${progress.what}: `) + progressText(progress) : '\u00A0'}
      </p>
    </div>
  );
}
