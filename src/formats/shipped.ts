/** Models that come with lacuna, under models/ of the repository and of the package. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Names that every command takes for a model. */
export const SHIPPED_MODELS = ['pocket'] as const;

/** Where a shipped model lies, seen from dist/ or from src/formats/; undefined for other names. */
export function shippedModel(name: string): string | undefined {
  if (!(SHIPPED_MODELS as readonly string[]).includes(name)) return undefined;
  const places = ['../models/', '../../models/'].map((to) => fileURLToPath(new URL(`${to}${name}`, import.meta.url)));
  return places.find((place) => existsSync(place));
}
