/** The page's state in one object, and a hook that redraws a component when the part it reads has changed. */
import { useLayoutEffect, useReducer, useRef } from 'preact/hooks';

export class Store<T extends object> {
  state: T;
  readonly #listeners = new Set<() => void>();

  constructor(initial: T) {
    this.state = initial;
  }

  set(patch: Partial<T>): void {
    this.state = { ...this.state, ...patch };
    for (const listener of this.#listeners) listener();
  }

  /** Calls `listener` after every change; returns how to stop that. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** What `select` gives of the store's state; it must return the same value as long as nothing it reads changes. */
export function useStore<T extends object, S>(store: Store<T>, select: (state: T) => S): S {
  const [, redraw] = useReducer((n: number, _: undefined) => n + 1, 0);
  const shown = useRef<S>(undefined as S);
  const value = select(store.state);
  shown.current = value;
  useLayoutEffect(() => {
    const check = () => {
      if (!Object.is(select(store.state), shown.current)) redraw(undefined);
    };
    check();
    return store.subscribe(check);
  }, [store]);
  return value;
}
