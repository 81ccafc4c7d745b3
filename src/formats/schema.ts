/** Checking a JSON value against a zod schema, with an error that a user can act on. */
import type { z } from 'zod';
import { UserError } from '../errors.ts';
import { quote } from './quote.ts';

/** The value as the schema makes it. UserError "<file>: <key>: <what is wrong>" for the first thing that is not right. */
export function check<T extends z.ZodType>(schema: T, value: unknown, file: string): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0];
  const key = path
    .map(String)
    .join('.')
    .slice(0, 100)
    .replace(/[^ -~]/g, '?');
  let found = value;
  for (const step of path) found = (found as Record<PropertyKey, unknown> | undefined)?.[step];
  const text = message.replace(/\s+/g, ' ').slice(0, 200);
  throw new UserError(`${file}: ${key === '' ? '' : `${key} is ${quote(found)}: `}${text}`);
}
