/** Angles, parallel lines, bearings, circle theorems and polygons. */
import type { Item } from '../item.ts';
import { ask } from '../phrasing.ts';
import { degrees, m, n } from '../tex.ts';

const LINES = 'Angles on Lines and at Points';
const TRIANGLES = 'Angles in Triangles';
const PARALLEL = 'Angles in Parallel Lines';
const POLYGONS = 'Angles in Polygons';

const SHAPES: Record<number, string> = {
  5: 'pentagon',
  6: 'hexagon',
  8: 'octagon',
  9: 'nonagon',
  10: 'decagon',
  12: 'dodecagon',
};

/** A three-figure bearing. */
const bearing = (x: number): string => m(`${`${((x % 360) + 360) % 360}`.padStart(3, '0')}^\\circ`);

export const angles: Item[] = [
  {
    name: 'angles on a line and round a point',
    construct: ['Find angles on a straight line', 'Find angles round a point'],
    subject: LINES,
    draw(r) {
      const [a, b] = [r.int(20, 85), r.int(20, 85)];
      const round = r.chance(0.5);
      const [x, y] = [degrees(a), degrees(b)];
      const texts = round
        ? [
            `Angles of ${x}, ${y} and ${m('x')} fit together round a point. How large is ${m('x')}?`,
            `Three angles meet at a point and fill it completely. Two of them are ${x} and ${y}. What is the third?`,
            `${r.name} cuts a round pizza into three pieces from its centre. Two pieces have angles of ${x} and ${y}. What is the angle of the third?`,
            `A full turn is made of ${x}, ${y} and another angle. Find it.`,
            `A wheel in ${r.place} has three spokes. The angles between them are ${x}, ${y} and what?`,
          ]
        : [
            `Angles of ${x}, ${y} and ${m('x')} fit together on a straight line. How large is ${m('x')}?`,
            `Three angles lie side by side on a straight line. Two of them are ${x} and ${y}. What is the third?`,
            `${r.name} draws two rays from a point on a straight line and measures ${x} and ${y}. What is the remaining angle on that side of the line?`,
            `A straight angle is split into ${x}, ${y} and another angle. Find it.`,
            `On one side of a straight road in ${r.place} two paths start at the same spot. The angles are ${x}, ${y} and what?`,
          ];
      return {
        ask: ask(...texts),
        correct: degrees(round ? 360 - a - b : 180 - a - b),
        wrong: {
          176: round ? undefined : degrees(360 - a - b), // a line as 360
          177: round && a + b < 180 ? degrees(180 - a - b) : undefined, // a point as 180
        },
      };
    },
  },
  {
    name: 'angles of a triangle',
    construct: ['Find angles in triangles', 'Use the angle sum of a triangle'],
    subject: TRIANGLES,
    draw(r) {
      const [a, b] = [r.int(25, 85), r.int(25, 85)];
      const [x, y] = [degrees(a), degrees(b)];
      return {
        ask: ask(
          `Two angles of a triangle are ${x} and ${y}. How large is the third angle?`,
          `In triangle ${m('ABC')}, angle ${m('A')} is ${x} and angle ${m('B')} is ${y}. What is angle ${m('C')}?`,
          `A triangle has angles of ${x}, ${y} and ${m('t')}. Find ${m('t')}.`,
          `${r.name} measures two corners of a triangular sail: ${x} and ${y}. What should the third be?`,
          `What is the missing angle of a triangle with angles ${x} and ${y}?`,
          `The corners of a triangular park in ${r.place} are ${x}, ${y} and one more angle. How large is it?`,
        ),
        correct: degrees(180 - a - b),
        wrong: {
          178: degrees(360 - a - b), // a triangle as 360
        },
      };
    },
  },
  {
    name: 'isosceles triangles',
    construct: ['Find angles in isosceles triangles', 'Use properties of isosceles triangles'],
    subject: TRIANGLES,
    draw(r) {
      const apex = r.int(10, 58) * 2;
      const [p, q, s] = r.pick([['P', 'Q', 'R'], ['A', 'B', 'C'], ['X', 'Y', 'Z'], ['L', 'M', 'N']]);
      const top = degrees(apex);
      return {
        ask: ask(
          `In triangle ${m(p + q + s)}, ${m(`${p}${q} = ${p}${s}`)} and angle ${m(q + p + s)} is ${top}. How large is angle ${m(p + q + s)}?`,
          `An isosceles triangle has an angle of ${top} between its two equal sides. How large is each of the other angles?`,
          `The equal sides of an isosceles triangle meet at ${top}. What is one of the base angles?`,
          `${r.name} folds a paper triangle with two equal sides that meet at ${top}. Find the angle at the base.`,
          `A roof in ${r.place} is an isosceles triangle with ${top} at the top, where the equal sides meet. What is the angle at each side?`,
        ),
        correct: degrees((180 - apex) / 2),
        wrong: {
          179: degrees(apex), // the angle at the top as a base angle
          178: degrees((360 - apex) / 2), // a triangle as 360
        },
      };
    },
  },
  {
    name: 'exterior angle of a triangle',
    construct: ['Find exterior angles of a triangle', 'Use exterior angles of triangles'],
    subject: TRIANGLES,
    draw(r) {
      const [a, b] = [r.int(25, 80), r.int(25, 80)];
      const [x, y] = [degrees(a), degrees(b)];
      return {
        ask: ask(
          `In triangle ${m('ABC')}, angle ${m('A')} is ${x} and angle ${m('B')} is ${y}. Side ${m('BC')} is extended beyond ${m('C')} to ${m('D')}. How large is angle ${m('ACD')}?`,
          `Two interior angles of a triangle are ${x} and ${y}. What is the exterior angle at the third corner?`,
          `One side of a triangle is made longer at a corner. The angles at the other two corners are ${x} and ${y}. What is the exterior angle?`,
          `${r.name} extends a side of a triangle with angles ${x} and ${y} at its other corners. Find the angle outside the triangle.`,
          `Find the exterior angle of a triangle opposite the interior angles ${x} and ${y}.`,
        ),
        correct: degrees(a + b),
        wrong: {
          183: degrees(180 - a - b), // the third interior angle
          176: degrees(180 + a + b), // a line as 360
        },
      };
    },
  },
  {
    name: 'crossing lines',
    construct: ['Find angles between crossing lines', 'Use vertically opposite angles'],
    subject: LINES,
    draw(r) {
      const a = r.intNot(25, 155, 90);
      const x = degrees(a);
      const beside = r.chance(0.4);
      return {
        ask: beside
          ? ask(
              `Two straight lines cross. One of the four angles is ${x}. How large is the angle beside it?`,
              `Two roads in ${r.place} cross in straight lines. One angle is ${x}. What is the angle next to it?`,
              `${r.name} draws two straight lines that cross at ${x}. Find the neighbouring angle.`,
              `Where two lines cross, one angle measures ${x}. What does the angle next to it on the same line measure?`,
            )
          : ask(
              `Two straight lines cross. One of the four angles is ${x}. How large is the angle vertically opposite to it?`,
              `Two roads in ${r.place} cross in straight lines. One angle is ${x}. What is the angle opposite to it?`,
              `${r.name} opens a pair of scissors to ${x}. What is the vertically opposite angle?`,
              `Find the angle vertically opposite an angle of ${x}.`,
              `Angles ${m('p')} and ${m('q')} are vertically opposite. ${m('p')} is ${x}. What is ${m('q')}?`,
            ),
        correct: degrees(beside ? 180 - a : a),
        wrong: {
          182: beside ? undefined : degrees(180 - a), // opposite angles add up to 180
          176: beside ? degrees(360 - a) : undefined, // a line as 360
        },
      };
    },
  },
  {
    name: 'parallel lines',
    construct: ['Find angles in parallel lines', 'Use alternate, corresponding and co-interior angles'],
    subject: PARALLEL,
    draw(r) {
      const a = r.intNot(35, 145, 90);
      const kind = r.pick(['alternate', 'corresponding', 'co-interior', 'co-interior']);
      const inside = kind === 'co-interior';
      const [x, joint] = [degrees(a), inside ? 'with' : 'to'];
      return {
        ask: ask(
          `A straight line crosses two parallel lines. One angle is ${x}, and angle ${m('p')} is ${kind} ${joint} it. How large is ${m('p')}?`,
          `Lines ${m('AB')} and ${m('CD')} are parallel. An angle of ${x} is ${kind} ${joint} angle ${m('t')}. Find ${m('t')}.`,
          `${r.name} marks two ${kind} angles between parallel lines. One of them is ${x}. What is the other?`,
          `A path crosses two parallel rails in ${r.place}. One angle is ${x}. What is the angle ${kind} ${joint} it?`,
          `Two parallel lines are cut by a third. Find the angle that is ${kind} ${joint} ${x}.`,
        ),
        correct: degrees(inside ? 180 - a : a),
        wrong: {
          180: inside ? degrees(a) : undefined, // co-interior angles equal
          181: inside ? undefined : degrees(180 - a), // alternate or corresponding as supplementary
        },
      };
    },
  },
  {
    name: 'complementary angles',
    construct: ['Know complementary and supplementary angles', 'Use complementary angles'],
    subject: LINES,
    draw(r) {
      const a = r.intNot(10, 80, 45);
      const x = degrees(a);
      return {
        ask: ask(
          `Two angles are complementary. One is ${x}. What is the other?`,
          `What is the complement of ${x}?`,
          `${r.name} looks for the angle that is complementary to ${x}. Which is it?`,
          `Angles ${m('a')} and ${m('b')} are complementary, and ${m('a')} is ${x}. Find ${m('b')}.`,
          `Which angle forms a complementary pair with ${x}?`,
        ),
        correct: degrees(90 - a),
        wrong: {
          185: degrees(180 - a), // as supplementary
        },
      };
    },
  },
  {
    name: 'read a protractor',
    construct: ['Measure angles with a protractor', 'Read a protractor'],
    subject: 'Measuring Angles',
    draw(r) {
      const a = r.intNot(4, 32, 18) * 5;
      const acute = a < 90;
      const [shown, other] = [degrees(a), degrees(180 - a)];
      const kind = acute ? 'acute' : 'obtuse';
      return {
        ask: ask(
          `${r.name} measures an ${kind} angle with a protractor. Its two scales show ${degrees(Math.min(a, 180 - a))} and ${degrees(Math.max(a, 180 - a))} at the same mark. What is the angle?`,
          `One arm of an angle lies on the zero line of a protractor. The other passes the mark where the scales read ${shown} and ${other}. The angle is ${acute ? 'smaller' : 'larger'} than a right angle. How large is it?`,
          `At the second arm of an ${kind} angle the protractor has the numbers ${other} and ${shown}. Which is its size?`,
          `The protractor's inner and outer scale say ${degrees(Math.max(a, 180 - a))} and ${degrees(Math.min(a, 180 - a))}. The angle in the drawing is ${kind}. What should be written down?`,
        ),
        correct: shown,
        wrong: {
          184: other, // the other scale
        },
      };
    },
  },
  {
    name: 'bearings',
    construct: ['Find back bearings', 'Use bearings'],
    subject: 'Bearings',
    draw(r) {
      const a = r.intNot(4, 71, 18, 36, 54) * 5;
      const x = bearing(a);
      const [one, two] = r.pair;
      if (r.chance(0.4)) {
        const east = r.int(4, 17) * 5;
        const side = r.pick(['east', 'west']);
        const right = side === 'east' ? east : 360 - east;
        return {
          ask: ask(
            `A ship sails ${degrees(east)} to the ${side} of north. What is its bearing?`,
            `${one} faces north and turns ${degrees(east)} towards the ${side}. On which bearing does ${one} look now?`,
            `A plane leaves ${r.place} in a direction ${degrees(east)} ${side} of north. Give the bearing.`,
            `What is the three-figure bearing of a direction ${degrees(east)} ${side} of due north?`,
          ),
          correct: bearing(right),
          wrong: {
            186: bearing(360 - right), // anticlockwise
          },
        };
      }
      return {
        ask: ask(
          `The bearing of ${m('B')} from ${m('A')} is ${x}. What is the bearing of ${m('A')} from ${m('B')}?`,
          `A boat sails from a harbour on a bearing of ${x}. On which bearing must it sail straight back?`,
          `${one} sees ${two} on a bearing of ${x}. On what bearing does ${two} see ${one}?`,
          `From a tower in ${r.place} a church lies on a bearing of ${x}. What is the bearing of the tower from the church?`,
          `A plane flies on a bearing of ${x} and then returns the way it came. What is the bearing of its return?`,
        ),
        correct: bearing(a + 180),
        wrong: {
          187: bearing(360 - a), // subtracted from 360
        },
        others: [bearing(a + 90), bearing(a + 270), bearing(180 - a)],
      };
    },
  },
  {
    name: 'circle theorems',
    construct: ['Use circle theorems', 'Find angles in circles'],
    subject: 'Circle Theorems',
    draw(r) {
      const cyclic = r.chance(0.4);
      if (cyclic) {
        const a = r.intNot(40, 140, 90);
        const x = degrees(a);
        return {
          ask: ask(
            `${m('ABCD')} is a cyclic quadrilateral. Angle ${m('A')} is ${x}. How large is the opposite angle ${m('C')}?`,
            `The four corners of a quadrilateral lie on a circle. One angle is ${x}. What is the angle opposite to it?`,
            `${r.name} draws a quadrilateral with all its corners on a circle. Find the angle opposite an angle of ${x}.`,
            `In a cyclic quadrilateral ${m('PQRS')}, angle ${m('Q')} is ${x}. What is angle ${m('S')}?`,
          ),
          correct: degrees(180 - a),
          wrong: {
            190: x, // opposite angles equal
          },
        };
      }
      const a = r.int(20, 70);
      const centre = r.chance(0.3);
      const given = centre ? 2 * a : a;
      return {
        ask: centre
          ? ask(
              `${m('O')} is the centre of a circle through ${m('A')}, ${m('B')} and ${m('C')}. Angle ${m('AOB')} is ${degrees(given)}. How large is angle ${m('ACB')} on the same arc?`,
              `The angle at the centre of a circle is ${degrees(given)}. What is the angle at the circumference on the same arc?`,
              `${r.name} knows that an arc makes an angle of ${degrees(given)} at the centre. Which angle does it make at the circumference?`,
              `Find the angle at the circumference when the angle at the centre, on the same arc, is ${degrees(given)}.`,
            )
          : ask(
              `${m('O')} is the centre of a circle through ${m('A')}, ${m('B')} and ${m('C')}. Angle ${m('ACB')} is ${degrees(given)}. How large is angle ${m('AOB')} on the same arc?`,
              `The angle at the circumference of a circle is ${degrees(given)}. What is the angle at the centre on the same arc?`,
              `${r.name} knows that an arc makes an angle of ${degrees(given)} at the circumference. Which angle does it make at the centre?`,
              `Find the angle at the centre when the angle at the circumference, on the same arc, is ${degrees(given)}.`,
            ),
        correct: degrees(centre ? a : 2 * a),
        wrong: {
          188: degrees(given), // equal
          189: degrees(centre ? 4 * a : a / 2), // half the wrong way
        },
      };
    },
  },
  {
    name: 'sum of interior angles',
    construct: ['Find the sum of interior angles of a polygon', 'Use the angle sum of a polygon'],
    subject: POLYGONS,
    draw(r) {
      const sides = r.int(5, 15);
      const shape = SHAPES[sides] && r.chance(0.6) ? `a ${SHAPES[sides]}`.replace('a o', 'an o') : `a polygon with ${n(sides)} sides`;
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
      const shape = SHAPES[sides] && r.chance(0.6) ? `regular ${SHAPES[sides]}` : `regular polygon with ${n(sides)} sides`;
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
            195: Number.isInteger(360 / (180 - outer)) ? n(360 / (180 - outer)) : n(Number((360 / (180 - outer)).toFixed(1))), // by the interior angle
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
    subject: 'Properties of Polygons',
    draw(r) {
      const sides = r.int(5, 15);
      const shape = SHAPES[sides] && r.chance(0.6) ? `a ${SHAPES[sides]}`.replace('a o', 'an o') : `a polygon with ${n(sides)} sides`;
      return {
        ask: ask(
          `How many diagonals does ${shape} have?`,
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
      const shape = r.pick([
        { name: 'parallelogram', about: 'with no right angle and two different side lengths', lines: 0, order: 2, sides: 4 },
        { name: 'rectangle', about: 'that is not a square', lines: 2, order: 2, sides: 4 },
        { name: 'trapezium', about: 'with exactly one line of symmetry', lines: 1, order: 1, sides: 4 },
        { name: 'kite', about: 'that is not a rhombus', lines: 1, order: 1, sides: 4 },
        { name: 'scalene triangle', about: 'with three different sides', lines: 0, order: 1, sides: 3 },
        { name: 'rhombus', about: 'that is not a square', lines: 2, order: 2, sides: 4 },
        { name: 'isosceles triangle', about: 'with exactly two equal sides', lines: 1, order: 1, sides: 3 },
      ]);
      const what = `a ${shape.name} ${shape.about}`.replace('a is', 'an is');
      const diagonal = shape.name === 'parallelogram' || shape.name === 'rectangle';
      const lines = diagonal && r.chance(0.5);
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
