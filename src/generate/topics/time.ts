/** Clock times, dates and speed. */
import { TRAVEL } from '../contexts.ts';
import type { Item } from '../item.ts';
import { ask } from '../phrasing.ts';
import { m, n } from '../tex.ts';

const TIME = 'Time';
const SPEED = 'Speed, Distance and Time';

const pad = (x: number): string => `${x}`.padStart(2, '0');
const clock24 = (minutes: number): string => m(`${pad(Math.floor(minutes / 60))}{:}${pad(minutes % 60)}`);
const afternoon = (hours: number, minutes: number): string => `${m(`${hours}{:}${pad(minutes)}`)} pm`;
const span = (hours: number, minutes: number): string => `${n(hours)} h ${n(minutes)} min`;

/** Rounded to two decimal places, as such questions ask. */
const two = (x: number): number => Number(x.toFixed(2));

export const times: Item[] = [
  {
    name: 'arrival time',
    construct: ['Calculate with times', 'Add to a clock time'],
    subject: TIME,
    draw(r) {
      const hour = r.int(13, 20);
      const start = r.int(5, 11) * 5;
      const takes = r.int(2, 9) * 5;
      const wrap = start + takes >= 60;
      const end = hour * 60 + start + takes;
      const [h, min] = [Math.floor(end / 60), end % 60];
      const at = clock24(hour * 60 + start);
      const sum = start + takes;
      return {
        ask: ask(
          `A bus leaves at ${at} and takes ${n(takes)} minutes. When does it arrive, on a 12-hour clock?`,
          `A lesson begins at ${at} and lasts ${n(takes)} minutes. When does it end, on a 12-hour clock?`,
          `${r.name} starts cooking at ${at}. It takes ${n(takes)} minutes. At what time, am or pm, is it done?`,
          `A train to ${r.place} leaves at ${at}. The journey takes ${n(takes)} minutes. Give the time of arrival with am or pm.`,
          `What time is it ${n(takes)} minutes after ${at}? Use the 12-hour clock.`,
          `A film starts at ${at} and runs for ${n(takes)} minutes. When is it over, by the 12-hour clock?`,
        ),
        correct: afternoon(h - 12, min),
        wrong: {
          252: wrap ? (sum >= 100 ? afternoon(hour - 11, sum - 100) : afternoon(hour - 12, sum)) : undefined, // 100 minutes in an hour
          255: afternoon(h - 10, min), // takes 10 off the hour
        },
      };
    },
  },
  {
    name: 'hours as a decimal',
    construct: ['Convert between hours and minutes', 'Calculate with times'],
    subject: TIME,
    draw(r) {
      const hours = r.int(1, 9);
      const quarter = r.pick([0.25, 0.5, 0.75, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 0.9]);
      const x = hours + quarter;
      const minutes = Math.round(quarter * 60);
      const digits = Number(`${quarter}`.slice(2));
      return r.chance(0.5)
        ? {
            ask: ask(
              `A walk takes ${n(x)} hours. How long is that in hours and minutes?`,
              `Write ${n(x)} hours in hours and minutes.`,
              `${r.name}'s computer says that a job took ${n(x)} hours. How many hours and minutes is that?`,
              `Change ${n(x)} h to hours and minutes.`,
              `A flight from ${r.place} lasts ${n(x)} hours. Express this in hours and minutes.`,
            ),
            correct: span(hours, minutes),
            wrong: {
              253: span(hours, digits), // the digits as minutes
            },
          }
        : {
            ask: ask(
              `A walk takes ${span(hours, minutes)}. How many hours is that as a decimal?`,
              `Write ${n(hours)} hours ${n(minutes)} minutes as a decimal number of hours.`,
              `${r.name} types a time of ${span(hours, minutes)} into a calculator as hours. Which number is right?`,
              `Change ${span(hours, minutes)} to hours.`,
              `A flight from ${r.place} lasts ${span(hours, minutes)}. Express this in hours only.`,
            ),
            correct: n(x, 'h'),
            wrong: {
              254: `${m(`${hours}.${pad(minutes)}`)} h`, // the minutes after the point
            },
          };
    },
  },
  {
    name: 'twenty-four-hour clock',
    construct: ['Use the 24-hour clock', 'Calculate with times'],
    subject: TIME,
    draw(r) {
      const [h, min] = [r.int(13, 21), r.int(0, 11) * 5];
      const at = clock24(h * 60 + min);
      return {
        ask: ask(
          `Write ${at} as a 12-hour clock time.`,
          `Change ${at} to a time with am or pm.`,
          `A digital clock says ${at}. Give this time on the 12-hour clock.`,
          `A shop in ${r.place} closes at ${at}. What is this on a 12-hour clock?`,
          `${r.name}'s phone shows ${at}. What time is that with am or pm?`,
          `What is ${at} in 12-hour time?`,
          `A ferry's timetable says ${at}. Which 12-hour time does it mean?`,
        ),
        correct: afternoon(h - 12, min),
        wrong: {
          255: afternoon(h - 10, min), // takes 10 off the hour
        },
      };
    },
  },
  {
    name: 'how long between',
    construct: ['Calculate with times', 'Find the length of a time interval'],
    subject: TIME,
    draw(r) {
      const start = r.int(8, 17) * 60 + r.int(6, 11) * 5;
      const end = start + r.int(5, 40) * 5;
      const [h, min] = [Math.floor((end - start) / 60), (end - start) % 60];
      const hundred = Math.floor(end / 60) * 100 + (end % 60) - Math.floor(start / 60) * 100 - (start % 60);
      const [from, to] = [clock24(start), clock24(end)];
      return {
        ask: ask(
          `A train leaves at ${from} and arrives at ${to}. How long does the journey take?`,
          `Work out the time from ${from} to ${to}.`,
          `A film starts at ${from} and ends at ${to}. How long is it?`,
          `Calculate how much time passes between ${from} and ${to}.`,
          `How long is it from ${from} to ${to}?`,
          `${r.name} works from ${from} until ${to}. How long is that?`,
          `A concert in ${r.place} begins at ${from} and ends at ${to}. How long does it last?`,
          `Find the time between ${from} and ${to}.`,
        ),
        correct: span(h, min),
        wrong: {
          252: end % 60 < start % 60 ? span(Math.floor(hundred / 100), hundred % 100) : undefined, // 100 minutes in an hour
        },
      };
    },
  },
  {
    name: 'days between dates',
    construct: ['Calculate with dates', 'Count days'],
    subject: TIME,
    draw(r) {
      const month = r.word([
        'January',
        'March',
        'May',
        'July',
        'August',
        'October',
        'December',
        'June',
        'April',
        'November',
        'September',
      ]);
      const [a, b] = r.ints(2, 1, 28).sort((x, y) => x - y);
      return {
        ask: ask(
          `How many days after ${n(a)} ${month} is ${n(b)} ${month}?`,
          `Work out how many days pass from ${n(a)} ${month} to ${n(b)} ${month}.`,
          `A library book is lent on ${n(a)} ${month} and comes back on ${n(b)} ${month}. For how many days was it away?`,
          `Today is ${n(a)} ${month}. ${r.name}'s birthday is on ${n(b)} ${month}. In how many days is that?`,
          `A parcel is posted in ${r.place} on ${n(a)} ${month} and arrives on ${n(b)} ${month}. How many days does it take?`,
          `A plant is put in water on ${n(a)} ${month}. How many days later is ${n(b)} ${month}?`,
          `How many days pass from ${n(a)} ${month} to ${n(b)} ${month}?`,
        ),
        correct: n(b - a),
        wrong: {
          256: n(b - a + 1), // first and last day counted
        },
      };
    },
  },
  {
    name: 'speed',
    construct: ['Calculate speed', 'Use speed, distance and time'],
    subject: SPEED,
    draw(r) {
      const [minutes, t] = r.pick([
        [30, 1.5],
        [30, 2.5],
        [15, 1.25],
        [45, 1.75],
        [30, 0.5],
        [15, 0.25],
        [45, 0.75],
        [12, 1.2],
        [0, 2],
        [0, 3],
        [0, 4],
        [20, 4 / 3],
      ]);
      const hours = Math.floor(t + 1e-9);
      const whole = minutes === 0;
      const speed = r.int(2, 20) * (minutes === 20 ? 3 : 4);
      const d = Math.round(speed * t);
      const text = [hours && `${n(hours)} hour${hours > 1 ? 's' : ''}`, minutes && `${n(minutes)} minutes`]
        .filter((part) => part)
        .join(' ');
      return {
        ask: ask(
          `${r.name} ${r.word(TRAVEL)} ${n(d)} km in ${text}. What is the average speed in km/h, to ${n(2)} decimal places where needed?`,
          `Calculate the speed in km/h of something that goes ${n(d)} km in ${text}, to 2 d.p. where needed.`,
          `A journey of ${n(d)} km lasts ${text}. How fast is that in km/h, to 2 d.p. where needed?`,
          `A cyclist needs ${text} for ${n(d)} km. Work out the average speed in km/h, to 2 d.p. where needed.`,
          `A coach covers ${n(d)} km in ${text}. Find its average speed in km/h, to 2 d.p. where needed.`,
          `It takes ${text} to go the ${n(d)} km to ${r.place}. What is the mean speed in km/h, to 2 d.p. where needed?`,
          `A ship sails ${n(d)} km in ${text}. How fast is that in km/h, to 2 d.p. where needed?`,
          `Distance ${n(d)} km, time ${text}: what is the speed in km/h, to 2 d.p. where needed?`,
        ),
        correct: n(two(d / t)),
        wrong: {
          258: n(two(d * t)), // multiplied
          259: n(two(t / d)), // time by distance
          260: whole ? undefined : n(two(d / (t * 60))), // by minutes
          254: whole ? undefined : n(two(d / Number(`${hours}.${minutes}`))), // the minutes after the point
        },
      };
    },
  },
  {
    name: 'distance',
    construct: ['Calculate distance', 'Use speed, distance and time'],
    subject: SPEED,
    draw(r) {
      const minutes = r.pick([15, 30, 45, 12, 24, 36, 90, 120, 150]);
      const speed = r.int(2, 24) * 5;
      const t = minutes / 60;
      const text =
        minutes < 60 ? `${n(minutes)} minutes` : minutes === 90 ? `${n(1)} hour ${n(30)} minutes` : `${n(t)} hours`;
      return {
        ask: ask(
          `A train travels at ${n(speed)} km/h for ${text}. How many kilometres does it go, to ${n(1)} decimal place where needed?`,
          `Calculate how far you get in ${text} at ${n(speed)} km/h, in km to 1 d.p. where needed.`,
          `A lorry keeps to ${n(speed)} km/h for ${text}. Work out the length of its journey in km, to 1 d.p. where needed.`,
          `The speed of a boat is ${n(speed)} km/h. How many km does it cover in ${text}, to 1 d.p. where needed?`,
          `${r.name} ${r.word(TRAVEL)} at ${n(speed)} km/h for ${text}. What distance is that in km, to 1 d.p. where needed?`,
          `A bird flies at a steady ${n(speed)} km/h. How far does it get in ${text}, in km, to 1 d.p. where needed?`,
          `How far from ${r.place} is a car after ${text} at ${n(speed)} km/h, in km, to 1 d.p. where needed?`,
          `Speed ${n(speed)} km/h, time ${text}: find the distance in km, to 1 d.p. where needed.`,
        ),
        correct: n(Number((speed * t).toFixed(1))),
        wrong: {
          261: n(Number((speed / t).toFixed(1))), // speed by time
          254: minutes < 60 ? n(Number((speed * Number(`0.${minutes}`)).toFixed(1))) : undefined, // the minutes after the point
        },
      };
    },
  },
  {
    name: 'average speed there and back',
    construct: ['Calculate average speed', 'Use speed, distance and time'],
    subject: SPEED,
    draw(r) {
      const [u, v] = r.pick([
        [60, 20],
        [30, 20],
        [60, 40],
        [40, 10],
        [20, 5],
        [12, 6],
        [90, 45],
        [36, 18],
        [24, 12],
        [80, 20],
        [15, 10],
        [12, 4],
        [90, 30],
        [120, 60],
        [100, 25],
      ]);
      const d = r.int(1, 4) * u;
      const [first, second] = r.shuffled([u, v]);
      return {
        ask: ask(
          `${r.name} drives ${n(d)} km at ${n(first)} km/h and back the same way at ${n(second)} km/h. What is the average speed for the whole journey?`,
          `The way there, ${n(d)} km, is done at ${n(first)} km/h, the same way back at ${n(second)} km/h. Calculate the average speed of it all.`,
          `A cyclist rides ${n(d)} km uphill at ${n(first)} km/h and the same ${n(d)} km downhill at ${n(second)} km/h. Work out the average speed overall.`,
          `A van goes ${n(d)} km to ${r.place} at ${n(first)} km/h and returns at ${n(second)} km/h. Find its average speed over both ways.`,
          `A courier covers ${n(d)} km at ${n(first)} km/h and another ${n(d)} km at ${n(second)} km/h. What is the mean speed of the trip?`,
          `A hill road is ${n(d)} km long. A cyclist goes up at ${n(Math.min(u, v))} km/h and down at ${n(Math.max(u, v))} km/h. What is the average speed overall?`,
          `Two stretches of ${n(d)} km each are done at ${n(first)} km/h and ${n(second)} km/h. What is the average speed?`,
        ),
        correct: n(two((2 * u * v) / (u + v)), 'km/h'),
        wrong: {
          257: n((u + v) / 2, 'km/h'), // the mean of the two speeds
        },
      };
    },
  },
  {
    name: 'units of speed',
    construct: ['Convert units of speed', 'Convert compound units'],
    subject: 'Compound Measures',
    draw(r) {
      const metres = r.int(2, 40);
      const speed = metres * 3.6;
      return {
        ask: ask(
          `Change ${n(speed)} km/h to metres per second.`,
          `Write ${n(speed)} km/h in metres per second.`,
          `A car does ${n(speed)} km/h. How far does it go in a second, in metres?`,
          `Work out how many metres per second ${n(speed)} km/h is.`,
          `What is ${n(speed)} km/h in m/s?`,
          `${r.name} runs at ${n(speed)} km/h. How many metres per second is that?`,
          `Convert a speed of ${n(speed)} km/h to m/s.`,
          `The wind in ${r.place} blows at ${n(speed)} km/h. Give its speed in m/s.`,
        ),
        correct: n(metres, 'm/s'),
        wrong: {
          262: n((speed * 1000) / 60, 'm/s'), // divided by 60 once
          240: n((speed * 100) / 3600, 'm/s'), // 100 metres in a kilometre
        },
      };
    },
  },
];
