// Grafana's data frames from the answers of Prometheus.

import { FieldType, getDisplayProcessor, getFieldDisplayName, toDataFrame } from '@grafana/data';

/** The name of a series: `{{label}}` in the legend is replaced. */
function named(legend, labels) {
  return legend.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => labels[label] ?? '');
}

/** The number of a sample; Prometheus writes it as a text. */
function number(text) {
  if (text === '+Inf') return Infinity;
  return text === '-Inf' ? -Infinity : Number(text);
}

/** The samples of a range, with a missing one in each gap that is longer than the line may span. */
function withGaps(points, step, { spanNulls } = {}) {
  const longest = Math.max(step, (spanNulls ?? 0) / 1000);
  return points.flatMap((point, index) => {
    const isAfterGap = index > 0 && point[0] - points[index - 1][0] > longest;
    return isAfterGap ? [[point[0] - step, 'NaN'], point] : [point];
  });
}

/** One frame for each series, with the configuration of the panel. */
export function seriesFrames(panel, queries, theme) {
  const frames = queries.flatMap(({ query, step, result }) =>
    result.map(({ metric, values, value }) => {
      const points = values ? withGaps(values, step, panel.fieldConfig.defaults.custom) : [value];
      const name = named(query.legendFormat, metric);
      const times = { name: 'Time', type: FieldType.time, config: {} };
      const numbers = { name: 'Value', type: FieldType.number, labels: metric, config: { displayNameFromDS: name } };
      times.values = points.map(([seconds]) => seconds * 1000);
      numbers.values = points.map(([, text]) => number(text)).map((one) => (Number.isNaN(one) ? null : one));
      return toDataFrame({ refId: query.refId, fields: [times, numbers] });
    }),
  );
  return configured(panel, frames, theme);
}

/** One frame for each query in the format `table`: a column for each label, and one for the value. */
export function tableFrames(queries) {
  return queries.map(({ query, result }) => {
    const labels = [...new Set(result.flatMap(({ metric }) => Object.keys(metric)))];
    const columns = labels.map((label) => ({
      name: label,
      type: FieldType.string,
      values: result.map(({ metric }) => metric[label]),
    }));
    const times = { name: 'Time', type: FieldType.time, values: result.map(({ value }) => value[0] * 1000) };
    const numbers = { name: `Value #${query.refId}`, type: FieldType.number, values: result.map(({ value }) => number(value[1])) };
    return toDataFrame({ refId: query.refId, fields: [times, ...columns, numbers] });
  });
}

/** Applies defaults and overrides of the panel to all fields, and finds limits and colours as Grafana does. */
export function configured(panel, frames, theme) {
  const { defaults, overrides } = panel.fieldConfig;
  const everything = range(frames.flatMap(({ fields }) => fields.filter(isNumeric).flatMap(({ values }) => values)));
  let seriesIndex = 0;
  for (const frame of frames) {
    for (const field of frame.fields) {
      const isNumber = isNumeric(field);
      const own = field.config;
      field.config = isNumber ? { ...structuredClone(defaults), ...own } : own;
      const name = own.displayName ?? own.displayNameFromDS ?? field.name;
      for (const { matcher, properties } of overrides ?? []) {
        if (matches(matcher, name)) properties.forEach(({ id, value }) => set(field.config, id.split('.'), value));
      }
      field.state = { seriesIndex: isNumber ? seriesIndex++ : undefined, range: isNumber ? scale(field, everything) : undefined };
      field.display = getDisplayProcessor({ field, theme });
      field.state.displayName = getFieldDisplayName(field, frame, frames);
    }
  }
  return frames;
}

function matches({ id, options }, name) {
  if (id === 'byRegexp') return new RegExp(options.replace(/^\/|\/$/g, '')).test(name);
  return options === name;
}

function set(config, [first, ...rest], value) {
  if (rest.length === 0) config[first] = value;
  else set((config[first] ??= {}), rest, value);
}

const isNumeric = ({ type }) => type === FieldType.number;

/** Limits of a field: its own, else those of all fields of the panel. */
function scale({ config, values }, everything) {
  const found = config.fieldMinMax ? range(values) : everything;
  const [min, max] = [config.min ?? found.min, config.max ?? found.max];
  return { min, max, delta: max - min };
}

function range(values) {
  const finite = values.filter((value) => Number.isFinite(value));
  return { min: Math.min(...finite), max: Math.max(...finite) };
}
