/** One line that something went wrong or wants attention, with the way out and a button to put it away. */
import type { ComponentChildren } from 'preact';

interface NoticeProps {
  kind?: 'error' | 'note';
  children: ComponentChildren;
  onClose?: () => void;
}

export function Notice({ kind = 'error', children, onClose }: NoticeProps) {
  return (
    <div class={`notice ${kind}`} role={kind === 'error' ? 'alert' : 'status'}>
      <div>{children}</div>
      {onClose && (
        <button type="button" class="quiet" aria-label="Dismiss this message" onClick={onClose}>
          ×
        </button>
      )}
    </div>
  );
}
