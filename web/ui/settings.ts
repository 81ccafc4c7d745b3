/**
 * What the page remembers between visits, in localStorage. Private windows, full quotas and browsers that forbid
 * storage answer with an exception: reading then gives nothing, writing says so, and the page works on.
 */
const PREFIX = 'lacuna.';

/** The value kept under `key`, if it is there and `valid` accepts it. */
export function recall<T>(key: string, valid: (value: unknown) => value is T): T | undefined {
  try {
    const text = localStorage.getItem(PREFIX + key);
    const value: unknown = text === null ? undefined : JSON.parse(text);
    return valid(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps `value` under `key`, or forgets the key for undefined. False where the browser does not keep it. */
export function remember(key: string, value: unknown): boolean {
  try {
    if (value === undefined) localStorage.removeItem(PREFIX + key);
    else localStorage.setItem(PREFIX + key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

export const isText = (value: unknown): value is string => typeof value === 'string';
export const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean';
