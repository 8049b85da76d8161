// Values of template variables, as Grafana would choose them when a dashboard is opened.

import { get } from './prometheus.mjs';

const LABEL_VALUES = /^label_values\((.*),\s*(\w+)\)$/;

/** The value of each variable: the chosen one, everything for a multiple one, else the first. */
export async function values(dashboard, prometheus, time, chosen) {
  const found = { datasource: 'prometheus' };
  for (const variable of dashboard.templating.list) {
    if (variable.type !== 'query') continue;
    found[variable.name] = chosen[variable.name] ?? (variable.includeAll ? variable.allValue : undefined);
    found[variable.name] ??= await first(substitute(variable.query, found), prometheus, time);
  }
  return found;
}

async function first(query, prometheus, time) {
  const [, selector, label] = query.match(LABEL_VALUES) ?? [];
  if (!selector) throw new Error(`the query of a variable is no label_values(selector, label): ${query}`);
  const params = { 'match[]': selector, start: time.from, end: time.to };
  const series = await get(prometheus, '/api/v1/series', params);
  return series.map((one) => one[label]).sort()[0] ?? '';
}

/** A text with `$name` and `${name}` replaced. */
export function substitute(text, variables) {
  return text.replace(/\$(?:\{(\w+)\}|(\w+))/g, (all, braced, plain) => variables[braced ?? plain] ?? all);
}
