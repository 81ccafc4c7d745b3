/** A labelled text field that grows with its text, with the mathematics in it typeset underneath. */
import { useId } from 'preact/hooks';
import { hasMath } from './math_segments.ts';
import { MathText } from './math_text.tsx';

interface FieldProps {
  label: string;
  value: string;
  onInput: (value: string) => void;
  rows?: number;
  placeholder?: string;
}

export function Field({ label, value, onInput, rows = 1, placeholder }: FieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <textarea
        id={id}
        rows={rows}
        value={value}
        placeholder={placeholder}
        spellcheck={false}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      <Preview text={value} />
    </div>
  );
}

/** The text as it will read, where it holds mathematics; nothing where it reads as typed. */
export function Preview({ text }: { text: string }) {
  if (!hasMath(text)) return null;
  return (
    <div class="preview">
      <MathText text={text} />
    </div>
  );
}
