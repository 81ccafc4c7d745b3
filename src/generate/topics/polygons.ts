/** Polygons: their angles, diagonals and symmetry. */
import type { Item } from '../item.ts';
import { ask } from '../phrasing.ts';
import { degrees, n } from '../tex.ts';

const POLYGONS = 'Angles in Polygons';
const PROPERTIES = 'Properties of Polygons';

const SHAPES: Record<number, string> = {
  5: 'pentagon',
  6: 'hexagon',
  8: 'octagon',
  9: 'nonagon',
  10: 'decagon',
  12: 'dodecagon',
};

export const polygons: Item[] = [
  {
    name: 'equal sides are not enough',
    construct: ['Recognise regular polygons', 'Know properties of polygons'],
    subject: PROPERTIES,
    draw(r) {
      const side = r.int(3, 30);
      const angle = r.intNot(40, 85, 60);
      const [name, corners] = r.pick([
        ['rhombus', `${degrees(angle)} and ${degrees(180 - angle)}`],
        ['hexagon', `${degrees(angle + 60)}, ${degrees(150 - angle)} and ${degrees(150)} in turn, twice over`],
        ['pentagon', `${degrees(90)}, ${degrees(90)}, ${degrees(150)}, ${degrees(60)} and ${degrees(150)}`],
      ] as const);
      const shape = `a ${name} with all sides of ${n(side)} cm and angles of ${corners}`;
      return {
        ask: ask(
          `${r.name} draws ${shape}. Is it a regular polygon?`,
          `Decide whether ${shape} is a regular polygon.`,
          `Can we call ${shape} a regular polygon?`,
          `Is ${shape} regular?`,
          `A tile from ${r.place} is ${shape}. Which statement is true?`,
          `What can be said of ${shape}?`,
          `Someone calls ${shape} a regular polygon. Are they right?`,
        ),
        correct: r.pick([
          'No, its angles are not all equal.',
          'It is not regular, since the angles differ.',
          'No: a regular polygon has equal angles too.',
        ]),
        wrong: {
          196: r.pick([
            'Yes, because all its sides are equal.',
            'It is regular, since the sides are all equal.',
            'Yes: all sides have the same length.',
          ]), // equal sides make it regular
        },
        others: [
          'Yes, because its angles are all equal.',
          'No, because its sides are not all equal.',
          'It is not a polygon at all.',
          'That depends on its size.',
        ],
      };
    },
  },
  {
    name: 'sum of interior angles',
    construct: ['Find the sum of interior angles of a polygon', 'Use the angle sum of a polygon'],
    subject: POLYGONS,
    draw(r) {
      const sides = r.int(5, 15);
      const shape =
        SHAPES[sides] && r.chance(0.6)
          ? `a ${SHAPES[sides]}`.replace('a o', 'an o')
          : `a polygon with ${n(sides)} sides`;
      return {
        ask: ask(
          `What do the interior angles of ${shape} add up to?`,
          `Find the sum of the interior angles of ${shape}.`,
          `${r.name} adds all the angles inside ${shape}. What is the total?`,
          `A window in ${r.place} has the form of ${shape}. What is the sum of the angles at its corners?`,
          `What is the total of the inside angles of ${shape}?`,
          `Angle sum of ${shape}:`,
        ),
        correct: degrees(180 * (sides - 2)),
        wrong: {
          191: degrees(180 * sides), // 180 for each side
          192: degrees(360), // 360 for every polygon
        },
      };
    },
  },
  {
    name: 'angles of regular polygons',
    construct: ['Find angles of regular polygons', 'Find interior and exterior angles'],
    subject: POLYGONS,
    draw(r) {
      const sides = r.pick([5, 6, 8, 9, 10, 12, 15, 18, 20, 24, 30, 36]);
      const shape =
        SHAPES[sides] && r.chance(0.6) ? `regular ${SHAPES[sides]}` : `regular polygon with ${n(sides)} sides`;
      const outer = 360 / sides;
      const form = r.int(0, 2);
      if (form === 0)
        return {
          ask: ask(
            `How large is each interior angle of a ${shape}?`,
            `Find the interior angle of a ${shape}.`,
            `${r.name} tiles a floor with ${shape.replace('polygon with', 'polygons of').replace(/gon$/, 'gons')}. What is the angle at a corner of a tile?`,
            `Work out the size of one interior angle of a ${shape}.`,
            `What is the angle inside a ${shape} at each corner?`,
          ),
          correct: degrees(180 - outer),
          wrong: {
            193: degrees(outer), // the exterior angle
          },
        };
      if (form === 1)
        return {
          ask: ask(
            `Each interior angle of a regular polygon is ${degrees(180 - outer)}. How many sides does it have?`,
            `How many sides has a regular polygon with interior angles of ${degrees(180 - outer)}?`,
            `${r.name} measures ${degrees(180 - outer)} inside every corner of a regular polygon. How many sides are there?`,
            `A regular polygon has an interior angle of ${degrees(180 - outer)}. Find the number of its sides.`,
            `A tower in ${r.place} has a regular floor plan with ${degrees(180 - outer)} at each corner. How many walls has it?`,
          ),
          correct: n(sides),
          wrong: {
            195: Number.isInteger(360 / (180 - outer))
              ? n(360 / (180 - outer))
              : n(Number((360 / (180 - outer)).toFixed(1))), // by the interior angle
          },
        };
      return {
        ask: ask(
          `What do the exterior angles of a ${shape} add up to?`,
          `Find the sum of the exterior angles, one at each corner, of a ${shape}.`,
          `${r.name} walks once round a ${shape} and adds up all the turns. What is the total?`,
          `What is the total of the exterior angles of a ${shape}?`,
        ),
        correct: degrees(360),
        wrong: {
          194: degrees(180 * (sides - 2)), // as the interior angles
        },
        others: [degrees(180), degrees(180 * sides), degrees(outer), degrees(720)],
      };
    },
  },
  {
    name: 'diagonals of a polygon',
    construct: ['Count the diagonals of a polygon', 'Know properties of polygons'],
    subject: PROPERTIES,
    draw(r) {
      const sides = r.int(5, 15);
      const shape =
        SHAPES[sides] && r.chance(0.6)
          ? `a ${SHAPES[sides]}`.replace('a o', 'an o')
          : `a polygon with ${n(sides)} sides`;
      return {
        ask: ask(
          `How many diagonals does ${shape} have?`,
          `Work out the number of diagonals of ${shape}.`,
          `All the corners of ${shape} are joined that are not neighbours. How many lines is that?`,
          `Count the diagonals that can be drawn in ${shape}.`,
          `${r.name} draws all the diagonals of ${shape}. How many are there?`,
          `What is the number of diagonals of ${shape}?`,
          `The corners of ${shape} are joined in every way that is not a side. How many lines are drawn?`,
          `A board in ${r.place} is ${shape} with a nail in each corner. How many threads join nails that are not neighbours?`,
        ),
        correct: n((sides * (sides - 3)) / 2),
        wrong: {
          200: n(sides * (sides - 3)), // each counted from both ends
        },
      };
    },
  },
  {
    name: 'symmetry',
    construct: ['Describe the symmetry of quadrilaterals', 'Find lines and orders of symmetry'],
    subject: 'Symmetry',
    draw(r) {
      const lines = r.chance(0.4);
      const shape = r.pick(
        [
          {
            name: 'parallelogram',
            about: 'with no right angle and two different side lengths',
            lines: 0,
            order: 2,
            sides: 4,
          },
          { name: 'rectangle', about: 'that is not a square', lines: 2, order: 2, sides: 4 },
          { name: 'trapezium', about: 'with exactly one line of symmetry', lines: 1, order: 1, sides: 4 },
          { name: 'kite', about: 'that is not a rhombus', lines: 1, order: 1, sides: 4 },
          { name: 'scalene triangle', about: 'with three different sides', lines: 0, order: 1, sides: 3 },
          { name: 'rhombus', about: 'that is not a square', lines: 2, order: 2, sides: 4 },
          { name: 'isosceles triangle', about: 'with exactly two equal sides', lines: 1, order: 1, sides: 3 },
        ].slice(0, lines ? 2 : 7),
      );
      const [a, b] = r.ints(2, 3, 12);
      const sized = lines ? `, ${n(a)} cm by ${n(b)} cm,` : '';
      const what = `a ${shape.name}${sized} ${shape.about}`.replace('a is', 'an is');
      const others = [0, 1, 2, 3, 4, 5].map((k) => n(k));
      return {
        ask: lines
          ? ask(
              `How many lines of symmetry does ${what} have?`,
              `${r.name} folds ${what} onto itself. Along how many lines is that possible?`,
              `What is the number of lines of symmetry of ${what}?`,
              `Count the mirror lines of ${what}.`,
              `A tile from ${r.place} is ${what}. How many lines of symmetry has it?`,
            )
          : ask(
              `What is the order of rotational symmetry of ${what}?`,
              `${r.name} turns ${what} once round its centre. What is its order of rotational symmetry?`,
              `Give the order of rotational symmetry for ${what}.`,
              `A tile from ${r.place} is ${what}. Which order of rotational symmetry has it?`,
              `Order of rotational symmetry of ${what}:`,
            ),
        correct: n(lines ? shape.lines : shape.order),
        wrong: {
          197: lines ? n(shape.lines + 2) : undefined, // diagonals as lines of symmetry
          198: !lines && shape.order === 1 ? n(0) : undefined, // order 0
          199: lines ? undefined : n(shape.sides), // the number of sides
        },
        others,
      };
    },
  },
];
