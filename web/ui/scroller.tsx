/** A part that scrolls on its own, named and reachable by keyboard. */
import type { ComponentChildren } from 'preact';

interface ScrollerProps {
  label: string;
  class?: string;
  children: ComponentChildren;
}

export function Scroller({ label, class: name = 'scroller', children }: ScrollerProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys scroll only what has the focus
    <section class={name} aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}
