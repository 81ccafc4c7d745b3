/** Coordinates, straight lines and functions. */
import type { Item } from '../item.ts';
import { ask } from '../phrasing.ts';
import { gcd } from '../rational.ts';
import { frac, m, n, point, rat, sum } from '../tex.ts';

const LINES = 'Straight Line Graphs';
const FUNCTIONS = 'Functions';

/** y = mx + c */
const line = (slope: number, c: number): string => m(`y = ${sum([slope, 'x'], [c, ''])}`);

export const graphs: Item[] = [
  {
    name: 'plot a point',
    construct: ['Read and plot coordinates', 'Give the coordinates of a point'],
    subject: 'Coordinates',
    draw(r) {
      const [x, y] = r.ints(2, 1, 12);
      const right = r.chance(0.75);
      const across = right ? x : -x;
      const side = right ? 'right' : 'left';
      return {
        ask: ask(
          `A point is ${n(x)} to the ${side} of the origin and ${n(y)} above it. What are its coordinates?`,
          `From the origin, go ${n(x)} to the ${side} and ${n(y)} up. Write the coordinates.`,
          `A cross is drawn ${n(x)} units to the ${side} of the origin and ${n(y)} units above. Give its position as coordinates.`,
          `${r.name} starts at the origin and goes ${n(x)} squares ${side} and ${n(y)} squares up. Which point is this?`,
          `From ${m('(0, 0)')}, move ${n(x)} ${side} and ${n(y)} up. Where are you?`,
          `A tree on a grid map of ${r.place} stands ${n(y)} units up and ${n(x)} units ${side} of the origin. What are its coordinates?`,
          `Point ${m('P')} lies ${n(y)} units above the ${m('x')}-axis and ${n(x)} units to the ${side} of the ${m('y')}-axis. Write its coordinates.`,
        ),
        correct: m(point(across, y)),
        wrong: {
          162: m(point(y, across)), // vertical first
        },
        others: [m(point(-across, y)), m(point(across, -y)), m(point(x + y, 0))],
      };
    },
  },
  {
    name: 'midpoint',
    construct: ['Find the midpoint of a line segment', 'Find midpoints'],
    subject: 'Coordinates',
    draw(r) {
      const [a, b] = [r.int(-6, 8), r.int(-6, 8)];
      const [c, d] = [a + 2 * r.int(1, 6), b + 2 * r.intNot(-6, 6, 0)];
      const [p, q] = [m(point(a, b)), m(point(c, d))];
      return {
        ask: ask(
          `What is the midpoint of the line from ${p} to ${q}?`,
          `Which point lies halfway from ${p} to ${q}?`,
          `Calculate the coordinates of the middle of the segment joining ${p} and ${q}.`,
          `A line segment has ends ${p} and ${q}. Work out its midpoint.`,
          `Find the midpoint of ${p} and ${q}.`,
          `${m('A')} is ${p} and ${m('B')} is ${q}. Which point is halfway between them?`,
          `${r.name} marks the middle of the segment that joins ${p} and ${q}. What are its coordinates?`,
          `Two lamp posts in ${r.place} stand at ${p} and ${q}. Where is the point halfway between?`,
        ),
        correct: m(point((a + c) / 2, (b + d) / 2)),
        wrong: {
          169: m(point((c - a) / 2, (d - b) / 2)), // half the differences
          162: m(point((b + d) / 2, (a + c) / 2)), // vertical first
        },
      };
    },
  },
  {
    name: 'gradient between two points',
    construct: ['Find the gradient between two points', 'Calculate gradients'],
    subject: LINES,
    draw(r) {
      const [a, b] = [r.int(-4, 6), r.int(-4, 10)];
      const run = r.int(1, 5);
      const rise = r.intNot(-9, 9, 0, run, -run);
      const [p, q] = [m(point(a, b)), m(point(a + run, b + rise))];
      return {
        ask: ask(
          `A line passes through ${p} and ${q}. What is its gradient?`,
          `Calculate how steep the line from ${p} to ${q} is: give its gradient.`,
          `A straight line joins ${p} to ${q}. Work out the gradient.`,
          `Work out the slope of the line that goes through the points ${p} and ${q}.`,
          `Find the gradient of the line through ${p} and ${q}.`,
          `${r.name} draws a straight line from ${p} to ${q}. How steep is it: what is the gradient?`,
          `What is the gradient of the segment from ${p} to ${q}?`,
          `A ski slope near ${r.place} is drawn from ${p} to ${q} on a grid. What is its gradient?`,
        ),
        correct: m(rat(rise, run)),
        wrong: {
          163: m(rat(run, rise)), // x over y
          166: rise < 0 ? m(rat(-rise, run)) : undefined, // positive although it falls
        },
      };
    },
  },
  {
    name: 'gradient from an equation',
    construct: ['Find the gradient from an equation', 'Use y = mx + c'],
    subject: LINES,
    draw(r) {
      const k = r.pick([1, 1, 2, 3, 4, 5]);
      const slope = r.intNot(-6, 8, 0, 1);
      const c = r.intNot(-9, 9, 0);
      const equation = m(`${k === 1 ? '' : k}y = ${sum([slope * k, 'x'], [c * k, ''])}`);
      return {
        ask: ask(
          `What is the gradient of the line ${equation}?`,
          `How steep is the line with equation ${equation}? Give its gradient.`,
          `A straight line has equation ${equation}. Work out its slope.`,
          `Rearrange ${equation} if you need to, and give the gradient.`,
          `Find the gradient of ${equation}.`,
          `${r.name} looks at the line ${equation}. How steep is it: what is its gradient?`,
          `A straight line has the equation ${equation}. Give its gradient.`,
          `How much does ${m('y')} rise for one step of ${m('x')} on the line ${equation}?`,
        ),
        correct: n(slope),
        wrong: {
          164: n(c), // the constant
          165: k > 1 ? n(slope * k) : undefined, // the coefficient as it stands
        },
      };
    },
  },
  {
    name: 'perpendicular line',
    construct: ['Find the gradient of a perpendicular line', 'Use perpendicular gradients'],
    subject: LINES,
    draw(r) {
      const slope = r.intNot(-9, 9, 0, 1, -1);
      const equation = line(slope, r.intNot(-9, 9, 0));
      return {
        ask: ask(
          `What is the gradient of a line perpendicular to ${equation}?`,
          `Two lines meet at right angles. One is ${equation}. Work out the gradient of the other.`,
          `Calculate the slope of any line that is perpendicular to ${equation}.`,
          `Give the gradient of the normal to the line ${equation}.`,
          `A line is at right angles to ${equation}. What is its gradient?`,
          `${r.name} draws a line perpendicular to ${equation}. Which gradient does it have?`,
          `Two lines meet at right angles. One is ${equation}. What is the gradient of the other?`,
          `Find the gradient of a normal to the line ${equation}.`,
        ),
        correct: m(rat(-1, slope)),
        wrong: {
          167: n(-slope), // only the sign changed
          168: m(rat(1, slope)), // only the reciprocal
        },
        others: [n(slope), m(frac(1, Math.abs(slope) + 1)), n(slope + 1)],
      };
    },
  },
  {
    name: 'crossing the y-axis',
    construct: ['Find where a line crosses the axes', 'Find intercepts'],
    subject: LINES,
    draw(r) {
      const [a, b] = r.ints(2, 2, 7);
      const c = a * b * r.int(1, 3) * (r.chance(0.3) ? -1 : 1);
      const equation = m(`${sum([a, 'x'], [b, 'y'])} = ${c}`);
      return {
        ask: ask(
          `Where does the line ${equation} cross the ${m('y')}-axis?`,
          `Give the ${m('y')}-intercept of ${equation} as a point.`,
          `A line has equation ${equation}. Work out the point where it cuts the ${m('y')}-axis.`,
          `At which point does ${equation} meet the ${m('y')}-axis?`,
          `${r.name} draws the line ${equation}. Where does it cut the ${m('y')}-axis?`,
          `Find the ${m('y')}-intercept of ${equation} as a point.`,
          `Which point of the line ${equation} lies on the ${m('y')}-axis?`,
        ),
        correct: m(point(0, c / b)),
        wrong: {
          173: m(point(c / a, 0)), // y = 0
          162: m(point(c / b, 0)), // vertical first
        },
        others: [m(point(0, c)), m(point(a, b)), m(point(0, c / a))],
      };
    },
  },
  {
    name: 'lines parallel to the axes',
    construct: ['Recognise lines parallel to the axes', 'Know the equations of horizontal and vertical lines'],
    subject: LINES,
    draw(r) {
      const k = r.intNot(-9, 12, 0);
      const horizontal = r.chance(0.5);
      const [right, wrong] = horizontal ? ['y', 'x'] : ['x', 'y'];
      return {
        ask: ask(
          `Which of these lines is parallel to the ${m(wrong)}-axis?`,
          `Which equation belongs to a ${horizontal ? 'horizontal' : 'vertical'} line?`,
          `${r.name} draws a ${horizontal ? 'horizontal' : 'vertical'} line. Which equation could it have?`,
          `One of these lines runs in the direction of the ${m(wrong)}-axis. Which one?`,
          `Which line never meets the ${m(wrong)}-axis?`,
        ),
        correct: m(`${right} = ${k}`),
        wrong: {
          174: m(`${wrong} = ${k}`), // x = constant as parallel to the x-axis
        },
        others: [m(`y = ${k}x`), m('y = x'), m(`x + y = ${k}`)],
      };
    },
  },
  {
    name: 'function notation',
    construct: ['Use function notation', 'Evaluate functions'],
    subject: FUNCTIONS,
    draw(r) {
      const [f, a, b, v] = [r.pick(['f', 'g', 'h']), r.int(2, 9), r.intNot(-9, 12, 0), r.int(2, 9)];
      const rule = m(`${f}(x) = ${sum([a, 'x'], [b, ''])}`);
      return {
        ask: ask(
          `Given ${rule}, what is ${m(`${f}(${v})`)}?`,
          `A function is defined by ${rule}. Work out ${m(`${f}(${v})`)}.`,
          `Calculate ${m(`${f}(${v})`)} for the function ${rule}.`,
          `If ${rule}, evaluate ${m(`${f}(${v})`)}.`,
          `${rule}. Find ${m(`${f}(${v})`)}.`,
          `${r.name} works out ${m(`${f}(${v})`)} for the function ${rule}. What is it?`,
          `A function is defined by ${rule}. What is the value of ${m(`${f}(${v})`)}?`,
          `If ${rule}, then ${m(`${f}(${v}) =`)}`,
        ),
        correct: n(a * v + b),
        wrong: {
          170: m(sum([a * v, 'x'], [b * v, ''])), // multiplies by the number in the bracket
          129: n(a + v + b), // coefficient added
          128: n(Number(`${a}${v}`) + b), // the value as a digit
        },
      };
    },
  },
  {
    name: 'composite functions',
    construct: ['Find composite functions', 'Evaluate composite functions'],
    subject: FUNCTIONS,
    draw(r) {
      const [a, b, v] = [r.int(2, 5), r.int(1, 9), r.int(2, 6)];
      const swap = r.chance(0.4);
      const [linear, square] = [(x: number) => a * x + b, (x: number) => x * x];
      const rules = [`${a}x + ${b}`, 'x^2'];
      const [fr, gr] = swap ? [rules[1], rules[0]] : rules;
      const [f, g] = swap ? [square, linear] : [linear, square];
      const both = `${m(`f(x) = ${fr}`)} and ${m(`g(x) = ${gr}`)}`;
      return {
        ask: ask(
          `${both}. What is ${m(`fg(${v})`)}?`,
          `${both}. Work out ${m(`fg(${v})`)}.`,
          `Calculate ${m(`fg(${v})`)} for ${both}.`,
          `The functions are ${both}. Evaluate ${m(`fg(${v})`)}.`,
          `Given ${both}, find ${m(`fg(${v})`)}.`,
          `${r.name} evaluates ${m(`fg(${v})`)}, where ${both}. What is the result?`,
          `Functions are defined by ${both}. What is the value of ${m(`fg(${v})`)}?`,
          `With ${both}, what does ${m(`f(g(${v}))`)} equal?`,
        ),
        correct: n(f(g(v))),
        wrong: {
          171: n(g(f(v))), // left to right
          122: n(swap ? 2 * linear(v) : linear(2 * v)), // squared as times two
        },
      };
    },
  },
  {
    name: 'inverse function',
    construct: ['Find the inverse of a function', 'Use inverse functions'],
    subject: FUNCTIONS,
    draw(r) {
      let [a, b] = [r.int(2, 9), r.intNot(-12, 12, 0)];
      while (gcd(a, b) > 1) [a, b] = [r.int(2, 9), r.intNot(-12, 12, 0)];
      const rule = m(`f(x) = ${sum([a, 'x'], [b, ''])}`);
      const inverse = m('f^{-1}(x)');
      return {
        ask: ask(
          `${rule}. Which is ${inverse}?`,
          `${rule}. Work out ${inverse}.`,
          `A function is given by ${rule}. Choose ${inverse}.`,
          `Find ${inverse} for ${rule}.`,
          `${r.name} needs the inverse of ${rule}. Which is it?`,
          `Which function undoes ${rule}?`,
          `What is the inverse function of ${rule}?`,
        ),
        correct: m(frac(sum([1, 'x'], [-b, '']), `${a}`)),
        wrong: {
          172: m(frac('1', sum([a, 'x'], [b, '']))), // the reciprocal
        },
        others: [m(sum([-a, 'x'], [-b, ''])), m(frac(sum([1, 'x'], [b, '']), `${a}`)), m(sum([a, 'x'], [-b, '']))],
      };
    },
  },
  {
    name: 'translated parabola',
    construct: ['Translate graphs', 'Recognise transformations of graphs'],
    subject: 'Transforming Graphs',
    draw(r) {
      const a = r.int(1, 9);
      const [b, left] = [r.pick([0, 0, r.int(1, 9)]), r.chance(0.75)];
      const inside = left ? `x + ${a}` : `x - ${a}`;
      const equation = m(`y = (${inside})^2${b ? ` + ${b}` : ''}`);
      const x = left ? -a : a;
      return {
        ask: ask(
          `The graph of ${m('y = x^2')} is changed to that of ${equation}. Where is the lowest point of the new graph?`,
          `Give the coordinates of the vertex of ${equation}.`,
          `A curve has the equation ${equation}. At which point is it lowest?`,
          `What is the turning point of ${equation}?`,
          `${r.name} sketches ${equation}. Where is its vertex?`,
          `The curve ${m('y = x^2')} has its minimum at ${m('(0, 0)')}. Where does ${equation} have its minimum?`,
          `Find the lowest point of the curve ${equation}.`,
        ),
        correct: m(point(x, b)),
        wrong: {
          175: left ? m(point(-x, b)) : undefined, // to the right
          162: b ? m(point(b, x)) : m(point(0, x)), // vertical first
        },
        others: [m(point(0, a)), m(point(b, a + 1)), m(point(x, b + 1)), m(point(a, -a))],
      };
    },
  },
];
