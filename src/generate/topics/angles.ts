/** Angles, parallel lines, bearings and circle theorems. */
import type { Item } from '../item.ts';
import { ask } from '../phrasing.ts';
import { degrees, m } from '../tex.ts';

const LINES = 'Angles on Lines and at Points';
const TRIANGLES = 'Angles in Triangles';
const PARALLEL = 'Angles in Parallel Lines';

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
      const [p, q, s] = r.pick([
        ['P', 'Q', 'R'],
        ['A', 'B', 'C'],
        ['X', 'Y', 'Z'],
        ['L', 'M', 'N'],
      ]);
      const top = degrees(apex);
      return {
        ask: ask(
          `In triangle ${m(p + q + s)}, ${m(`${p}${q} = ${p}${s}`)} and angle ${m(q + p + s)} is ${top}. How large is angle ${m(p + q + s)}?`,
          `Two sides of a triangle are equal and the angle between them is ${top}. Work out one of the two equal angles.`,
          `The apex of an isosceles triangle is ${top}. Calculate the size of each base angle.`,
          `A triangular flag has two edges of the same length, which form an angle of ${top}. What are the other two angles?`,
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
          `A triangle has angles of ${x} and ${y}. Work out the exterior angle next to its third angle.`,
          `The interior angles at two corners are ${x} and ${y}. The side at the third corner is made longer. Which angle lies outside the triangle there?`,
          `Calculate the exterior angle of a triangle that is opposite interior angles of ${x} and ${y}.`,
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
          `Two railway tracks are parallel and a road crosses both. An angle of ${x} is ${kind} ${joint} another angle. Calculate that angle.`,
          `On parallel lines cut by a transversal, ${m('q')} is ${kind} ${joint} an angle of ${x}. What is the value of ${m('q')}?`,
          `An angle is ${kind} ${joint} one of ${x}, between parallel lines. Work it out.`,
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
          `An angle of ${x} has a complementary angle. How many degrees is it?`,
          `Work out the angle that is complementary to ${x}.`,
          `Angles ${m('a')} and ${m('b')} are complementary, and ${m('a')} is ${x}. Calculate ${m('b')}.`,
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
          `A plane flies on a bearing of ${x}. Work out the bearing of its way back.`,
          `From a lighthouse, a ship has a bearing of ${x}. Calculate the bearing of the lighthouse from the ship.`,
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
];
