// Runs rules with the real json-logic-js and the operators that Novu adds to it: one JSON request per line in, one
// JSON answer per line out. The process runs in UTC.
import { createInterface } from 'node:readline';
import jsonLogic from 'json-logic-js';

let now = 0;

const asBoolean = (value) => {
  if (typeof value === 'boolean') return value;
  return value === 'true' ? true : value === 'false' ? false : undefined;
};

// The pair on one scale, or nothing.
const comparable = (a, b) => {
  const booleans = [asBoolean(a), asBoolean(b)];
  if (!booleans.includes(undefined)) return booleans;
  const numbers = [Number(a), Number(b)];
  if (!numbers.some(Number.isNaN)) return numbers;
  if (typeof a !== 'string' || typeof b !== 'string') return undefined;
  const dates = [new Date(a).getTime(), new Date(b).getTime()];
  return dates.some(Number.isNaN) ? undefined : dates;
};
const comparison = (holds, otherwise) => (a, b) => {
  const pair = comparable(a, b);
  return pair ? holds(...pair) : otherwise(a, b);
};
const no = () => false;
const equals = comparison((a, b) => a === b, (a, b) => a === b);
const texts = (holds) => (a, b) => typeof a === 'string' && typeof b === 'string' && holds(a, b);
const lists = (holds) => (a, b) => Array.isArray(a) && Array.isArray(b) && holds(a, b);
const share = (a, b) => a.some((item) => b.includes(item));
const range = (holds) => (value, bounds) =>
  typeof value === 'number' && Array.isArray(bounds) && bounds.length === 2 && bounds.every((b) => typeof b === 'number') && holds(value, ...bounds);

const minute = 60_000, hour = 60 * minute, day = 24 * hour;
const tolerances = { minutes: minute, hours: hour, days: day, weeks: day, months: day, years: 7 * day };
const setters = {
  minutes: (date, by) => date.setMinutes(date.getMinutes() - by),
  hours: (date, by) => date.setHours(date.getHours() - by),
  days: (date, by) => date.setDate(date.getDate() - by),
  weeks: (date, by) => date.setDate(date.getDate() - by * 7),
  months: (date, by) => date.setMonth(date.getMonth() - by),
  years: (date, by) => date.setFullYear(date.getFullYear() - by),
};
const ago = (holds) => (value, rule) => {
  if (typeof rule !== 'object' || rule === null || !(typeof rule.amount === 'number' && rule.amount > 0)) return false;
  if (typeof rule.unit !== 'string' || !Object.hasOwn(setters, rule.unit)) return false;
  const date = new Date(value).getTime();
  if (Number.isNaN(date)) return false;
  const border = new Date(now);
  setters[rule.unit](border, rule.amount);
  return holds(date, border.getTime(), tolerances[rule.unit]);
};

const operators = {
  '=': equals,
  '==': equals,
  '!=': (a, b) => !equals(a, b),
  '<': comparison((a, b) => a < b, no),
  '>': comparison((a, b) => a > b, no),
  '>=': comparison((a, b) => a >= b, no),
  '<=': (a, b, c) => {
    const first = comparable(a, b);
    if (c === undefined) return first ? first[0] <= first[1] : false;
    const second = comparable(b, c);
    return first && second ? first[0] <= first[1] && first[1] <= second[1] : false;
  },
  startsWith: texts((a, b) => a.startsWith(b)),
  endsWith: texts((a, b) => a.endsWith(b)),
  contains: texts((a, b) => a.includes(b)),
  doesNotBeginWith: texts((a, b) => !a.startsWith(b)),
  doesNotEndWith: texts((a, b) => !a.endsWith(b)),
  doesNotContain: texts((a, b) => !a.includes(b)),
  containsAny: lists(share),
  doesNotContainAny: lists((a, b) => !share(a, b)),
  null: (a) => a === null,
  notNull: (a) => a !== null,
  notIn: (a, b) => Array.isArray(b) && !b.includes(a),
  between: range((value, least, most) => value >= least && value <= most),
  notBetween: range((value, least, most) => value < least || value > most),
  moreThanXAgo: ago((date, border) => date < border),
  notWithinLast: ago((date, border) => date < border),
  lessThanXAgo: ago((date, border) => date >= border),
  withinLast: ago((date, border) => date >= border && date <= now),
  exactlyXAgo: ago((date, border, tolerance) => Math.abs(date - border) <= tolerance),
  log: (a) => a,
};
for (const [name, run] of Object.entries(operators)) jsonLogic.add_operation(name, run);

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  now = request.now;
  let answer;
  try {
    const result = jsonLogic.apply(request.rule, request.data);
    answer = { ok: result ?? null, passes: !!result };
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
