/**
 * Long lists without long tasks: a few more entries are drawn each frame until as many are there as asked for, and
 * reaching the end of the list asks for more.
 */
import { useEffect, useRef, useState } from 'preact/hooks';

const PAGE = 60;

export interface Chunks<T> {
  shown: readonly T[];
  /** Put it on an element after the list: it asks for more when it comes into view. */
  end: (element: HTMLElement | null) => void;
  more: () => void;
  /** Draws every entry, and resolves when they are there: before printing. */
  all: () => Promise<void>;
}

/**
 * `key` names the list: another key starts from the top again. `perFrame` entries take well under a frame's time to
 * draw: fewer where they hold formulas.
 */
export function useChunks<T>(items: readonly T[], key: unknown = items, perFrame = 6): Chunks<T> {
  const [drawn, setDrawn] = useState(perFrame);
  const [wanted, setWanted] = useState(PAGE);
  const waiting = useRef<(() => void) | undefined>(undefined);
  const observer = useRef<IntersectionObserver | undefined>(undefined);
  useEffect(() => {
    setDrawn(perFrame);
    setWanted(PAGE);
  }, [key]);

  const target = Math.min(wanted, items.length);
  useEffect(() => {
    if (drawn >= target) {
      waiting.current?.();
      waiting.current = undefined;
      return;
    }
    const frame = requestAnimationFrame(() => setDrawn(Math.min(target, drawn + perFrame)));
    return () => cancelAnimationFrame(frame);
  }, [drawn, target]);

  const more = () => setWanted((n) => n + PAGE);
  const end = useRef((element: HTMLElement | null) => {
    observer.current?.disconnect();
    if (!element) return;
    observer.current = new IntersectionObserver((entries) => entries.some((e) => e.isIntersecting) && more(), {
      rootMargin: '400px',
    });
    observer.current.observe(element);
  }).current;
  const all = () =>
    new Promise<void>((resolve) => {
      waiting.current = resolve;
      setWanted(Number.MAX_SAFE_INTEGER);
      if (drawn >= items.length) resolve();
    });
  return { shown: items.slice(0, drawn), end, more, all };
}
