/** Transformations, Pythagoras' theorem and trigonometry. */
import type { Item } from '../item.ts';
import { ask } from '../phrasing.ts';
import { degrees, fixed, frac, m, n, num, point, rat } from '../tex.ts';

const MOVES = 'Transformations';
const PYTHAGORAS = "Pythagoras' Theorem";
const TRIGONOMETRY = 'Trigonometry';

const vector = (x: number, y: number): string => m(`\\begin{pmatrix} ${x} \\\\ ${y} \\end{pmatrix}`);
const at = (x: number, y: number): string => m(point(x, y));

export const transformations: Item[] = [
  {
    name: 'translate a point',
    construct: ['Translate points', 'Use translation vectors'],
    subject: MOVES,
    draw(r) {
      const [x, y] = [r.int(-6, 9), r.int(-6, 9)];
      const a = r.intNot(-7, 7, 0);
      const b = r.intNot(-7, 7, 0, a, -a);
      const [p, v] = [at(x, y), vector(a, b)];
      return {
        ask: ask(
          `The point ${p} is translated by the vector ${v}. Where does it go?`,
          `Translate ${p} by ${v}. Give the new coordinates.`,
          `A corner of a shape is at ${p}. The shape is moved by the vector ${v}. Work out where the corner is now.`,
          `What is the image of ${p} under the translation ${v}?`,
          `${r.name} moves a counter from ${p} by ${v}. Where is it now?`,
          `A shape has a corner at ${p}. It is translated by ${v}. Where is that corner afterwards?`,
          `Translate ${p} by the vector ${v}.`,
        ),
        correct: at(x + a, y + b),
        wrong: {
          224: at(x + b, y + a), // top number for the vertical move
          225: at(x - a, y - b), // against the signs
        },
      };
    },
  },
  {
    name: 'rotate a point',
    construct: ['Rotate points about the origin', 'Use rotations'],
    subject: MOVES,
    draw(r) {
      const x = r.intNot(-8, 8, 0);
      const y = r.intNot(-8, 8, 0, x, -x);
      const p = at(x, y);
      const turn = r.pick(['half', 'clockwise', 'anticlockwise'] as const);
      if (turn === 'half')
        return {
          ask: ask(
            `The point ${p} is rotated through ${degrees(180)} about the origin. Where does it go?`,
            `What is the image of ${p} after a half turn about ${m('(0, 0)')}?`,
            `${r.name} rotates ${p} by ${degrees(180)} about the origin. Which point is the image?`,
            `A shape with a corner at ${p} is turned half way round the origin. Where is the corner now?`,
            `Rotate ${p} by a half turn about the origin.`,
          ),
          correct: at(-x, -y),
          // Either coordinate may be the one that is changed.
          wrong: { 223: r.chance(0.5) ? at(-x, y) : at(x, -y) },
          others: [at(y, x), at(-y, -x), at(y, -x), at(-y, x)],
        };
      const [right, other] = turn === 'clockwise' ? [at(y, -x), at(-y, x)] : [at(-y, x), at(y, -x)];
      return {
        ask: ask(
          `The point ${p} is rotated through ${degrees(90)} ${turn} about the origin. Where does it go?`,
          `Turn ${p} through ${degrees(90)} ${turn} about the origin. Give the new coordinates.`,
          `A corner of a shape is at ${p}. The shape is turned ${degrees(90)} ${turn} about ${m('(0, 0)')}. Work out where the corner is now.`,
          `What is the image of ${p} after a quarter turn ${turn} about ${m('(0, 0)')}?`,
          `${r.name} rotates ${p} by ${degrees(90)} ${turn} about the origin. Which point is the image?`,
          `A shape with a corner at ${p} is turned ${degrees(90)} ${turn} round the origin. Where is the corner now?`,
          `Rotate ${p} by ${degrees(90)} ${turn} about the origin.`,
        ),
        correct: right,
        wrong: {
          222: other, // the other way round
        },
        others: [at(y, x), at(-x, -y), at(-x, y), at(x, -y)],
      };
    },
  },
  {
    name: 'reflect a point',
    construct: ['Reflect points in lines', 'Use reflections'],
    subject: MOVES,
    draw(r) {
      const x = r.intNot(-8, 8, 0);
      const y = r.intNot(-8, 8, 0, x, -x);
      const k = r.intNot(-4, 6, 0, x, y);
      const mirror = r.pick([
        { text: `the ${m('x')}-axis`, right: at(x, -y), wrong: { 219: at(-x, y) } },
        { text: `the ${m('y')}-axis`, right: at(-x, y), wrong: { 219: at(x, -y) } },
        { text: `the line ${m('y = x')}`, right: at(y, x), wrong: { 220: at(-x, -y) } },
        { text: `the line ${m(`x = ${k}`)}`, right: at(2 * k - x, y), wrong: { 221: at(-x, y) } },
        { text: `the line ${m(`y = ${k}`)}`, right: at(x, 2 * k - y), wrong: { 221: at(x, -y) } },
      ]);
      const p = at(x, y);
      return {
        ask: ask(
          `The point ${p} is reflected in ${mirror.text}. Where does it go?`,
          `Reflect ${p} in ${mirror.text}. Give the new coordinates.`,
          `A corner of a shape is at ${p}. The shape is mirrored in ${mirror.text}. Work out where the corner is now.`,
          `What is the image of ${p} after a reflection in ${mirror.text}?`,
          `${r.name} reflects ${p} in ${mirror.text}. Which point is the image?`,
          `A shape with a corner at ${p} is reflected in ${mirror.text}. Where is the corner now?`,
          `Reflect ${p} in ${mirror.text}.`,
        ),
        correct: mirror.right,
        wrong: mirror.wrong, // the other axis; both signs; the axis for the line
        others: [at(-y, x), at(y, -x), at(-y, -x), at(x + 1, -y)],
      };
    },
  },
  {
    name: 'enlarge a length',
    construct: ['Enlarge shapes with a fractional scale factor', 'Enlarge shapes'],
    subject: MOVES,
    draw(r) {
      const d = r.pick([2, 3, 4, 5]);
      const fraction = r.chance(0.6);
      const length = d * r.int(2, 9);
      const k = fraction ? 1 / d : d;
      const scale = m(fraction ? frac(1, d) : `${d}`);
      return {
        ask: ask(
          `A photograph ${n(length)} cm wide is enlarged with scale factor ${scale}. How wide is the image?`,
          `Scale factor ${scale}: a length of ${n(length)} cm becomes how long?`,
          `Work out the new length of an edge of ${n(length)} cm after an enlargement by scale factor ${scale}.`,
          `A side of a shape is ${n(length)} cm. After an enlargement with scale factor ${scale}, how long is it?`,
          `${r.name} enlarges a triangle with a base of ${n(length)} cm by scale factor ${scale}. What is the new base?`,
          `A flag in ${r.place} is ${n(length)} cm high. A model of it has scale factor ${scale}. How high is the model?`,
          `Find the length of the image of a ${n(length)} cm line under an enlargement, scale factor ${scale}.`,
        ),
        correct: n(length * k, 'cm'),
        wrong: {
          226: fraction ? `${m(`${length}${frac(1, d)}`)} cm` : n(length + d, 'cm'), // added
          227: fraction ? n(length * d, 'cm') : undefined, // divides, so that it grows
        },
      };
    },
  },
  {
    name: 'enlarge from a centre',
    construct: ['Enlarge shapes from a centre', 'Use enlargements with a centre'],
    subject: MOVES,
    draw(r) {
      const [a, b] = [r.intNot(-3, 5, 0), r.intNot(-3, 5, 0)];
      const [x, y] = [a + r.intNot(-4, 4, 0), b + r.intNot(-4, 4, 0)];
      const negative = r.chance(0.4);
      const k = r.int(2, 4);
      const s = negative ? -k : k;
      const image = (scale: number, cx: number, cy: number) => at(cx + scale * (x - cx), cy + scale * (y - cy));
      const [p, c] = [at(x, y), at(a, b)];
      return {
        ask: ask(
          `The point ${p} is enlarged with scale factor ${n(s)} and centre ${c}. Where is its image?`,
          `Enlarge ${p} by scale factor ${n(s)} from the centre ${c}. Give the new coordinates.`,
          `A corner of a shape is at ${p}. The shape is enlarged from ${c} with scale factor ${n(s)}. Work out where the corner is now.`,
          `What is the image of ${p} under an enlargement with centre ${c} and scale factor ${n(s)}?`,
          `${r.name} enlarges a shape with a corner at ${p}, centre ${c}, scale factor ${n(s)}. Where does the corner go?`,
          `A shape is enlarged from the centre ${c} by scale factor ${n(s)}. Where does its corner ${p} end up?`,
          `Enlarge ${p} by scale factor ${n(s)} from ${c}.`,
        ),
        correct: image(s, a, b),
        wrong: {
          228: image(s, 0, 0), // the coordinates multiplied
          229: negative ? image(k, a, b) : undefined, // the minus sign ignored
        },
      };
    },
  },
];

const TRIPLES = [
  [3, 4, 5],
  [6, 8, 10],
  [5, 12, 13],
  [9, 12, 15],
  [8, 15, 17],
  [12, 16, 20],
  [7, 24, 25],
  [15, 20, 25],
  [10, 24, 26],
  [20, 21, 29],
  [12, 35, 37],
  [9, 40, 41],
  [18, 24, 30],
  [16, 30, 34],
] as const;

const sin = (x: number) => Math.sin((x * Math.PI) / 180);
const cos = (x: number) => Math.cos((x * Math.PI) / 180);
const tan = (x: number) => Math.tan((x * Math.PI) / 180);

export const triangles: Item[] = [
  {
    name: 'hypotenuse',
    construct: ['Find the hypotenuse', "Use Pythagoras' theorem"],
    subject: PYTHAGORAS,
    draw(r) {
      const [a, b, c] = r.pick(TRIPLES);
      const [x, y] = r.shuffled([a, b]);
      const u = r.pick(['cm', 'm', 'km']);
      return {
        ask: ask(
          `The two shorter sides of a right-angled triangle are ${n(x)} ${u} and ${n(y)} ${u}. How long is the hypotenuse?`,
          `Find the longest side of a right-angled triangle whose other sides are ${n(x)} ${u} and ${n(y)} ${u}.`,
          `${r.name} goes ${n(x)} ${u} north and then ${n(y)} ${u} east. How far is it straight back to the start?`,
          `A rectangle is ${n(x)} ${u} by ${n(y)} ${u}. How long is its diagonal?`,
          `A ramp in ${r.place} rises ${n(Math.min(x, y))} ${u} over a level distance of ${n(Math.max(x, y))} ${u}. How long is its slope?`,
          `In triangle ${m('ABC')} the angle at ${m('B')} is a right angle, ${m('AB')} is ${n(x)} ${u} and ${m('BC')} is ${n(y)} ${u}. How long is ${m('AC')}?`,
        ),
        correct: n(c, u),
        wrong: {
          231: n(c * c, u), // no square root
          232: n(a + b, u), // the sides added
          233: `${m(`\\sqrt{${2 * a + 2 * b}}`)} ${u}`, // doubled instead of squared
        },
      };
    },
  },
  {
    name: 'a shorter side',
    construct: ['Find a shorter side of a right-angled triangle', "Use Pythagoras' theorem"],
    subject: PYTHAGORAS,
    draw(r) {
      const [p, q, c] = r.pick(TRIPLES);
      const [a, b] = r.shuffled([p, q]);
      const u = r.pick(['cm', 'm']);
      return {
        ask: ask(
          `The hypotenuse of a right-angled triangle is ${n(c)} ${u} and another side is ${n(b)} ${u}. How long is the third side?`,
          `Calculate the third side of a right-angled triangle. Its longest side is ${n(c)} ${u} and one of the others ${n(b)} ${u}.`,
          `A right-angled triangle has a hypotenuse of ${n(c)} ${u}. One of the sides at the right angle is ${n(b)} ${u}. Work out the other.`,
          `A ladder ${n(c)} ${u} long leans on a vertical wall. Its foot is ${n(b)} ${u} from the wall on level ground. How high does it reach?`,
          `Find the missing side of a right-angled triangle with a hypotenuse of ${n(c)} ${u} and a side of ${n(b)} ${u}.`,
          `${r.name} knows the diagonal of a rectangle, ${n(c)} ${u}, and its width, ${n(b)} ${u}. What is its length?`,
          `A cable of ${n(c)} ${u} runs from the top of a mast in ${r.place} to a point ${n(b)} ${u} from its foot. How tall is the mast?`,
        ),
        correct: n(a, u),
        wrong: {
          230: `${m(`\\sqrt{${c * c + b * b}}`)} ${u}`, // the squares added
          233: `${m(`\\sqrt{${2 * c - 2 * b}}`)} ${u}`, // doubled instead of squared
        },
      };
    },
  },
  {
    name: 'hypotenuse from a sine',
    construct: ['Find the hypotenuse with trigonometry', 'Use sine, cosine and tangent'],
    subject: TRIGONOMETRY,
    draw(r) {
      const [angle, side] = [r.int(5, 17) * 5, r.int(3, 20)];
      const a = (x: number) => `${m(fixed(x, 1))} cm`;
      const x = degrees(angle);
      return {
        ask: ask(
          `In a right-angled triangle, the side opposite an angle of ${x} is ${n(side)} cm long. How long is the hypotenuse, to ${n(1)} decimal place?`,
          `Calculate the longest side of a right-angled triangle in which ${n(side)} cm lies opposite an angle of ${x}. Give 1 d.p.`,
          `The side facing an angle of ${x} in a right-angled triangle is ${n(side)} cm. Work out the hypotenuse to 1 d.p.`,
          `Find the hypotenuse of a right-angled triangle with an angle of ${x} and ${n(side)} cm opposite to it. Give ${n(1)} decimal place.`,
          `${r.name} makes a ramp ${n(side)} cm high at an angle of ${x} to the floor. How long is the ramp, to ${n(1)} d.p.?`,
          `Triangle ${m('ABC')} has a right angle at ${m('B')}. Angle ${m('A')} is ${x} and ${m('BC')} is ${n(side)} cm. How long is ${m('AC')}, to ${n(1)} d.p.?`,
          `A kite string in ${r.place} makes ${x} with the ground, and the kite model hangs ${n(side)} cm up. How long is the string, to ${n(1)} decimal place?`,
        ),
        correct: a(side / sin(angle)),
        wrong: {
          235: a(side / cos(angle)), // sine and cosine exchanged
          236: a(side * sin(angle)), // multiplied
          237: a(side / tan(angle)), // the tangent
        },
      };
    },
  },
  {
    name: 'side from a cosine',
    construct: ['Find a side with trigonometry', 'Use sine, cosine and tangent'],
    subject: TRIGONOMETRY,
    draw(r) {
      const [angle, side] = [r.intNot(5, 17, 9) * 5, r.int(5, 30)];
      const opposite = r.chance(0.5);
      const a = (x: number) => `${m(fixed(x, 1))} cm`;
      const [x, where] = [degrees(angle), opposite ? 'opposite' : 'adjacent to'];
      return {
        ask: ask(
          `The hypotenuse of a right-angled triangle is ${n(side)} cm. How long is the side ${where} an angle of ${x}, to ${n(1)} decimal place?`,
          `Calculate, to 1 d.p., the side ${where} an angle of ${x} if the hypotenuse of the right-angled triangle is ${n(side)} cm.`,
          `In a right-angled triangle the longest side is ${n(side)} cm. Work out the side ${where} the ${x} angle, to 1 d.p.`,
          `Find the side ${where} the angle of ${x} in a right-angled triangle with a hypotenuse of ${n(side)} cm, to ${n(1)} d.p.`,
          `${r.name} leans a ${n(side)} cm stick so that it forms a right-angled triangle with floor and wall. What is the side ${where} its angle of ${x}, to ${n(1)} d.p.?`,
          `A right-angled triangle has an angle of ${x} and a hypotenuse of ${n(side)} cm. What is the length of the side ${where} that angle, to ${n(1)} decimal place?`,
          `A right-angled sail in ${r.place} has a longest edge of ${n(side)} cm and an angle of ${x}. Find the edge ${where} this angle, to ${n(1)} d.p.`,
        ),
        correct: a(side * (opposite ? sin(angle) : cos(angle))),
        wrong: {
          235: a(side * (opposite ? cos(angle) : sin(angle))), // sine and cosine exchanged
          237: a(side * tan(angle)), // the tangent
        },
      };
    },
  },
  {
    name: 'cosine rule',
    construct: ['Use the cosine rule', 'Find a side of any triangle'],
    subject: TRIGONOMETRY,
    draw(r) {
      const [b, c] = [r.int(3, 15), r.int(3, 15)];
      const angle = r.intNot(3, 14, 9) * 10;
      const square = b * b + c * c - 2 * b * c * cos(angle);
      const whole = (b * b + c * c - 2 * b * c) * cos(angle);
      const a = (x: number) => `${m(fixed(x, 1))} cm`;
      return {
        ask: ask(
          `In triangle ${m('ABC')}, ${m(`b = ${b}`)} cm, ${m(`c = ${c}`)} cm and angle ${m('A')} is ${degrees(angle)}. How long is side ${m('a')}, to ${n(1)} decimal place?`,
          `Calculate the third side of a triangle with sides of ${n(b)} cm and ${n(c)} cm and ${degrees(angle)} between them, to 1 d.p.`,
          `A triangle has ${m(`b = ${b}`)} cm, ${m(`c = ${c}`)} cm and ${m(`A = ${angle}^\\circ`)}. Work out ${m('a')} to 1 decimal place.`,
          `Two sides of a triangle, ${n(b)} cm and ${n(c)} cm, meet at an angle of ${degrees(angle)}. How long is the third side, to ${n(1)} d.p.?`,
          `${r.name} joins sticks of ${n(b)} cm and ${n(c)} cm at an angle of ${degrees(angle)}. How far apart are their free ends, to ${n(1)} d.p.?`,
          `Find the side opposite the angle of ${degrees(angle)} between sides of ${n(b)} cm and ${n(c)} cm, to ${n(1)} decimal place.`,
          `On a plan of ${r.place} two streets of ${n(b)} cm and ${n(c)} cm leave a square at ${degrees(angle)} to each other. How far apart are their ends on the plan, to ${n(1)} d.p.?`,
        ),
        correct: a(Math.sqrt(square)),
        wrong: {
          234: a(Math.sqrt(b * b + c * c)), // Pythagoras without a right angle
          239: whole > 0 ? a(Math.sqrt(whole)) : undefined, // the whole times cos A
        },
      };
    },
  },
  {
    name: 'exact values',
    construct: ['Know exact trigonometric values', 'Use exact values of sine and cosine'],
    subject: TRIGONOMETRY,
    draw(r) {
      const half = m(frac(1, 2));
      const root3 = m(frac('\\sqrt{3}', '2'));
      const sine = (x: number) => m(`\\sin ${x}^\\circ`);
      const given = r.chance(0.6);
      const others = [m('\\sqrt{3}'), m(frac('\\sqrt{2}', '2')), m(rat(1, 4)), m(frac('1', '\\sqrt{3}')), n(2)];
      if (given)
        return {
          ask: ask(
            `${m('\\sin 30^\\circ = \\dfrac{1}{2}')}. What is the exact value of ${sine(60)}?`,
            `${r.name} knows that ${m('\\sin 30^\\circ')} is a half. What is ${sine(60)} exactly?`,
            `Given ${m('\\sin 30^\\circ = \\dfrac{1}{2}')}, write down ${sine(60)}.`,
            `The sine of ${degrees(30)} is ${half}. Which is the sine of ${degrees(60)}, an angle twice as large?`,
            `In ${r.place} a class learns that ${m('\\sin 30^\\circ = \\dfrac{1}{2}')}. What should they write for ${sine(60)}?`,
          ),
          correct: root3,
          wrong: {
            238: n(1), // doubled with the angle
            235: half, // sine and cosine exchanged
          },
          others,
        };
      const [angle, value] = r.pick([
        [10, 0.17],
        [15, 0.26],
        [20, 0.34],
        [25, 0.42],
        [40, 0.64],
        [35, 0.57],
      ] as const);
      return {
        ask: ask(
          `${m(`\\sin ${angle}^\\circ = ${num(value)}`)} to two decimal places. What is ${sine(2 * angle)} to two decimal places?`,
          `${r.name} finds ${sine(angle)} to be ${n(value)}. What is ${sine(2 * angle)}, to 2 d.p.?`,
          `If ${sine(angle)} is about ${n(value)}, what is ${sine(2 * angle)} about?`,
          `A calculator gives ${n(value)} for ${sine(angle)}. What does it give for ${sine(2 * angle)}, rounded the same way?`,
        ),
        correct: m(fixed(sin(2 * angle), 2)),
        wrong: {
          238: m(fixed(2 * value, 2)), // doubled with the angle
        },
      };
    },
  },
];
