/** A place to drop files on, which is also the button that picks them. */
import type { ComponentChildren } from 'preact';
import { useId, useState } from 'preact/hooks';

interface DropProps {
  label: string;
  accept?: string;
  multiple?: boolean;
  disabled?: boolean;
  /** What the files should be, under the label. */
  children?: ComponentChildren;
  onFiles: (files: File[]) => void;
}

export function Drop({ label, accept, multiple, disabled, children, onFiles }: DropProps) {
  const [over, setOver] = useState(false);
  const id = useId();
  const take = (files: FileList | null | undefined) => {
    if (files?.length && !disabled) onFiles(multiple ? [...files] : [files[0]]);
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is the mouse's way; the input below is everybody's
    <div
      class={over ? 'drop over' : 'drop'}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        take(event.dataTransfer?.files);
      }}
    >
      <input
        id={id}
        type="file"
        class="unseen"
        accept={accept}
        multiple={multiple}
        disabled={disabled}
        aria-describedby={children ? `${id}-hint` : undefined}
        onChange={(event) => {
          take(event.currentTarget.files);
          event.currentTarget.value = '';
        }}
      />
      <label for={id} class="drop-label">
        {label}
      </label>
      {children && (
        <p class="hint" id={`${id}-hint`}>
          {children}
        </p>
      )}
    </div>
  );
}
