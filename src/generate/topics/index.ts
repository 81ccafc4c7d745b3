/** All items, topic by topic. */
import type { Item } from '../item.ts';
import { algebra } from './algebra.ts';
import { angles } from './angles.ts';
import { areas } from './area.ts';
import { averages } from './averages.ts';
import { charts } from './charts.ts';
import { decimals } from './decimals.ts';
import { equations } from './equations.ts';
import { factors } from './factors.ts';
import { formulae } from './formulae.ts';
import { fractions } from './fractions.ts';
import { graphs } from './graphs.ts';
import { measures } from './measures.ts';
import { negatives } from './negatives.ts';
import { operations } from './operations.ts';
import { percentages } from './percentages.ts';
import { placeValue } from './place_value.ts';
import { polygons } from './polygons.ts';
import { powers } from './powers.ts';
import { probability } from './probability.ts';
import { ratios } from './ratio.ts';
import { sequences } from './sequences.ts';
import { times } from './time.ts';
import { transformations, triangles } from './transformations.ts';
import { writtenMethods } from './written_methods.ts';

export const ITEMS: readonly Item[] = [
  ...placeValue,
  ...writtenMethods,
  ...negatives,
  ...operations,
  ...factors,
  ...powers,
  ...fractions,
  ...decimals,
  ...percentages,
  ...ratios,
  ...algebra,
  ...formulae,
  ...equations,
  ...sequences,
  ...graphs,
  ...angles,
  ...polygons,
  ...areas,
  ...transformations,
  ...triangles,
  ...measures,
  ...times,
  ...probability,
  ...averages,
  ...charts,
];
