/** Perimeter, area, circles, surface area and volume. */
import { PLOTS } from '../contexts.ts';
import type { Item } from '../item.ts';
import { ask } from '../phrasing.ts';
import { m, n, num } from '../tex.ts';

const AREA = 'Perimeter and Area';
const CIRCLES = 'Circles';
const VOLUME = 'Surface Area and Volume';

const squared = (x: number, unit: string): string => `${n(x)} ${unit}${m('^2')}`;
const cubed = (x: number, unit: string): string => `${n(x)} ${unit}${m('^3')}`;
const pi = (x: number): string => m(`${x === 1 ? '' : num(x)}\\pi`);

export const areas: Item[] = [
  {
    name: 'perimeter of a rectangle',
    construct: ['Find perimeters of rectangles', 'Find the perimeter of a rectangle'],
    subject: AREA,
    draw(r) {
      const [a, b] = r.ints(2, 3, 25);
      const u = r.pick(['cm', 'm']);
      const [x, y, plot] = [`${n(a)} ${u}`, `${n(b)} ${u}`, r.word(PLOTS)];
      return {
        ask: ask(
          `A rectangle is ${x} long and ${y} wide. What is its perimeter?`,
          `Find the perimeter of a rectangle with sides of ${x} and ${y}.`,
          `A rectangular ${plot} in ${r.place} is drawn ${x} long and ${y} wide on a plan. How long is the line round it?`,
          `${r.name} walks once round the edge of a rectangular ${plot} that appears on a plan as ${x} by ${y}. How far is that on the plan?`,
          `How much ribbon goes round the edge of a ${x} by ${y} rectangular card?`,
          `What is the distance round a rectangle of ${x} by ${y}?`,
          `A picture frame is ${x} high and ${y} wide. What is its perimeter?`,
        ),
        correct: n(2 * (a + b), u),
        wrong: {
          201: n(a * b, u), // multiplies the sides
          203: n(a + b, u), // one length and one width
        },
      };
    },
  },
  {
    name: 'area of a rectangle',
    construct: ['Find areas of rectangles', 'Find the area of a rectangle'],
    subject: AREA,
    draw(r) {
      const [a, b] = r.ints(2, 3, 25);
      const u = r.pick(['cm', 'm']);
      const [x, y, plot] = [`${n(a)} ${u}`, `${n(b)} ${u}`, r.word(PLOTS)];
      return {
        ask: ask(
          `A rectangle is ${x} long and ${y} wide. What is its area?`,
          `Find the area of a rectangle with sides of ${x} and ${y}.`,
          `A rectangular ${plot} in ${r.place} is drawn ${x} long and ${y} wide on a plan. What area does it cover on the plan?`,
          `${r.name} paints a wall that is ${x} by ${y}. What area is painted?`,
          `How much carpet covers a floor of ${x} by ${y}?`,
          `A tile measures ${x} by ${y}. What area does it cover?`,
        ),
        correct: squared(a * b, u),
        wrong: {
          202: squared(2 * (a + b), u), // adds all the sides
        },
      };
    },
  },
  {
    name: 'perimeter of a compound shape',
    construct: ['Find perimeters of compound shapes', 'Find the perimeter of an L-shape'],
    subject: AREA,
    draw(r) {
      const [w, h] = [r.int(8, 20), r.int(8, 20)];
      const [p, q] = [r.int(2, w - 3), r.int(2, h - 3)];
      const shape = `an L-shape is made by cutting a ${n(p)} cm by ${n(q)} cm rectangle from a corner of a rectangle ${n(w)} cm wide and ${n(h)} cm high`;
      const labels = `Only the lengths ${m(`${w}`)}, ${m(`${h}`)}, ${m(`${p}`)} and ${m(`${q}`)} are written on the diagram.`;
      return {
        ask: ask(
          `${shape.replace('an L', 'An L')}. ${labels} What is its perimeter?`,
          `${shape.replace('an L', 'An L')}. ${labels} Work out the distance all the way round it.`,
          `Calculate the perimeter. ${shape.replace('an L', 'An L')}. ${labels}`,
          `${r.name} draws how ${shape}. ${labels} Find the perimeter of the L-shape.`,
          `On a plan, ${shape}. ${labels} How far is it round the L-shape?`,
          `In a workshop in ${r.place}, ${shape}. ${labels} What is the distance round it?`,
          `Find the perimeter: ${shape}. ${labels}`,
        ),
        correct: n(2 * (w + h), 'cm'),
        wrong: {
          204: n(w + h + p + q, 'cm'), // only the lengths on the diagram
          201: n(w * h - p * q, 'cm'), // multiplies the sides
        },
      };
    },
  },
  {
    name: 'side of a square from its area',
    construct: ['Find the side of a square from its area', 'Work back from the area of a square'],
    subject: AREA,
    draw(r) {
      const a = r.int(3, 15) * (r.chance(0.3) ? 2 : 1);
      const area = `${n(a * a)} cm${m('^2')}`;
      return {
        ask: ask(
          `A square has an area of ${area}. How long is each side?`,
          `The area of a square tile is ${area}. Calculate the length of its edge.`,
          `What length of side gives a square an area of ${area}?`,
          `A square card covers ${area}. Work out how long one side is.`,
          `Find the side of a square whose area is ${area}.`,
          `A square photo from ${r.place} covers ${area}. What is the length of its edge?`,
          `${r.name} cuts a square of ${area} out of card. How long is one edge?`,
          `The area of a square tile is ${area}. What is the length of a side?`,
        ),
        correct: n(a, 'cm'),
        wrong: {
          205: n((a * a) / 4, 'cm'), // divided by four
          53: n((a * a) / 2, 'cm'), // halved
        },
      };
    },
  },
  {
    name: 'area of a triangle',
    construct: ['Find areas of triangles', 'Find the area of a triangle'],
    subject: AREA,
    draw(r) {
      const [a, b, c] = r.pick([
        [3, 4, 5],
        [5, 12, 13],
        [8, 15, 17],
        [7, 24, 25],
        [20, 21, 29],
      ]);
      const k = r.int(1, 4);
      const [x, y, z] = [a * k, b * k, c * k];
      const u = r.pick(['cm', 'm']);
      const sides = `sides of ${n(x)} ${u}, ${n(y)} ${u} and ${n(z)} ${u}`;
      return {
        ask: ask(
          `A right-angled triangle has ${sides}. What is its area?`,
          `Calculate the area of the right-angled triangle with ${sides}.`,
          `A triangular piece of card with a right angle has ${sides}. How much card is that?`,
          `Work out how much a right-angled triangle with ${sides} covers.`,
          `Find the area of a triangle with a right angle and ${sides}.`,
          `${r.name} cuts out a right-angled triangle with ${sides}. How large is its area?`,
          `A triangular flower bed in ${r.place} has ${sides}, the two shorter ones at right angles. What area does it cover?`,
          `The two shorter sides of a triangle, ${n(x)} ${u} and ${n(y)} ${u}, meet at a right angle. The third is ${n(z)} ${u}. What is the area?`,
        ),
        correct: squared((x * y) / 2, u),
        wrong: {
          206: squared(x * y, u), // not halved
          202: squared(x + y + z, u), // adds all the sides
        },
      };
    },
  },
  {
    name: 'area of a parallelogram',
    construct: ['Find areas of parallelograms', 'Find the area of a parallelogram'],
    subject: AREA,
    draw(r) {
      const [base, slant] = [r.int(6, 20), r.int(5, 12)];
      const h = r.int(2, slant - 1);
      return {
        ask: ask(
          `A parallelogram has a base of ${n(base)} cm, slanting sides of ${n(slant)} cm and a height of ${n(h)} cm. What is its area?`,
          `Calculate the area of a parallelogram. Its base is ${n(base)} cm, its perpendicular height ${n(h)} cm and its sloping side ${n(slant)} cm.`,
          `The base of a parallelogram measures ${n(base)} cm, the sloping edges ${n(slant)} cm and the height ${n(h)} cm. Work out the space inside.`,
          `A parallelogram tile: base ${n(base)} cm, height ${n(h)} cm, other side ${n(slant)} cm. What area does it cover?`,
          `Find the area of a parallelogram with sides of ${n(base)} cm and ${n(slant)} cm, where the sides of ${n(base)} cm are ${n(h)} cm apart.`,
          `${r.name} draws a parallelogram: base ${n(base)} cm, slanting side ${n(slant)} cm, perpendicular height ${n(h)} cm. How large is its area?`,
          `A sloping tile from ${r.place} is a parallelogram ${n(h)} cm high with sides of ${n(base)} cm at the bottom and ${n(slant)} cm at the sides. What area does it cover?`,
          `The base of a parallelogram is ${n(base)} cm, its height ${n(h)} cm and its other side ${n(slant)} cm. Work out the area.`,
        ),
        correct: squared(base * h, 'cm'),
        wrong: {
          207: squared(base * slant, 'cm'), // two neighbouring sides
          202: squared(2 * (base + slant), 'cm'), // adds all the sides
        },
      };
    },
  },
  {
    name: 'area of a trapezium',
    construct: ['Find areas of trapeziums', 'Find the area of a trapezium'],
    subject: AREA,
    draw(r) {
      const [half, h, s] = r.pick([
        [3, 4, 5],
        [4, 3, 5],
        [6, 8, 10],
        [8, 6, 10],
        [5, 12, 13],
        [12, 5, 13],
        [8, 15, 17],
        [9, 12, 15],
      ]);
      const a = r.int(3, 20);
      const b = a + 2 * half;
      return {
        ask: ask(
          `A trapezium has parallel sides of ${n(a)} cm and ${n(b)} cm, which are ${n(h)} cm apart. Its other two sides are ${n(s)} cm each. What is its area?`,
          `Calculate the area of a trapezium. The parallel sides measure ${n(a)} cm and ${n(b)} cm, the height ${n(h)} cm and both sloping sides ${n(s)} cm.`,
          `A trapezium-shaped tile has a top of ${n(a)} cm, a bottom of ${n(b)} cm, a height of ${n(h)} cm and sloping edges of ${n(s)} cm. What area does it cover?`,
          `Find the area of a trapezium ${n(h)} cm high with parallel sides of ${n(a)} cm and ${n(b)} cm and slanting sides of ${n(s)} cm.`,
          `${r.name} cuts a trapezium from card. Its parallel edges are ${n(a)} cm and ${n(b)} cm long, the slanting edges ${n(s)} cm, and its height is ${n(h)} cm. What area has it?`,
          `The end of a ditch near ${r.place} is a trapezium: ${n(a)} cm and ${n(b)} cm at top and bottom, ${n(s)} cm along each slope, ${n(h)} cm deep. Find its area.`,
          `Parallel sides ${n(a)} cm and ${n(b)} cm, other sides ${n(s)} cm, height ${n(h)} cm: what is the area of this trapezium?`,
        ),
        correct: squared(((a + b) * h) / 2, 'cm'),
        wrong: {
          208: squared((a + b) * h, 'cm'), // not halved
          202: squared(a + b + 2 * s, 'cm'), // adds all the sides
        },
      };
    },
  },
  {
    name: 'area of a circle',
    construct: ['Find areas of circles', 'Find the area of a circle'],
    subject: CIRCLES,
    draw(r) {
      const radius = r.int(3, 20);
      const d = 2 * radius;
      const u = r.pick(['cm', 'm']);
      return {
        ask: ask(
          `A circle has a diameter of ${n(d)} ${u}. What is its area in ${u}${m('^2')}? Leave ${m('\\pi')} in the answer.`,
          `Calculate the area of a circle that is ${n(d)} ${u} across. Give a multiple of ${m('\\pi')}.`,
          `A round mat has a diameter of ${n(d)} ${u}. How much floor does it cover, in terms of ${m('\\pi')}?`,
          `Work out the area inside a circle of diameter ${n(d)} ${u}. Keep ${m('\\pi')} in your answer.`,
          `Find the area of a circle with diameter ${n(d)} ${u}, in terms of ${m('\\pi')}.`,
          `A round pond in ${r.place} is ${n(d)} ${u} across. What area does it cover, in ${u}${m('^2')}, in terms of ${m('\\pi')}?`,
          `${r.name} paints a round sign ${n(d)} ${u} wide. How many square ${u} are painted? Give a multiple of ${m('\\pi')}.`,
          `What is the area of a circle whose diameter is ${n(d)} ${u}?`,
        ),
        correct: pi(radius * radius),
        wrong: {
          209: pi(d * d), // the diameter for the radius
          122: pi(2 * radius), // squared as times two
        },
      };
    },
  },
  {
    name: 'circumference of a circle',
    construct: ['Find circumferences of circles', 'Find the circumference of a circle'],
    subject: CIRCLES,
    draw(r) {
      const radius = r.int(3, 25);
      const u = r.pick(['cm', 'm']);
      const a = (x: number) => `${pi(x)} ${u}`;
      return {
        ask: ask(
          `What is the circumference of a circle with a radius of ${n(radius)} ${u}?`,
          `Find the circumference of a circle of radius ${n(radius)} ${u} in terms of ${m('\\pi')}.`,
          `A wheel has a radius of ${n(radius)} ${u}. How far does it roll in one turn?`,
          `${r.name} runs once round a circular track of radius ${n(radius)} ${u}. How far is that, as a multiple of ${m('\\pi')}?`,
          `A round tower in ${r.place} has a radius of ${n(radius)} ${u}. How far is it round the outside?`,
          `How long is the edge of a circular plate with radius ${n(radius)} ${u}?`,
        ),
        correct: a(2 * radius),
        wrong: {
          211: a(radius), // the radius for the diameter
          210: a(radius * radius), // the area
        },
      };
    },
  },
  {
    name: 'volume of a cuboid',
    construct: ['Find volumes of cuboids', 'Find the volume of a cuboid'],
    subject: VOLUME,
    draw(r) {
      const [a, b, c] = [r.int(2, 12), r.int(2, 12), r.int(2, 12)];
      const size = `${n(a)} cm by ${n(b)} cm by ${n(c)} cm`;
      return {
        ask: ask(
          `A cuboid measures ${size}. What is its volume?`,
          `Find the volume of a cuboid of ${size}.`,
          `How many centimetre cubes fill a box of ${size}?`,
          `${r.name} fills a ${size} tank with water to the top. How many cubic centimetres are in it?`,
          `A brick from ${r.place} is ${n(a)} cm long, ${n(b)} cm wide and ${n(c)} cm high. What is its volume?`,
          `Work out the volume of this box: length ${n(a)} cm, width ${n(b)} cm, height ${n(c)} cm.`,
        ),
        correct: cubed(a * b * c, 'cm'),
        wrong: {
          212: cubed(a + b + c, 'cm'), // adds the dimensions
        },
      };
    },
  },
  {
    name: 'surface area of a cuboid',
    construct: ['Find surface areas of cuboids', 'Find the surface area of a cuboid'],
    subject: VOLUME,
    draw(r) {
      const [a, b, c] = r.ints(3, 2, 12);
      const size = `${n(a)} cm by ${n(b)} cm by ${n(c)} cm`;
      const half = a * b + b * c + a * c;
      return {
        ask: ask(
          `A box is ${size}. What is its surface area?`,
          `Find the surface area of a cuboid of ${size}.`,
          `How much paper covers all the faces of a ${size} parcel, with no overlaps?`,
          `${r.name} paints every face of a wooden block of ${size}. What area is painted?`,
          `A gift shop in ${r.place} wraps boxes of ${size}. What is the total area of the six faces?`,
          `Work out the total surface area of a cuboid with edges ${n(a)} cm, ${n(b)} cm and ${n(c)} cm.`,
        ),
        correct: squared(2 * half, 'cm'),
        wrong: {
          213: squared(half, 'cm'), // three of the six faces
          214: squared(a * b * c, 'cm'), // the volume
        },
      };
    },
  },
  {
    name: 'volume of a pyramid',
    construct: ['Find volumes of pyramids and cones', 'Find the volume of a pyramid'],
    subject: VOLUME,
    draw(r) {
      const cone = r.chance(0.4);
      const [base, h] = [r.int(4, 30), r.int(2, 10) * 3];
      const a = (x: number) => `${cone ? pi(x) : n(x)} cm${m('^3')}`;
      const solid = cone ? 'cone' : r.pick(['pyramid', 'square-based pyramid']);
      const area = `${cone ? pi(base) : n(base)} cm${m('^2')}`;
      return {
        ask: ask(
          `A ${solid} has a base area of ${area} and a height of ${n(h)} cm. What is its volume?`,
          `Calculate the volume of a ${solid} with height ${n(h)} cm and base area ${area}.`,
          `A model in the shape of a ${solid} stands ${n(h)} cm tall on a base of ${area}. How much space does it take up?`,
          `How many cubic centimetres fit into a ${solid} of height ${n(h)} cm, if its base covers ${area}?`,
          `Find the volume of a ${solid} that is ${n(h)} cm high on a base of ${area}.`,
          `${r.name} makes a candle in the form of a ${solid}. Its base is ${area} and its height ${n(h)} cm. How much wax is in it?`,
          `A paperweight from ${r.place} is a ${solid}, height ${n(h)} cm, base area ${area}. What is its volume?`,
          `How many cubic centimetres fill a hollow ${solid} ${n(h)} cm tall with a base of ${area}?`,
        ),
        correct: a((base * h) / 3),
        wrong: {
          218: a(base * h), // no third
        },
      };
    },
  },
  {
    name: 'areas and volumes of similar shapes',
    construct: ['Find areas of similar shapes', 'Find volumes of similar solids'],
    subject: 'Similarity',
    draw(r) {
      const k = r.int(2, 5);
      const volume = r.chance(0.6);
      const size = r.int(3, 40);
      const w = volume ? cubed : squared;
      const [small, what] = [w(size, 'cm'), volume ? 'volume' : 'area'];
      const [thing, tall] = volume
        ? r.word([
            ['vase', 'tall'],
            ['bottle', 'tall'],
            ['statue', 'tall'],
            ['cone', 'tall'],
            ['jug', 'tall'],
            ['candle', 'tall'],
          ])
        : r.word([
            ['triangle', 'long'],
            ['flag', 'wide'],
            ['poster', 'wide'],
            ['logo', 'wide'],
            ['photo', 'wide'],
            ['tile', 'wide'],
          ]);
      return {
        ask: ask(
          `Two ${thing}s are similar. The larger is ${n(k)} times as ${tall} as the smaller, which has ${volume ? 'a volume' : 'an area'} of ${small}. What is the ${what} of the larger?`,
          `All lengths of a ${thing} are multiplied by ${n(k)}. Its ${what} was ${small}. Calculate the new ${what}.`,
          `The lengths of two similar ${thing}s are in the ratio ${m(`1 : ${k}`)}. The smaller has ${volume ? 'a volume' : 'an area'} of ${small}. Work out the ${what} of the other.`,
          `A ${thing} with ${volume ? 'a volume' : 'an area'} of ${small} is enlarged with scale factor ${n(k)}. What is the ${what} of the image?`,
          `${r.name} makes every length of a ${thing} ${n(k)} times as long. The ${what} was ${small}. What is it now?`,
          `The lengths of two similar ${thing}s are in the ratio ${m(`1 : ${k}`)}. The smaller has ${volume ? 'a volume' : 'an area'} of ${small}. Find the ${what} of the other.`,
          `A shop in ${r.place} sells a ${thing} in two similar sizes, the large one with lengths ${n(k)} times those of the small. The small one's ${what} is ${small}. What is the large one's?`,
        ),
        correct: w(size * k ** (volume ? 3 : 2), 'cm'),
        wrong: {
          215: volume ? undefined : w(size * k, 'cm'), // not squared
          216: volume ? w(size * k * k, 'cm') : undefined, // squared for a volume
          217: volume ? w(size * k, 'cm') : undefined, // not cubed
          226: w(size + k, 'cm'), // added
        },
      };
    },
  },
];
