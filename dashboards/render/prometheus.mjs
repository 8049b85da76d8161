// The answers of Prometheus to the queries of a dashboard.

import { substitute } from './variables.mjs';

const POINTS_MAX = 240;
const STEP_MIN_SECONDS = 15;

/** Calls the HTTP API; an error has the text of Prometheus. */
export async function get(prometheus, path, params) {
  const url = new URL(path, prometheus);
  for (const [name, value] of Object.entries(params)) url.searchParams.append(name, value);
  const answer = await (await fetch(url)).json();
  if (answer.status !== 'success') throw new Error(`${answer.errorType}: ${answer.error}`);
  return answer.data;
}

/** The answers of all panels by the panel's id: for each query its result or its error. */
export async function answers(dashboard, prometheus, time, variables) {
  const found = {};
  for (const panel of dashboard.panels.filter((one) => one.type !== 'row')) {
    found[panel.id] = await Promise.all(panel.targets.map((query) => answer(query, prometheus, time, variables)));
  }
  return found;
}

async function answer(query, prometheus, time, variables) {
  const step = Math.max(STEP_MIN_SECONDS, Math.ceil((time.to - time.from) / POINTS_MAX));
  const expr = substitute(query.expr, variables);
  try {
    const data = query.instant
      ? await get(prometheus, '/api/v1/query', { query: expr, time: time.to })
      : await get(prometheus, '/api/v1/query_range', { query: expr, start: time.from, end: time.to, step });
    return { query, step, result: data.result };
  } catch (error) {
    console.error(`${expr}\n  ${error.message}`);
    return { query, step, result: [], error: error.message };
  }
}
