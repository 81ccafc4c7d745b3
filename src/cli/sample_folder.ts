/** Where the sample data that comes with lacuna lies. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '../errors.ts';

/** The folder data/sample of the repository or of the package, seen from dist/ and from src/cli/. */
export function sampleFolder(): string {
  const places = ['../data/sample', '../../data/sample'].map((to) => fileURLToPath(new URL(to, import.meta.url)));
  const found = places.find(existsSync);
  if (!found) throw new UserError(`${places[0]}: the sample data is missing: restore it from the repository`);
  return found;
}

/** The sample's 299 misconceptions. */
export const sampleTaxonomy = (): string => join(sampleFolder(), 'misconception_mapping.csv');
